import { type ObjectRef, refText } from "../manifests/kube-object.ts";
import { kubePath } from "./transport.ts";

interface Resource {
  readonly apiVersion: string;
  readonly plural: string;
  /** What has to be there first has a smaller number. */
  readonly rank: number;
  readonly clusterWide?: true;
}

/** The kinds that `vdi` applies. */
const resources: Readonly<Record<string, Resource>> = {
  Namespace: { apiVersion: "v1", plural: "namespaces", rank: 0, clusterWide: true },
  ServiceAccount: { apiVersion: "v1", plural: "serviceaccounts", rank: 1 },
  ConfigMap: { apiVersion: "v1", plural: "configmaps", rank: 1 },
  Secret: { apiVersion: "v1", plural: "secrets", rank: 1 },
  Role: { apiVersion: "rbac.authorization.k8s.io/v1", plural: "roles", rank: 1 },
  NetworkPolicy: { apiVersion: "networking.k8s.io/v1", plural: "networkpolicies", rank: 1 },
  ValidatingAdmissionPolicy: {
    apiVersion: "admissionregistration.k8s.io/v1",
    plural: "validatingadmissionpolicies",
    rank: 1,
    clusterWide: true,
  },
  RoleBinding: { apiVersion: "rbac.authorization.k8s.io/v1", plural: "rolebindings", rank: 2 },
  ValidatingAdmissionPolicyBinding: {
    apiVersion: "admissionregistration.k8s.io/v1",
    plural: "validatingadmissionpolicybindings",
    rank: 2,
    clusterWide: true,
  },
  PodDisruptionBudget: { apiVersion: "policy/v1", plural: "poddisruptionbudgets", rank: 2 },
  Service: { apiVersion: "v1", plural: "services", rank: 2 },
  Deployment: { apiVersion: "apps/v1", plural: "deployments", rank: 3 },
};

/** Path of an object in the API. Throws for a kind that `vdi` does not apply. */
export function objectPath(ref: ObjectRef): string {
  return `${collectionPath(ref)}${kubePath(ref.name)}`;
}

/** Path of the collection that an object is in. */
export function collectionPath(ref: Omit<ObjectRef, "name">): string {
  const resource = resourceOf(ref);
  const base = ref.apiVersion.includes("/") ? ["apis", ...ref.apiVersion.split("/")] : ["api", ref.apiVersion];
  if (isClusterWide(ref)) return kubePath(...base, resource.plural);
  if (ref.namespace === undefined) throw new Error(`a ${ref.kind} needs a namespace`);
  return kubePath(...base, "namespaces", ref.namespace, resource.plural);
}

/** The order in which kinds are applied: small numbers first; the same number in any order. */
export function applyRank(kind: string): number {
  return resourceOf({ kind }).rank;
}

/** The kinds that `vdi` may delete, each as it applies it. */
export function prunableKinds(): readonly Pick<ObjectRef, "apiVersion" | "kind">[] {
  return Object.entries(resources).flatMap(([kind, { apiVersion }]) => (isPrunable({ kind }) ? [{ apiVersion, kind }] : []));
}

/** True for kinds that `vdi` may delete when they are no longer part of a deployment. Namespaces hold what is not ours, so they are not. */
export function isPrunable(ref: Pick<ObjectRef, "kind">): boolean {
  return ref.kind in resources && ref.kind !== "Namespace";
}

/** True for kinds whose objects are in no namespace. */
export function isClusterWide(ref: Pick<ObjectRef, "kind">): boolean {
  return resourceOf(ref).clusterWide === true;
}

function resourceOf(ref: { readonly kind: string }): Resource {
  const resource = resources[ref.kind];
  if (resource === undefined) throw new Error(`${refText({ apiVersion: "", name: "", ...ref })}: vdi does not apply this kind`);
  return resource;
}
