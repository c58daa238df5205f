import type { V1Role, V1RoleBinding, V1ServiceAccount } from "@kubernetes/client-node";
import { brokerName, type DeploymentNames, deploymentLabels, sessionServiceAccount } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

/** Service accounts of the proxies and of the sessions. No pod gets a token by itself; the broker's container mounts its own. */
export function serviceAccounts(names: DeploymentNames, pullSecrets: readonly string[] = []): readonly (V1ServiceAccount & KubeObject)[] {
  const account = (namespace: string, name: string): V1ServiceAccount & KubeObject => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace, labels: deploymentLabels(names) },
    automountServiceAccountToken: false,
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })) }),
  });
  return [account(names.ingressNamespace, brokerName(names)), account(names.namespace, sessionServiceAccount)];
}

/** All that the broker may do: in the sessions' namespace make, see and delete pods, and read what happens to them. */
export function brokerRole(names: DeploymentNames): V1Role & KubeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: brokerName(names), namespace: names.namespace, labels: deploymentLabels(names) },
    rules: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "create", "delete"] },
      { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
      { apiGroups: [""], resources: ["events"], verbs: ["list", "watch"] },
    ],
  };
}

/** Gives the broker's role to the proxies' service account. */
export function brokerRoleBinding(names: DeploymentNames): V1RoleBinding & KubeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: brokerName(names), namespace: names.namespace, labels: deploymentLabels(names) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: brokerName(names) },
    subjects: [{ kind: "ServiceAccount", name: brokerName(names), namespace: names.ingressNamespace }],
  };
}
