import { execa } from "execa";
import { waitUntilThere } from "../../src/util/wait-until-there.ts";
import type { ClusterAccess } from "../cluster/access.ts";

/**
 * How to use the test cluster, as its command says once it is ready; `root` is the repository. On a busy machine its node is not ready
 * for moments, or does not answer in time.
 */
export async function readyCluster(root: string, signal?: AbortSignal): Promise<ClusterAccess> {
  let access: ClusterAccess | undefined;
  const stop = signal === undefined ? {} : { cancelSignal: signal };
  const look = async (): Promise<string | undefined> => {
    const status = ["run", "--silent", "cluster", "--", "status", "--json"];
    const { stdout, stderr, shortMessage } = await execa("npm", status, { cwd: root, reject: false, timeout: 60_000, ...stop });
    if (!stdout.startsWith("{")) return `${shortMessage ?? "no answer"}: ${stderr}`;
    const { state, ...found } = JSON.parse(stdout) as ClusterAccess & { readonly state: string };
    if (state !== "ready") return state;
    access = found;
    return undefined;
  };
  await waitUntilThere({ what: "a test cluster that is ready", timeoutMs: 60_000, everyMs: 1_000 }, look, signal);
  if (access === undefined) throw new Error("the cluster is ready, and does not say how it is used");
  return access;
}
