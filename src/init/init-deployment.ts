import { chmod } from "node:fs/promises";
import path from "node:path";
import { lineOf } from "../config/diagnostics.ts";
import { freshEnvFile, withValues } from "../config/env-file.ts";
import { configFile, readConfigText } from "../config/read-config.ts";
import { isOwnName, isSecretName, variables } from "../config/variables.ts";
import { readBytesIfThere, readTextIfThere, readUtf8IfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import type { ProgressSink } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { replacedDirectory } from "../util/replaced-directory.ts";
import { VdiError } from "../util/vdi-error.ts";
import { distributionFiles, printOf } from "./distribution.ts";
import { layOut } from "./lay-out.ts";
import { checkPlace } from "./place.ts";
import { type FileAction, type PlannedFile, planLayout } from "./plan.ts";
import { type DistributionRecord, readRecord } from "./record.ts";

/** What `initDeployment` needs to know, and how it reaches the admin. */
export interface InitOptions {
  /** The deployment directory, absolute. */
  readonly directory: string;
  /** The distribution, absolute. */
  readonly distribution: string;
  readonly version: string;
  /** The admin's changed files give way, after they have been shown. */
  readonly force: boolean;
  /** Values for `deploy/vdi.env`. */
  readonly values: ReadonlyMap<string, string>;
  readonly interactive: boolean;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  confirm(question: string): Promise<boolean>;
  now(): number;
}

/** What `vdi init` did, and what is left to do. Paths are below the directory. */
export interface InitResult {
  readonly directory: string;
  readonly namespace: string;
  /** False when there was a deployment already. */
  readonly isNew: boolean;
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
  /** Files that the admin had changed and that gave way; they are kept in `backup`. */
  readonly replaced: readonly string[];
  readonly backup?: string;
  /** Files that the admin changed, and that stay so. */
  readonly kept: readonly string[];
  /** Those of them of which this version has a newer one. */
  readonly news: readonly string[];
  /** Files that the admin removed, and that stay away. */
  readonly keptAway: readonly string[];
  /** Variables that `deploy/vdi.env` does not mention yet. */
  readonly newVariables: readonly string[];
  /** Variables that `--set` changed. */
  readonly set: readonly string[];
  /** Variables that are still CHANGEME. */
  readonly undecided: readonly string[];
}

/** Lays out a deployment directory, or brings it up to this version; what the admin changed stays as it is. */
export async function initDeployment(options: InitOptions): Promise<InitResult> {
  const { directory } = options;
  await checkPlace(directory, options.distribution);
  const record = await readRecord(directory);
  if (record !== undefined) refuseOlder(record, options);
  const env = await planEnvFile(options);
  const files = await distributionFiles(options.distribution);
  const state = record ?? { version: 1 as const, vdi: options.version, files: {} };
  const actual = new Map<string, string>();
  for (const name of new Set([...files.keys(), ...Object.keys(state.files)])) {
    const print = await printOf(path.join(directory, name));
    if (print !== undefined) actual.set(name, print);
  }
  const distributed = new Map([...files].map(([name, file]) => [name, file.print]));
  const plan = planLayout({ distributed, actual, record: state }, options.force);
  const byAction = (...actions: readonly FileAction[]): readonly string[] =>
    plan.filter(({ action }) => actions.includes(action)).map((file) => file.path);
  const backup = replacedDirectory(options.now());
  await askToReplace(plan, backup, options);
  await layOut({ directory, version: options.version, files, plan, record: state, backup, signal: options.signal });
  // The last file: only with it this is a deployment directory.
  await writeEnvFile(options);
  const replaced = byAction("replace");
  return {
    directory,
    namespace: env.namespace,
    isNew: env.isNew,
    added: byAction("add"),
    updated: byAction("update"),
    removed: byAction("remove"),
    replaced,
    ...(replaced.length === 0 ? {} : { backup }),
    kept: byAction("keep", "keep-news"),
    news: byAction("keep-news"),
    keptAway: byAction("keep-removed"),
    newVariables: env.newVariables,
    set: [...options.values.keys()],
    undecided: env.undecided,
  };
}

function refuseOlder(record: DistributionRecord, { version, directory }: InitOptions): void {
  const [mine, theirs] = [version, record.vdi].map((text) => text.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0));
  for (const [place, number] of (theirs ?? []).slice(0, 3).entries()) {
    const difference = number - (mine?.[place] ?? 0);
    if (difference < 0) return;
    if (difference === 0) continue;
    throw new VdiError({
      what: `${directory} was laid out by a newer vdi`,
      why: `that was vdi ${record.vdi}, this is ${version}`,
      try: `install vdi ${record.vdi} or newer`,
      exitCode: ExitCode.usage,
    });
  }
}

interface EnvPlan {
  readonly isNew: boolean;
  readonly namespace: string;
  readonly newVariables: readonly string[];
  readonly undecided: readonly string[];
}

/** What `deploy/vdi.env` is going to hold. Throws for a `--set` that would not be right, before anything is written. */
async function planEnvFile({ directory, values }: InitOptions): Promise<EnvPlan> {
  for (const name of values.keys()) {
    if (!isSecretName(name) || !(isOwnName(name) || name.startsWith("IDM_"))) continue;
    throw new VdiError({
      what: `${name} cannot be given on the command line`,
      why: "it is a secret, and everybody on this machine can see command lines",
      try: `write it into ${path.join(directory, configFile)}, or give it in the environment of the commands that need it`,
      exitCode: ExitCode.usage,
    });
  }
  const file = path.join(directory, configFile);
  const before = await (values.size === 0 ? readTextIfThere : readUtf8IfThere)(file);
  const text = withValues(before ?? freshEnvFile(), values);
  const reading = readConfigText({ dir: directory, env: {} }, text);
  const wrong = reading.diagnostics.filter(
    (diagnostic) => diagnostic.severity === "error" && diagnostic.code !== "changeme" && values.has(diagnostic.name ?? ""),
  );
  if (wrong.length > 0) {
    throw new VdiError({
      what: "--set gives a value that is not right",
      why: wrong.map(({ message }) => message).join("\n"),
      see: "doc/configuration.md",
      exitCode: ExitCode.usage,
    });
  }
  const isMentioned = (name: string): boolean => new RegExp(`^[ \\t#]*(export[ \\t]+)?${name}=`, "m").test(text);
  return {
    isNew: before === undefined,
    namespace: reading.values.get("NAMESPACE") ?? path.basename(directory),
    newVariables: variables.filter((variable) => variable.main === true && !isMentioned(variable.name)).map((variable) => variable.name),
    undecided: reading.diagnostics
      .filter((diagnostic) => diagnostic.code === "changeme")
      .map((diagnostic) => diagnostic.name ?? lineOf(diagnostic)),
  };
}

/** Reads the file once more: the question and the layout take their time, and what an editor saved meanwhile has to stay. */
async function writeEnvFile({ directory, values }: InitOptions): Promise<void> {
  const file = path.join(directory, configFile);
  if (values.size === 0 && (await readBytesIfThere(file)) !== undefined) await chmod(file, 0o600);
  else await writeFileIfChanged(file, withValues((await readUtf8IfThere(file)) ?? freshEnvFile(), values), 0o600);
}

/** Shows which files would give way, and asks whoever can be asked. */
async function askToReplace(plan: readonly PlannedFile[], backup: string, options: InitOptions): Promise<void> {
  const replaced = plan.filter(({ action }) => action === "replace");
  if (replaced.length === 0) return;
  options.progress.line(`these files are not as the distribution has them; they go to ${backup}:`);
  for (const file of replaced) options.progress.line(`  ${file.path}`);
  if (!options.interactive || (await options.confirm(`Replace ${replaced.length === 1 ? "it" : `these ${replaced.length} files`}?`)))
    return;
  throw new VdiError({ what: "nothing was replaced", why: "the answer was no", try: "without --force the files stay as they are" });
}
