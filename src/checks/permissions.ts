import type { Config } from "../config/config.ts";
import { brokerRole } from "../manifests/broker-access.ts";

/** A right that a deploy needs. */
export interface Need {
  readonly verb: string;
  readonly group: string;
  /** With its subresource, if any: `pods/log`. */
  readonly resource: string;
  /** Undefined: the whole cluster. */
  readonly namespace: string | undefined;
  /** Why, where that is not plain; else empty. */
  readonly for: string;
}

/** Server-side apply reads, creates and patches; what is no longer wanted is deleted. */
const applied = ["get", "create", "patch", "delete"] as const;

/** All rights that `vdi deploy` and `vdi status` need for a configuration. Pure. */
export function needsOfDeploy(config: Pick<Config, "namespace" | "ingressNamespace" | "deployName" | "workers">): readonly Need[] {
  const { namespace: sessions, ingressNamespace: ingress } = config;
  const each = (verbs: readonly string[], group: string, resource: string, namespace?: string, purpose = ""): Need[] =>
    verbs.map((verb) => ({ verb, group, resource, namespace, for: purpose }));
  const admission = "admissionregistration.k8s.io";
  const rbac = "rbac.authorization.k8s.io";
  const broker = brokerRole(config).rules ?? [];
  return [
    ...each(["get", "create", "patch"], "", "namespaces"),
    ...each(["list", "watch"], "", "namespaces", undefined, "to wait until one that is being deleted is gone"),
    ...[ingress, sessions].flatMap((namespace) => [
      ...each(applied, "", "serviceaccounts", namespace),
      ...each(applied, "", "configmaps", namespace),
      ...each(applied, "networking.k8s.io", "networkpolicies", namespace),
    ]),
    ...each(applied, "", "secrets", ingress),
    ...each(applied, "", "services", ingress),
    ...each([...applied, "list", "watch"], "apps", "deployments", ingress),
    ...each(["list", "watch"], "apps", "replicasets", ingress, "to wait for the rollout"),
    ...each(["list", "watch", "patch"], "", "pods", ingress, "to wait for the rollout, and to tell proxies of a change"),
    ...each(["list", "watch"], "", "events", ingress, "to wait for the rollout"),
    ...each(applied, "policy", "poddisruptionbudgets", ingress),
    ...each(applied, rbac, "roles", sessions),
    ...each(applied, rbac, "rolebindings", sessions),
    ...each(applied, admission, "validatingadmissionpolicies"),
    ...each(applied, admission, "validatingadmissionpolicybindings"),
    ...(config.workers === undefined ? [] : each(["list", "patch"], "", "nodes", undefined, "to label the nodes of XPRA_WORKERS")),
    ...broker.flatMap(({ verbs, resources = [], apiGroups = [""] }) =>
      resources.flatMap((resource) => each(verbs, apiGroups[0] ?? "", resource, sessions, "the broker's own rights, to give them")),
    ),
  ];
}
