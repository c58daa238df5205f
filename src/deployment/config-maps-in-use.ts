import type { V1Pod } from "@kubernetes/client-node";
import { explainKubeError } from "../kube/errors.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import type { DeploymentNames } from "../manifests/deployment-names.ts";
import type { ObjectRef } from "../manifests/kube-object.ts";
import { sessionSelector } from "../manifests/labels.ts";

/**
 * Which of these objects are ConfigMaps that sessions still mount. A pod that waits for a node could never start without them.
 * Nothing is asked where none of them can be.
 */
export async function configMapsInUse(
  transport: KubeTransport,
  { namespace }: Pick<DeploymentNames, "namespace">,
  refs: readonly ObjectRef[],
  signal?: AbortSignal,
): Promise<readonly ObjectRef[]> {
  const maps = refs.filter((ref) => ref.kind === "ConfigMap" && ref.namespace === namespace);
  if (maps.length === 0) return [];
  try {
    const { items = [] } = await transport.json<{ items?: readonly V1Pod[] }>({
      path: kubePath("api", "v1", "namespaces", namespace, "pods"),
      query: { labelSelector: sessionSelector },
      signal,
    });
    const used = new Set(items.flatMap(mountedConfigMaps));
    return maps.filter(({ name }) => used.has(name));
  } catch (thrown) {
    throw explainKubeError(thrown, "what the sessions mount cannot be read");
  }
}

/** The ConfigMaps of a pod that has not ended. */
function mountedConfigMaps({ spec, status }: V1Pod): readonly string[] {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return [];
  const sources = (spec?.volumes ?? []).flatMap(({ configMap, projected }) => [
    configMap,
    ...(projected?.sources ?? []).map((source) => source.configMap),
  ]);
  return sources.flatMap((source) => source?.name ?? []);
}
