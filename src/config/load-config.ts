import type { Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { textOf } from "../util/options.ts";
import type { Config } from "./config.ts";
import { configurationError, lineOf } from "./diagnostics.ts";
import { findDeploymentDirectory } from "./directory.ts";
import { type ConfigReading, readConfig } from "./read-config.ts";

/** Reads the configuration that a command's `--dir` and `--namespace` mean, whatever its problems. */
export function readingOf(ctx: Pick<Context, "cwd" | "env">, input: Input): ConfigReading {
  const namespace = textOf(input, "namespace");
  const dir = findDeploymentDirectory({ cwd: ctx.cwd, dir: textOf(input, "dir"), namespace: namespace ?? ctx.env["NAMESPACE"] });
  return readConfig({ dir, env: ctx.env, flags: { NAMESPACE: namespace } });
}

/** The configuration for a command that works with it: warnings go to the progress, any error ends it with exit code 2. */
export function loadConfig(ctx: Pick<Context, "cwd" | "env" | "progress">, input: Input): Config {
  const reading = readingOf(ctx, input);
  if (reading.config === undefined) throw configurationError(reading.file, reading.diagnostics);
  for (const diagnostic of reading.diagnostics) ctx.progress.line(`warning: ${lineOf(diagnostic)}`);
  return reading.config;
}
