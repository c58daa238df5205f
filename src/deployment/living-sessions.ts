import type { V1Pod } from "@kubernetes/client-node";
import { explainKubeError } from "../kube/errors.ts";
import { hasEnded } from "../kube/ready.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import type { DeploymentNames } from "../manifests/deployment-names.ts";
import type { ObjectRef } from "../manifests/kube-object.ts";
import { sessionSelector } from "../manifests/labels.ts";
import { sessionContainer } from "../manifests/session-pod.ts";
import { askQuietly } from "./ask-quietly.ts";

interface Pods {
  readonly items?: readonly V1Pod[];
}

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
    const pods = await transport.json<Pods>({ path: podsPath(namespace), query: ofSessions, signal });
    const used = new Set(living(pods).flatMap(mountedConfigMaps));
    return maps.filter(({ name }) => used.has(name));
  } catch (thrown) {
    throw explainKubeError(thrown, "what the sessions mount cannot be read");
  }
}

/** The ports on which Xpra listens in sessions; undefined: the admin may not read their pods. */
export async function portsInUse(
  transport: KubeTransport,
  { namespace }: Pick<DeploymentNames, "namespace">,
  signal?: AbortSignal,
): Promise<readonly number[] | undefined> {
  const pods = await askQuietly<Pods>(transport, podsPath(namespace), ofSessions, signal);
  return pods === undefined ? undefined : [...new Set(living(pods).flatMap(xpraPorts))];
}

const ofSessions = { labelSelector: sessionSelector };

function podsPath(namespace: string): string {
  return kubePath("api", "v1", "namespaces", namespace, "pods");
}

function living({ items = [] }: Pods): readonly V1Pod[] {
  return items.filter((pod) => !hasEnded(pod));
}

function xpraPorts({ spec }: V1Pod): readonly number[] {
  const own = spec?.containers.find(({ name }) => name === sessionContainer);
  return (own?.ports ?? []).map(({ containerPort }) => containerPort);
}

function mountedConfigMaps({ spec }: V1Pod): readonly string[] {
  const sources = (spec?.volumes ?? []).flatMap(({ configMap, projected }) => [
    configMap,
    ...(projected?.sources ?? []).map((source) => source.configMap),
  ]);
  return sources.flatMap((source) => source?.name ?? []);
}
