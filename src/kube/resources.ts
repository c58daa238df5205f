import { type ObjectRef, refText } from "../manifests/kube-object.ts";
import { kubePath } from "./transport.ts";

interface Resource {
  readonly plural: string;
  /** What has to be there first has a smaller number. */
  readonly rank: number;
  readonly clusterWide?: true;
}

/** The kinds that `vdi` applies. */
const resources: Readonly<Record<string, Resource>> = {
  Namespace: { plural: "namespaces", rank: 0, clusterWide: true },
  ServiceAccount: { plural: "serviceaccounts", rank: 1 },
  ConfigMap: { plural: "configmaps", rank: 1 },
  Secret: { plural: "secrets", rank: 1 },
  Role: { plural: "roles", rank: 1 },
  NetworkPolicy: { plural: "networkpolicies", rank: 1 },
  ValidatingAdmissionPolicy: { plural: "validatingadmissionpolicies", rank: 1, clusterWide: true },
  RoleBinding: { plural: "rolebindings", rank: 2 },
  ValidatingAdmissionPolicyBinding: { plural: "validatingadmissionpolicybindings", rank: 2, clusterWide: true },
  PodDisruptionBudget: { plural: "poddisruptionbudgets", rank: 2 },
  Service: { plural: "services", rank: 2 },
  Deployment: { plural: "deployments", rank: 3 },
};

/** Path of an object in the API. Throws for a kind that `vdi` does not apply. */
export function objectPath(ref: ObjectRef): string {
  return `${collectionPath(ref)}${kubePath(ref.name)}`;
}

/** Path of the collection that an object is in. */
export function collectionPath(ref: Omit<ObjectRef, "name">): string {
  const resource = resourceOf(ref);
  const base = ref.apiVersion.includes("/") ? ["apis", ...ref.apiVersion.split("/")] : ["api", ref.apiVersion];
  if (resource.clusterWide === true) return kubePath(...base, resource.plural);
  if (ref.namespace === undefined) throw new Error(`a ${ref.kind} needs a namespace`);
  return kubePath(...base, "namespaces", ref.namespace, resource.plural);
}

/** The order in which kinds are applied: small numbers first; the same number in any order. */
export function applyRank(kind: string): number {
  return resourceOf({ kind }).rank;
}

/** True for kinds that `vdi` may delete when they are no longer part of a deployment. Namespaces hold what is not ours, so they are not. */
export function isPrunable(ref: ObjectRef): boolean {
  return ref.kind in resources && ref.kind !== "Namespace";
}

function resourceOf(ref: { readonly kind: string }): Resource {
  const resource = resources[ref.kind];
  if (resource === undefined) throw new Error(`${refText({ apiVersion: "", name: "", ...ref })}: vdi does not apply this kind`);
  return resource;
}
