import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { type PreparedDirectory, prepareDirectory } from "../deployment/prepare.ts";
import { readUserFiles } from "../deployment/user-files.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { textOf } from "../util/options.ts";
import type { ClusterChoice } from "../util/ports.ts";

/** The deployment directory that a command line means, ready to be planned from. Without `keep` nothing in it is written. */
export function preparedDirectory(ctx: Context, config: Config, keep: boolean, ticketKey?: string): Promise<PreparedDirectory> {
  return prepareDirectory(config, {
    now: ctx.now(),
    keep,
    version: ctx.version,
    distribution: ctx.distribution,
    ticketKey,
    readUsers: readUserFiles,
  });
}

/** Configuration and cluster of a command line. */
export function configurationOf(ctx: Context, input: Input): { readonly config: Config; readonly cluster: ClusterChoice } {
  return { config: loadConfig(ctx, input), cluster: clusterOf(input) };
}

/** Works on the cluster that a command line chooses, and closes the connection whatever comes of it. */
export async function withCluster<Result>(
  ctx: Context,
  input: Input,
  work: (config: Config, transport: KubeTransport) => Promise<Result>,
): Promise<Result> {
  const { config, cluster } = configurationOf(ctx, input);
  const transport = await ctx.ports.connectKube(cluster);
  try {
    return await work(config, transport);
  } finally {
    transport.close();
  }
}

/** What `--kubeconfig` and `--context` say. */
export function clusterOf(input: Input): ClusterChoice {
  return { kubeconfig: textOf(input, "kubeconfig"), context: textOf(input, "context") };
}
