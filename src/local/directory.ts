import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { configurationError } from "../config/diagnostics.ts";
import { findDeploymentDirectory } from "../config/directory.ts";
import { withValues } from "../config/env-file.ts";
import { loadConfig } from "../config/load-config.ts";
import { configFile, readConfigText } from "../config/read-config.ts";
import { initDeployment } from "../init/init-deployment.ts";
import { readTextIfThere, readUtf8IfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import type { Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { numberOf, textOf } from "../util/options.ts";
import { VdiError } from "../util/vdi-error.ts";
import { addressValues, defaultDirectory, isNoRegistry, localValues } from "./local-values.ts";

/** Which deployment directory is meant: `--dir`, else the one that we are in, else `~/vdi-local`. It may not be there yet. */
export function localDirectory(ctx: Pick<Context, "cwd" | "env">, input: Input): string {
  const dir = textOf(input, "dir");
  if (dir !== undefined) return path.resolve(ctx.cwd, dir);
  try {
    return findDeploymentDirectory({ cwd: ctx.cwd });
  } catch (thrown) {
    if (!(thrown instanceof VdiError)) throw thrown;
    return defaultDirectory(ctx.env);
  }
}

/** The configuration of a deployment that has been brought up before. Throws where there is none. */
export function localConfig(ctx: Context, input: Input): Config {
  const directory = localDirectory(ctx, input);
  if (!isDirectory(directory))
    throw new VdiError({
      what: "there is nothing on this machine yet",
      why: `${directory} is not a deployment directory`,
      try: "vdi local up",
      see: "doc/local.md",
      exitCode: ExitCode.usage,
    });
  return loadConfig(ctx, { dir: directory });
}

/**
 * The configuration to bring up. A directory that is not there is made, with what one machine needs; one that was made so is brought up to
 * this version. A directory that an admin made for something else stays as it is. What `--listen` and `--port` say is kept in it, once
 * `accept` has not thrown.
 */
export async function preparedConfig(ctx: Context, input: Input, accept: (config: Config) => Promise<void>): Promise<Config> {
  const directory = localDirectory(ctx, input);
  const isNew = !isDirectory(directory);
  const isOurs = isNew || isNoRegistry(loadConfig({ ...ctx, progress: silent }, { dir: directory }).registry);
  if (isOurs) {
    const result = await initDeployment({
      directory,
      distribution: ctx.distribution,
      version: ctx.version,
      force: false,
      values: isNew ? localValues(path.basename(directory)) : new Map(),
      interactive: false,
      progress: ctx.progress,
      signal: ctx.signal,
      confirm: async () => false,
      now: () => ctx.now(),
    });
    if (isNew) ctx.progress.line(`deployment directory: ${directory}`);
    const changed = result.added.length + result.updated.length + result.removed.length;
    if (!isNew && changed > 0) ctx.progress.line(`${directory}: ${counted(changed, "file")} brought up to this version of vdi`);
    for (const file of result.news)
      ctx.progress.line(`${file}: yours is kept, this version has a newer one (vdi init ${directory} --force takes it)`);
  }
  const file = path.join(directory, configFile);
  const address = addressValues(textOf(input, "listen"), numberOf(input, "port"), isOurs);
  const text = withValues((await (address.size === 0 ? readTextIfThere : readUtf8IfThere)(file)) ?? "", address);
  const { config, diagnostics } = readConfigText({ dir: directory, env: ctx.env }, text);
  if (config === undefined) throw configurationError(configFile, diagnostics);
  await accept(config);
  if (address.size === 0) await chmod(file, 0o600);
  else await writeFileIfChanged(file, text, 0o600);
  return loadConfig(ctx, { dir: directory });
}

const silent = { line: () => undefined, status: () => undefined, clear: () => undefined };

function isDirectory(directory: string): boolean {
  return existsSync(path.join(directory, configFile));
}
