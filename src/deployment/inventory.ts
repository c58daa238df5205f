import { deleteObject, getObject } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { collectionPath, isClusterWide, isPrunable, prunableKinds } from "../kube/resources.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { textConfigMap } from "../manifests/config-maps.ts";
import { type DeploymentNames, deploymentLabels, deploymentSelector } from "../manifests/deployment-names.ts";
import { type KubeObject, type ObjectRef, refKey, refText } from "../manifests/kube-object.ts";
import { askQuietly } from "./ask-quietly.ts";

/** Keys of the inventory's ConfigMap. */
const key = "objects.json";
const imagesKey = "images.json";

/** What a deployment consists of. */
export interface Inventory {
  readonly objects: readonly ObjectRef[];
  /** References of the configuration by the digests that they had: `registry/vdi-base:1` is `registry/vdi-base@sha256:…`. */
  readonly images: Readonly<Record<string, string>>;
}

/** What a deployment that is not there consists of. */
export const emptyInventory: Inventory = { objects: [], images: {} };

/** The object that records what a deployment consists of, so that a later version knows what it no longer makes. */
export function inventoryObject(names: DeploymentNames, { objects, images }: Inventory): KubeObject {
  const text = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;
  return textConfigMap(names, names.ingressNamespace, inventoryName(names), {
    [key]: text(unionOf(objects, [])),
    ...(Object.keys(images).length === 0 ? {} : { [imagesKey]: text(images) }),
  });
}

/** Name of the ConfigMap, in the proxies' namespace. */
function inventoryName(names: DeploymentNames): string {
  return `${names.deployName}-inventory`;
}

/** What the cluster has recorded; empty when there is nothing. */
export async function readInventory(transport: KubeTransport, names: DeploymentNames, signal?: AbortSignal): Promise<Inventory> {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: names.ingressNamespace, name: inventoryName(names) };
  try {
    const object = (await getObject(transport, ref, signal)) as { data?: Record<string, string> } | undefined;
    const list: unknown = JSON.parse(object?.data?.[key] ?? "[]");
    const images: unknown = JSON.parse(object?.data?.[imagesKey] ?? "{}");
    return { objects: Array.isArray(list) ? list.filter(isRef) : [], images: isImages(images) ? images : {} };
  } catch (thrown) {
    // A record that cannot be read is written anew; then only nothing is pruned.
    if (thrown instanceof SyntaxError) return emptyInventory;
    throw explainKubeError(thrown, "the record of the deployment cannot be read");
  }
}

/**
 * What carries a deployment's labels, for one whose record is lost: in both namespaces, and in the whole cluster. Kinds that may not be
 * listed are left out.
 */
export async function labelledObjects(
  transport: KubeTransport,
  names: DeploymentNames,
  signal?: AbortSignal,
): Promise<readonly ObjectRef[]> {
  const places = [names.ingressNamespace, names.namespace];
  const found = await Promise.all(
    prunableKinds().flatMap((kind) =>
      (isClusterWide(kind) ? [undefined] : places).map(async (namespace): Promise<readonly ObjectRef[]> => {
        const place = { ...kind, ...(namespace === undefined ? {} : { namespace }) };
        const query = { labelSelector: deploymentSelector(names) };
        const list = await askQuietly<{ items?: readonly KubeObject[] }>(transport, collectionPath(place), query, signal);
        return (list?.items ?? []).map(({ metadata: { name } }) => ({ ...place, name }));
      }),
    ),
  );
  return found.flat();
}

function isRef(value: unknown): value is ObjectRef {
  const ref = value as Partial<ObjectRef> | null;
  return typeof ref?.apiVersion === "string" && typeof ref.kind === "string" && typeof ref.name === "string";
}

function isImages(value: unknown): value is Inventory["images"] {
  return typeof value === "object" && value !== null && Object.values(value).every((image) => typeof image === "string");
}

/** Both lists as one, each object once, sorted. */
export function unionOf(a: readonly ObjectRef[], b: readonly ObjectRef[]): readonly ObjectRef[] {
  const byKey = new Map([...b, ...a].map((ref) => [refKey(ref), ref]));
  return [...byKey.entries()].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, ref]) => ref);
}

/** What was recorded and is no longer wanted. Namespaces, volumes, claims and everything that `vdi` does not make stay. Pure. */
export function obsolete(recorded: readonly ObjectRef[], wanted: readonly ObjectRef[]): readonly ObjectRef[] {
  const keys = new Set(wanted.map(refKey));
  return recorded.filter((ref) => isPrunable(ref) && !keys.has(refKey(ref)));
}

/** Deletes objects that carry this deployment's labels; one that somebody else took over stays. Gives what was deleted. */
export async function prune(
  transport: KubeTransport,
  names: DeploymentNames,
  refs: readonly ObjectRef[],
  signal?: AbortSignal,
): Promise<readonly ObjectRef[]> {
  const deleted: ObjectRef[] = [];
  for (const ref of refs) {
    try {
      const live = await getObject(transport, ref, signal);
      if (live === undefined || !isOurs(names, live)) continue;
      const { uid } = live.metadata;
      if (await deleteObject(transport, ref, { ...(uid === undefined ? {} : { uid }), signal })) deleted.push(ref);
    } catch (thrown) {
      throw explainKubeError(thrown, `${refText(ref)} could not be removed`);
    }
  }
  return deleted;
}

/** True for an object that this deployment made. */
export function isOurs(names: DeploymentNames, object: KubeObject): boolean {
  const labels = object.metadata.labels ?? {};
  const ours = deploymentLabels(names);
  return ["app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"].every((label) => labels[label] === ours[label]);
}
