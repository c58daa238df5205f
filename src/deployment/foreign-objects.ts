import type { Config } from "../config/config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { mapLimited } from "../util/map-limited.ts";
import { isOurs } from "./inventory.ts";

interface FoundObject extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly ownerReferences?: readonly unknown[] };
}

/** What the API server says of its kinds, group by group (aggregated discovery). */
interface Discovery {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly { readonly version: string; readonly resources?: readonly DiscoveredKind[] }[];
  }[];
}

interface DiscoveredKind {
  readonly resource: string;
  readonly singularResource?: string;
  readonly scope: "Namespaced" | "Cluster";
  readonly verbs: readonly string[];
}

/** Groups of Kubernetes itself: what of them belongs to an admin is among those below. */
const builtIn = new Set([
  "apps",
  "authorization.k8s.io",
  "autoscaling",
  "batch",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
  "extensions",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
]);

/** What admins make in namespaces: the word for one, and where all of a namespace are. */
const looked: Readonly<Record<string, readonly [api: string, plural: string]>> = {
  persistentvolumeclaim: ["api/v1", "persistentvolumeclaims"],
  pod: ["api/v1", "pods"],
  service: ["api/v1", "services"],
  secret: ["api/v1", "secrets"],
  configmap: ["api/v1", "configmaps"],
  serviceaccount: ["api/v1", "serviceaccounts"],
  resourcequota: ["api/v1", "resourcequotas"],
  limitrange: ["api/v1", "limitranges"],
  deployment: ["apis/apps/v1", "deployments"],
  statefulset: ["apis/apps/v1", "statefulsets"],
  daemonset: ["apis/apps/v1", "daemonsets"],
  cronjob: ["apis/batch/v1", "cronjobs"],
  job: ["apis/batch/v1", "jobs"],
  horizontalpodautoscaler: ["apis/autoscaling/v2", "horizontalpodautoscalers"],
  ingress: ["apis/networking.k8s.io/v1", "ingresses"],
  networkpolicy: ["apis/networking.k8s.io/v1", "networkpolicies"],
  poddisruptionbudget: ["apis/policy/v1", "poddisruptionbudgets"],
  role: ["apis/rbac.authorization.k8s.io/v1", "roles"],
  rolebinding: ["apis/rbac.authorization.k8s.io/v1", "rolebindings"],
};

/** What a namespace holds that would be lost with it, as `cronjob/backup`: every claim, and whatever else we did not make. */
export async function foreignObjects(
  transport: KubeTransport,
  config: Config,
  namespace: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const found = await Promise.all(
    Object.entries(looked).map(async ([word, [api, plural]]) => {
      const objects = await objectsAt(transport, `/${api}${kubePath("namespaces", namespace, plural)}`, namespace, signal);
      const foreign = objects.filter((object) => word === "persistentvolumeclaim" || !isExpected(config, object));
      return foreign.map(({ metadata }) => `${word}/${metadata.name}`);
    }),
  );
  return [...found.flat(), ...(await customObjects(transport, config, namespace, signal))];
}

/** Clusters have a hundred custom kinds and more. */
const maxAtOnce = 8;

/** Objects of kinds that were added to the cluster, and the kinds of which it cannot be seen whether there are any: these are not thrown away. */
async function customObjects(
  transport: KubeTransport,
  config: Config,
  namespace: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const found = await mapLimited(await customKinds(transport, signal), maxAtOnce, async ({ group, version, plural, singular }) => {
    try {
      const path = kubePath("apis", group, version, "namespaces", namespace, plural);
      const { items = [] } = await transport.json<{ items?: readonly FoundObject[] }>({ path, signal });
      return items.filter((object) => !isExpected(config, object)).map(({ metadata }) => `${singular}/${metadata.name}`);
    } catch (thrown) {
      signal?.throwIfAborted();
      if (isKubeStatus(thrown, 404)) return [];
      const why = isKubeStatus(thrown, 403) ? "you may not list" : "cannot be read now";
      return [`${plural}.${group} perhaps, which ${why}`];
    }
  });
  return found.flat();
}

/** Every namespaced kind of no group of Kubernetes itself that can be made and listed, by one of its versions. Any signed-in user may ask. */
async function customKinds(
  transport: KubeTransport,
  signal: AbortSignal | undefined,
): Promise<readonly { readonly group: string; readonly version: string; readonly plural: string; readonly singular: string }[]> {
  // As kubectl asks: the last form is that of clusters which do not know the others, and has no kinds.
  const aggregated = (version: string): string => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const accept = [aggregated("v2"), aggregated("v2beta1"), "application/json"].join(",");
  const { items = [] } = await transport.json<Discovery>({ path: "/apis", accept, signal }).catch((thrown: unknown) => {
    throw explainKubeError(thrown, "the cluster's kinds of objects cannot be read");
  });
  const kinds = items.flatMap(({ metadata, versions = [] }) => {
    const group = metadata?.name ?? "";
    if (builtIn.has(group)) return [];
    return versions.flatMap(({ version, resources = [] }) =>
      resources
        .filter(({ scope, verbs }) => scope === "Namespaced" && verbs.includes("list") && verbs.includes("create"))
        .map(({ resource, singularResource }) => ({ group, version, plural: resource, singular: singularResource || resource })),
    );
  });
  return [...new Map(kinds.toReversed().map((kind) => [`${kind.plural}.${kind.group}`, kind])).values()].toReversed();
}

async function objectsAt(
  transport: KubeTransport,
  path: string,
  namespace: string,
  signal: AbortSignal | undefined,
): Promise<readonly FoundObject[]> {
  try {
    return (await transport.json<{ items?: readonly FoundObject[] }>({ path, signal })).items ?? [];
  } catch (thrown) {
    // Not every cluster has every API.
    if (isKubeStatus(thrown, 404)) return [];
    throw explainKubeError(thrown, `the namespace ${namespace} cannot be looked through`);
  }
}

/** Ours, what Kubernetes itself puts into every namespace, or what goes with the object that it belongs to. */
function isExpected(config: Config, object: FoundObject): boolean {
  const { name, ownerReferences = [], labels = {} } = object.metadata;
  // Pods of the Deployment live on for a moment after it.
  const isProxyPod = labels["app"] === config.deployName;
  return isOurs(config, object) || isProxyPod || name === "kube-root-ca.crt" || name === "default" || ownerReferences.length > 0;
}
