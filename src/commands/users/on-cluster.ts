import { basename } from "node:path";
import type { Config } from "../../config/config.ts";
import { checkOwnership } from "../../deployment/cluster-facts.ts";
import { namespacesOf } from "../../deployment/deploy.ts";
import { lostUsers } from "../../deployment/earlier-deployment.ts";
import { applyUsers } from "../../deployment/users-secret.ts";
import type { KubeTransport } from "../../kube/transport.ts";
import { hasOwnUsers } from "../../users/user-store.ts";
import type { Input, Style } from "../../util/command.ts";
import type { Context } from "../../util/context.ts";
import { ExitCode } from "../../util/exit-code.ts";
import type { ClusterChoice } from "../../util/ports.ts";
import { choice, type DataOf, object, optional, text, texts } from "../../util/shape.ts";
import { isAbort, messageOf, VdiError } from "../../util/vdi-error.ts";
import { clusterOf } from "../prepared.ts";
import { exitCodeField } from "../shapes.ts";

/** What became of a change of users on the cluster. */
export const onClusterField = object(
  {
    state: choice(
      ["none", "absent", "off", "unchanged", "updated", "failed"],
      "`none`: no cluster is chosen; `absent`: nothing is deployed yet; `off`: XPRA_DEMO_USERS is not Y",
    ),
    proxies: texts("the running proxies that were told"),
    reason: optional(text("why it failed")),
    exitCode: exitCodeField,
  },
  "what became of it on the cluster",
);

/** What became of a change of users on the cluster. */
export type OnCluster = DataOf<typeof onClusterField>;

/** Before users are written into a directory that has none of its own: throws when that would take the proxies' users away. */
export async function checkUsersKept(ctx: Context, input: Input, config: Config, adding: readonly string[] = []): Promise<void> {
  if (!config.demoUsers || (await hasOwnUsers(config.directory))) return;
  const lost = await lostOnCluster(ctx, input, config, adding).catch((thrown: unknown) => {
    if (isAbort(thrown)) throw thrown;
    // A cluster that cannot be asked is told by `bringToCluster`: users may be made without one.
    return undefined;
  });
  if (lost !== undefined) throw lost;
}

async function lostOnCluster(ctx: Context, input: Input, config: Config, adding: readonly string[]): Promise<VdiError | undefined> {
  const transport = await ctx.ports.connectKube(clusterOf(input));
  try {
    const namespaces = await namespacesOf(transport, config, ctx.signal);
    checkOwnership(config, namespaces, basename(config.directory), ctx.version);
    return await lostUsers(transport, config, { adding, signal: ctx.signal });
  } finally {
    transport.close();
  }
}

/**
 * Brings the users of the directory to the proxies. It never throws: by now the files are written, and new passwords have to be shown.
 */
export async function bringToCluster(ctx: Context, input: Input, config: Config): Promise<OnCluster> {
  if (!config.demoUsers) return { state: "off", proxies: [], exitCode: ExitCode.ok };
  const choice = clusterOf(input);
  try {
    const transport = await connect(ctx, choice);
    if (transport === undefined) return { state: "none", proxies: [], exitCode: ExitCode.ok };
    try {
      ctx.progress.status("telling the proxies");
      const applied = await applyUsers(config, { transport, version: ctx.version, now: ctx.now(), signal: ctx.signal });
      return { ...applied, exitCode: ExitCode.ok };
    } finally {
      transport.close();
    }
  } catch (thrown) {
    if (isAbort(thrown)) return { state: "failed", proxies: [], reason: "interrupted", exitCode: ExitCode.interrupted };
    const exitCode = thrown instanceof VdiError ? thrown.exitCode : ExitCode.failed;
    return { state: "failed", proxies: [], reason: messageOf(thrown), exitCode };
  }
}

async function connect(ctx: Context, choice: ClusterChoice): Promise<KubeTransport | undefined> {
  try {
    return await ctx.ports.connectKube(choice);
  } catch (thrown) {
    // Nobody has chosen a cluster: users may be made before there is one.
    const isChosen = choice.kubeconfig !== undefined || choice.context !== undefined || (ctx.env["KUBECONFIG"] ?? "") !== "";
    if (!isChosen && thrown instanceof VdiError && thrown.exitCode === ExitCode.usage) return undefined;
    throw thrown;
  }
}

/** One line about the cluster. */
export function clusterLine(cluster: OnCluster, style: Style): string {
  switch (cluster.state) {
    case "updated":
      return cluster.proxies.length === 0
        ? "the cluster has the change; no proxy is running"
        : `the proxies know it within seconds: ${cluster.proxies.join(", ")}`;
    case "unchanged":
      return "the cluster has it already";
    case "off":
      return style.yellow("XPRA_DEMO_USERS is not Y: the proxies do not use these users");
    case "failed":
      return style.red(`the proxies do not know it: ${cluster.reason ?? ""}; 'vdi deploy' brings it to them`);
    default:
      return "'vdi deploy' brings it to the proxies";
  }
}
