import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { type PreparedDirectory, prepareDirectory } from "../deployment/prepare.ts";
import { readUserFiles } from "../deployment/user-files.ts";
import type { Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { textOf } from "../util/options.ts";
import type { ClusterChoice } from "../util/ports.ts";

/** The deployment directory that a command line means, ready to be planned from. Without `keep` nothing in it is written. */
export function preparedDirectory(ctx: Context, config: Config, keep: boolean): Promise<PreparedDirectory> {
  return prepareDirectory(config, {
    now: ctx.now(),
    keep,
    version: ctx.version,
    distribution: ctx.distribution,
    readUsers: readUserFiles,
  });
}

/** Configuration and cluster of a command line. */
export function configurationOf(ctx: Context, input: Input): { readonly config: Config; readonly cluster: ClusterChoice } {
  return { config: loadConfig(ctx, input), cluster: clusterOf(input) };
}

/** What `--kubeconfig` and `--context` say. */
export function clusterOf(input: Input): ClusterChoice {
  return { kubeconfig: textOf(input, "kubeconfig"), context: textOf(input, "context") };
}
