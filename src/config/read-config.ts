import { readFileSync } from "node:fs";
import path from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { buildConfig, checkTogether } from "./build-config.ts";
import type { Config, Origin } from "./config.ts";
import { type Diagnostic, errorsOf } from "./diagnostics.ts";
import { type Assignment, type Part, parseEnvFile } from "./dotenv.ts";
import { nearestName } from "./nearest.ts";
import { type RawValue, resolveReferences } from "./resolve.ts";
import { image } from "./value-types.ts";
import { changeMe, directoryNameReference, directoryReference } from "./variable.ts";
import { isImageName, isOwnName, isSecretName, variableByName, variables } from "./variables.ts";

/** Where a configuration is read from. */
export interface ConfigSource {
  /** The deployment directory. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables that were given on the command line, by name. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
}

/** What was read: the configuration when it has no error, and everything there is to say about it. */
export interface ConfigReading {
  readonly directory: string;
  /** The file as it is named to the admin. */
  readonly file: string;
  readonly config: Config | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** All values that could be resolved, also when the configuration has errors. */
  readonly values: ReadonlyMap<string, string>;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** The configuration file, below the deployment directory. */
export const configFile = "deploy/vdi.env";

/** Variables that `vdi` gives to every session itself; an own variable of that name would have no effect, or a bad one. */
const reserved = new Set(["XPRA_PASSWORD", "XPRA_SESSION", "XPRA_MHD", "XPRA_MODE", "XPRA_POD_DISPLAY", "XPRA_ARGV"]);

/**
 * Reads a deployment's configuration: built-in defaults, then `deploy/vdi.env`, then the environment, then flags. It never
 * throws for what is in the file; all problems are in the result. From the environment come the variables that `vdi`
 * knows and those that have a line in the file, so that a stray `XPRA_*` of a session does not get into a deployment.
 */
export function readConfig(source: ConfigSource): ConfigReading {
  return readConfigText(source, readEnvFile(path.resolve(source.dir)));
}

/** The same with the file's text given, before it is written. */
export function readConfigText(source: ConfigSource, text: string): ConfigReading {
  const directory = path.resolve(source.dir);
  const parsed = parseEnvFile(text, configFile);
  const diagnostics: Diagnostic[] = [...parsed.diagnostics];
  const raw = new Map<string, RawValue>();
  const origins = new Map<string, Origin>();
  const set = (name: string, parts: readonly Part[], origin: Origin): void => {
    raw.set(name, { parts, place: placeOf(origin) });
    origins.set(name, origin);
  };
  const literal = (value: string): readonly Part[] => [{ kind: "text", text: value }];

  for (const variable of variables) {
    if (variable.dropped === undefined) set(variable.name, parseDefault(variable.default), { kind: "default" });
  }
  for (const assignment of parsed.assignments) {
    diagnostics.push(...checkName(assignment, parsed.assignments));
    if (variableByName.get(assignment.name)?.dropped === undefined) {
      set(assignment.name, assignment.parts, { kind: "file", file: configFile, line: assignment.line });
    }
  }
  for (const name of [...raw.keys()]) {
    const value = source.env[name];
    if (value !== undefined) set(name, literal(value), { kind: "environment" });
  }
  for (const [name, value] of Object.entries(source.flags ?? {})) {
    if (value !== undefined) set(name, literal(value), { kind: "flag" });
  }

  const builtIn = new Map([
    [directoryReference, directory],
    [directoryNameReference, path.basename(directory)],
  ]);
  const { values, diagnostics: unresolved } = resolveReferences(raw, builtIn);
  diagnostics.push(...unresolved);
  // The values come in the order of their references, so a variable's references are judged before it; what only passes a
  // bad value on gets no message of its own.
  const fine = new Set<string>();
  for (const [name, value] of values) {
    const parts = raw.get(name)?.parts ?? [];
    if (parts.some((part) => part.kind === "reference" && !builtIn.has(part.name) && !fine.has(part.name))) continue;
    const problem = checkValue(name, value, origins.get(name) ?? { kind: "default" });
    if (problem === undefined) fine.add(name);
    else diagnostics.push(problem);
  }
  for (const found of checkTogether(values, (name) => fine.has(name))) {
    diagnostics.push({ ...found, ...raw.get(found.name ?? "")?.place });
  }
  const config = errorsOf(diagnostics).length === 0 ? buildConfig(directory, published(values), origins) : undefined;
  return { directory, file: configFile, config, diagnostics: inOrder(diagnostics), values: published(values), origins };
}

/** Without the helpers that exist only to be referred to. */
function published(values: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...values].filter(([name]) => variableByName.has(name) || isImageName(name) || isOwnName(name)));
}

function readEnvFile(directory: string): string {
  const file = path.join(directory, configFile);
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const missing = (thrown as NodeJS.ErrnoException).code === "ENOENT";
    throw new VdiError({
      what: missing ? `${directory} is not a deployment directory` : `${file} cannot be read`,
      why: missing ? `there is no ${configFile} in it` : messageOf(thrown),
      try: missing ? [`vdi init ${directory}`, "name the deployment directory with --dir"] : undefined,
      see: missing ? "doc/configuration.md" : undefined,
      exitCode: ExitCode.usage,
      cause: thrown,
    });
  }
}

function parseDefault(value: string): readonly Part[] {
  // Defaults use the same references as the file, so they are read by the same parser.
  return parseEnvFile(`V="${value}"`, "defaults").assignments[0]?.parts ?? [];
}

function placeOf(origin: Origin): { readonly file?: string; readonly line?: number } {
  if (origin.kind === "default") return { file: configFile };
  return { ...(origin.file === undefined ? {} : { file: origin.file }), ...(origin.line === undefined ? {} : { line: origin.line }) };
}

function checkName(assignment: Assignment, all: readonly Assignment[]): readonly Diagnostic[] {
  const { name, line } = assignment;
  const found: Diagnostic[] = [];
  const add = (severity: Diagnostic["severity"], code: Diagnostic["code"], message: string): void =>
    void found.push({ severity, code, name, message, file: configFile, line });
  const earlier = all.find((other) => other.name === name && other.line < line);
  if (earlier !== undefined) add("warning", "name", `${name} has a value in line ${earlier.line} already; this one counts`);
  const variable = variableByName.get(name);
  const value = assignment.parts.map((part) => (part.kind === "text" ? part.text : part.name)).join("");
  if (variable?.dropped !== undefined && value !== "")
    add("warning", "unused", `${name} is not used any more: ${variable.dropped.replaceAll("`", "")}`);
  else if (variable?.later === true && value !== "")
    add("warning", "unused", `${name} is read, but this version of vdi does not use it yet`);
  if (variable !== undefined || isImageName(name)) return found;
  if (reserved.has(name)) add("error", "name", `${name} is a name that vdi itself sets in every session; choose another one`);
  else if (name === directoryReference || name === directoryNameReference)
    add("error", "name", `${name} is given by vdi and cannot be set`);
  else if (isOwnName(name)) {
    const near = nearestName(name);
    if (near !== undefined) add("warning", "name", `${name} counts as one of your own variables; did you mean ${near}?`);
  } else if (!all.some((other) => other.parts.some((part) => part.kind === "reference" && part.name === name))) {
    const near = nearestName(name);
    const hint = near === undefined ? "your own variables begin with XPRA_" : `did you mean ${near}?`;
    add("error", "name", `${name} is not a variable of vdi; ${hint}`);
  }
  return found;
}

function checkValue(name: string, value: string, origin: Origin): Diagnostic | undefined {
  if (new RegExp(`(^|[^A-Za-z0-9_])${changeMe}($|[^A-Za-z0-9_])`).test(value)) {
    const message =
      origin.kind === "default"
        ? `${name} has no line, and its default is ${changeMe}`
        : `${name} is still ${changeMe}${fromWhere(origin)}`;
    return { severity: "error", code: "changeme", name, message, ...placeOf(origin) };
  }
  const type = variableByName.get(name)?.type ?? (isImageName(name) && value !== "" ? image : undefined);
  const problem = type?.problem(value) ?? (value.includes("\0") ? "must not hold a null character" : undefined);
  if (problem === undefined) return undefined;
  const shown = value === "" || isSecretName(name) || value.length > 200 ? "" : ` (it is '${value}')`;
  return { severity: "error", code: "value", name, message: `${name} ${problem}${shown}${fromWhere(origin)}`, ...placeOf(origin) };
}

function fromWhere(origin: Origin): string {
  if (origin.kind === "environment") return ", in the environment";
  return origin.kind === "flag" ? ", on the command line" : "";
}

function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...diagnostics].sort((one, other) => (one.line ?? Number.POSITIVE_INFINITY) - (other.line ?? Number.POSITIVE_INFINITY) || 0);
}
