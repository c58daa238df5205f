import type { Config } from "../config/config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { mapLimited } from "../util/map-limited.ts";
import { askQuietly } from "./ask-quietly.ts";
import { isOurs } from "./inventory.ts";

interface FoundObject extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly ownerReferences?: readonly unknown[] };
}

/** A kind that was added to the cluster, of a `CustomResourceDefinition`. */
interface CustomKind {
  readonly spec: {
    readonly group: string;
    readonly scope: "Namespaced" | "Cluster";
    readonly names: { readonly plural: string; readonly singular: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
}

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

/** Objects of kinds that were added to the cluster. Whoever may not see these kinds has made none of them. */
async function customObjects(
  transport: KubeTransport,
  config: Config,
  namespace: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const definitions = await askQuietly<{ items?: readonly CustomKind[] }>(transport, path, {}, signal);
  const kinds = (definitions?.items ?? []).filter(({ spec }) => spec.scope === "Namespaced");
  const found = await mapLimited(kinds, maxAtOnce, async ({ spec: { group, names, versions } }) => {
    const version = versions.find(({ served }) => served)?.name ?? "";
    const all = kubePath("apis", group, version, "namespaces", namespace, names.plural);
    try {
      const objects = (await askQuietly<{ items?: readonly FoundObject[] }>(transport, all, {}, signal))?.items ?? [];
      return objects.filter((object) => !isExpected(config, object)).map(({ metadata }) => `${names.singular}/${metadata.name}`);
    } catch (thrown) {
      signal?.throwIfAborted();
      // Its own operator may be broken. What cannot be seen is not thrown away.
      return [`${names.plural}.${group}, which cannot be read now (${(thrown as Error).message})`];
    }
  });
  return found.flat();
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
