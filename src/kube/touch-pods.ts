import type { V1Pod } from "@kubernetes/client-node";
import { isKubeStatus } from "./kube-error.ts";
import { patchMetadata } from "./patch-metadata.ts";
import { type KubeTransport, kubePath } from "./transport.ts";

/** Annotation whose change makes the kubelet look at a pod, and at the Secrets and ConfigMaps that it mounts, at once. Its value says for what. */
const annotation = "vdi.xpra.org/refreshed";

/**
 * Makes running pods see changed Secrets and ConfigMaps now; by itself the kubelet looks about once a minute.
 * A pod that has this mark already has been told. Gives the names of the others.
 */
export async function touchPods(
  transport: KubeTransport,
  place: { readonly namespace: string; readonly selector: string },
  mark: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const pods = kubePath("api", "v1", "namespaces", place.namespace, "pods");
  const { items = [] } = await transport.json<{ items?: readonly V1Pod[] }>({
    path: pods,
    query: { labelSelector: place.selector },
    signal,
  });
  const touched: string[] = [];
  for (const { metadata } of items) {
    const name = metadata?.name ?? "";
    if (name === "" || metadata?.deletionTimestamp !== undefined || metadata?.annotations?.[annotation] === mark) continue;
    try {
      await patchMetadata(transport, `${pods}${kubePath(name)}`, { annotations: { [annotation]: mark } }, signal);
      touched.push(name);
    } catch (thrown) {
      if (!isKubeStatus(thrown, 404)) throw thrown;
    }
  }
  return touched;
}
