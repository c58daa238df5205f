import { findDeploymentDirectory } from "../../config/directory.ts";
import { readingOf } from "../../config/load-config.ts";
import { similarNames } from "../../config/nearest.ts";
import type { ConfigReading } from "../../config/read-config.ts";
import { type Effect, effectsOf, effectWords } from "../../config/table-effects.ts";
import { changeMe, type Variable } from "../../config/variable.ts";
import { isImageName, isOwnName, isSecretName, variableByName } from "../../config/variables.ts";
import type { Command, Input, Style } from "../../util/command.ts";
import type { Context } from "../../util/context.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { directoryOption, namespaceOption, textOf } from "../../util/options.ts";
import { choice, type DataOf, flag, list, object, optional, text, texts } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { wrap } from "../../util/wrap.ts";
import { originField } from "../shapes.ts";
import { originText } from "./show.ts";

const shape = object({
  name: text("name of the variable"),
  meaning: text("sentences for the admin"),
  type: text("what its value is"),
  status: choice(
    ["used", "later", "dropped", "own", "image"],
    "`later`: read and checked, but not used by this version; `dropped`: of older scripts, does nothing; `own`: one of your own; `image`: of one session type",
  ),
  statusWords: optional(text("more about the status")),
  note: optional(text("what is true of some values only")),
  default: optional(text("the value when nobody gives one; missing when there is none")),
  value: optional(text("the value in effect here; missing when it is secret, has a problem, or no deployment directory was found")),
  secret: optional(flag("true: the value is not shown")),
  from: optional(originField),
  directory: optional(text("the deployment directory; missing when none was found")),
  problem: optional(text("what is wrong with the value")),
  changes: list(object({ what: text("a key of the effect"), words: text("a sentence about it") }), "what changes on the cluster with it"),
  usedBy: texts("the parts that use it"),
  examples: texts("lines of deploy/vdi.env"),
  see: text("page of the documentation"),
});

/** What `vdi config explain` gives. */
export type VariableExplained = DataOf<typeof shape>;

/** `vdi config explain`: one variable, here and in general. */
export const configExplain: Command<VariableExplained> = {
  path: ["config", "explain"],
  summary: "explain one variable: meaning, value here, what it changes",
  description:
    "Says what a variable is for, which value is in effect here and where it comes from, and what changes on the cluster with it. Works outside a deployment directory too.",
  args: [{ name: "name", description: "the variable", required: true, completes: "variables" }],
  options: [directoryOption, namespaceOption],
  examples: [
    { line: "vdi config explain XPRA_WORKERS", does: "which nodes run sessions, and why" },
    { line: "vdi config explain REPLICAS -o json", does: "for a script" },
  ],

  shape,

  async run(ctx, input) {
    const name = textOf(input, "name") ?? "";
    const reading = readingIfThere(ctx, input);
    const variable = variableByName.get(name);
    // A name that nobody has given a value is rather a slip of the pen than a variable of one's own.
    const isOwn = isOwnName(name) && (reading?.origins.has(name) === true || similarNames(name).length === 0);
    if (variable === undefined && !isImageName(name) && !isOwn) throw unknownName(name);
    return { ...general(name, variable), ...here(name, variable, reading) };
  },

  human(data, style) {
    const problem = data.problem === undefined ? [] : [["problem", style.red(data.problem)] as const];
    const rows: readonly (readonly [string, string])[] = [
      ["value", valueText(data, style)],
      ...problem,
      ...(data.status === "own" || data.status === "dropped" ? [] : [["default", defaultText(data.default)] as const]),
      ["type", plain(data.type)],
      ...(data.usedBy.length === 0 ? [] : [["used by", data.usedBy.join(", ")] as const]),
      ...data.changes.map(({ words }, at) => [at === 0 ? "changes" : "", words] as const),
      ...data.examples.map((example, at) => [at === 0 ? "example" : "", example] as const),
      ["see", data.see],
    ];
    const status = data.statusWords === undefined ? [] : wrap(plain(data.statusWords), 76).map((line) => style.yellow(`  ${line}`));
    return [
      style.bold(data.name),
      ...wrap(plain([data.meaning, data.note].filter(Boolean).join(" ")), 76).map((line) => `  ${line}`),
      ...status,
      "",
      ...rows.flatMap(([head, words]) =>
        // A value is shown as it is, however long; words are broken.
        (head === "value" || words.includes("=") ? [words] : wrap(plain(words), 68)).map(
          (line, at) => `${(at === 0 ? head : "").padEnd(10)}${line}`,
        ),
      ),
    ].join("\n");
  },
};

function plain(words: string): string {
  return words.replaceAll("`", "");
}

function defaultText(value: string | undefined): string {
  return value === undefined ? "none: you have to decide" : value === "" ? "empty" : value;
}

function valueText(data: VariableExplained, style: Style): string {
  if (data.directory === undefined) return style.dim("unknown: there is no deployment directory here (--dir DIR)");
  const from = data.from === undefined ? "" : style.dim(`  (${originText(data.from)})`);
  if (data.secret === true) return `(secret)${from}`;
  if (data.value === undefined) return `none${from}`;
  return `${data.value === "" ? "empty" : data.value}${from}`;
}

/** What holds everywhere. */
function general(
  name: string,
  variable: Variable | undefined,
): Omit<VariableExplained, "value" | "from" | "directory" | "problem" | "secret"> {
  if (variable === undefined) return isImageName(name) ? ofImage(name) : ofOwn(name);
  const effects = effectsOf[name];
  const used = variable.later !== true && variable.dropped === undefined;
  return {
    name,
    meaning: variable.dropped === undefined ? variable.meaning : "Known from older scripts.",
    type: variable.type.name,
    status: variable.dropped !== undefined ? "dropped" : variable.later === true ? "later" : "used",
    ...(used
      ? {}
      : {
          statusWords:
            variable.dropped === undefined
              ? "It is read and checked, but this version of vdi does not use it yet."
              : `It does nothing any more: ${variable.dropped}.`,
        }),
    ...(effects?.note === undefined ? {} : { note: effects.note }),
    ...(variable.default === changeMe ? {} : { default: variable.default }),
    changes: variable.dropped === undefined ? changesOf(effects?.changes ?? [], !isSecretName(name)) : [],
    usedBy: used ? variable.usedBy : [],
    examples: (effects?.examples ?? []).map((value) => lineOf(name, value)),
    see: `doc/configuration.md#${variable.dropped === undefined ? name.toLowerCase() : "known-from-older-scripts"}`,
  };
}

function ofImage(name: string): ReturnType<typeof general> {
  const type = name.slice("IMAGE_".length).toLowerCase().replaceAll("_", "-");
  return {
    name,
    meaning: `Image of the session type ${type}; without it the type has the image of IMAGE_DEFAULT.`,
    type: "image",
    status: "image",
    default: "",
    changes: changesOf(["sessions", "policy"], !isSecretName(name)),
    usedBy: ["deploy", "session"],
    examples: [lineOf(name, `registry.example.org:5000/vdi-${type}`)],
    see: "doc/configuration.md#your-own-variables",
  };
}

function ofOwn(name: string): ReturnType<typeof general> {
  const secret = isSecretName(name);
  return {
    name,
    meaning: secret
      ? "One of your own variables. By its name it is a secret: it is kept in a Secret that only the proxies see."
      : "One of your own variables: it goes into etc/xpra-vars.sh, into the proxies' environment and into every session.",
    type: "text",
    status: "own",
    changes: changesOf(secret ? ["proxies"] : ["proxies", "sessions"], !secret),
    usedBy: secret ? ["proxy"] : ["proxy", "session"],
    examples: secret ? [] : [lineOf(name, "a value")],
    see: "doc/configuration.md#your-own-variables",
  };
}

function changesOf(effects: readonly Effect[], isPublic: boolean): VariableExplained["changes"] {
  return [...effects, ...(isPublic ? (["scripts"] as const) : [])].map((what) => ({ what, words: effectWords[what] }));
}

function lineOf(name: string, value: string): string {
  return /^[A-Za-z0-9_./:@=+-]*$/.test(value) ? `${name}=${value}` : `${name}="${value}"`;
}

/** What holds in this deployment directory. */
function here(
  name: string,
  variable: Variable | undefined,
  reading: ConfigReading | undefined,
): Pick<VariableExplained, "value" | "from" | "directory" | "problem" | "secret"> {
  if (reading === undefined) return {};
  const value = reading.values.get(name);
  const from = reading.origins.get(name);
  // SSL_KEY and its like have a blunt name but hold a path.
  const secret = variable === undefined ? isSecretName(name) : variable.secret === true;
  const problem = reading.diagnostics.find((diagnostic) => diagnostic.name === name && diagnostic.severity === "error");
  return {
    directory: reading.directory,
    ...(from === undefined ? {} : { from }),
    ...(secret && value !== undefined && value !== "" ? { secret: true } : value === undefined ? {} : { value }),
    ...(problem === undefined ? {} : { problem: problem.message }),
  };
}

function readingIfThere(ctx: Context, input: Input): ConfigReading | undefined {
  const chosen = textOf(input, "dir") ?? textOf(input, "namespace");
  try {
    return readingOf(ctx, input);
  } catch (thrown) {
    if (chosen === undefined && thrown instanceof VdiError && !isInDirectory(ctx)) return undefined;
    throw thrown;
  }
}

function isInDirectory(ctx: Context): boolean {
  try {
    return findDeploymentDirectory({ cwd: ctx.cwd }) !== "";
  } catch {
    return false;
  }
}

function unknownName(name: string): VdiError {
  const similar = similarNames(name);
  return new VdiError({
    what: `${name} is not a variable of vdi`,
    try: similar.length > 0 ? similar.map((known) => `vdi config explain ${known}`) : "vdi config show names them all",
    see: "doc/configuration.md",
    exitCode: ExitCode.usage,
  });
}
