import { basename } from "node:path";
import type { Config } from "../config/config.ts";
import { applyObjects } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { touchPods } from "../kube/touch-pods.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { directoryAnnotation, proxySelector } from "../manifests/deployment-names.ts";
import { checkOwnership } from "./cluster-facts.ts";
import { namespacesOf } from "./deploy.ts";
import { isOurs } from "./inventory.ts";
import { applyLatestUsers } from "./latest-users.ts";

/** What became of the users on the cluster. `absent`: nothing is deployed there yet. */
export interface UsersApplied {
  readonly state: "absent" | "unchanged" | "updated";
  /** The proxies that were told to look at once. */
  readonly proxies: readonly string[];
}

/** What is needed to give users to the proxies. */
export interface ApplyUsersOptions {
  readonly transport: KubeTransport;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives the directory's users to the proxies of a deployment that is on the cluster: applies their Secret and makes the kubelets look at
 * it at once, so that running proxies know of a change within seconds.
 */
export async function applyUsers(config: Config, options: ApplyUsersOptions): Promise<UsersApplied> {
  const { transport, signal } = options;
  const namespaces = await namespacesOf(transport, config, signal);
  // A namespace that somebody prepared, and nothing was deployed into, has no annotation of ours yet.
  if (namespaces[0]?.metadata.annotations?.[directoryAnnotation] === undefined) return { state: "absent", proxies: [] };
  checkOwnership(config, namespaces, basename(config.directory), options.version);
  let isChanged = false;
  await applyLatestUsers(config, async (secret) => {
    const [applied] = await applyObjects(transport, [secret], { signal, isOurs: (object) => isOurs(config, object) });
    isChanged ||= applied?.outcome !== "unchanged";
  });
  if (!isChanged) return { state: "unchanged", proxies: [] };
  const selector = Object.entries(proxySelector(config))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const mark = new Date(options.now).toISOString();
  try {
    return { state: "updated", proxies: await touchPods(transport, { namespace: config.ingressNamespace, selector }, mark, signal) };
  } catch (thrown) {
    throw explainKubeError(thrown, "the running proxies could not be told of the change, and will see it within two minutes");
  }
}
