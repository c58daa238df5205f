/** The three names from which all names of a deployment's objects are made. */
export interface DeploymentNames {
  /** Namespace of the session pods. */
  readonly namespace: string;
  /** Namespace of the proxies. */
  readonly ingressNamespace: string;
  /** Name of Deployment and Service. */
  readonly deployName: string;
}

/** Annotation of both namespaces: the name of the deployment directory that they belong to. */
export const directoryAnnotation = "vdi.xpra.org/directory";

/** Annotation of both namespaces: the version of `vdi` that applied last. */
export const versionAnnotation = "vdi.xpra.org/version";

/** Annotation of a namespace that was there before the first deploy into it: a delete leaves it to whoever prepared it. */
export const preparedAnnotation = "vdi.xpra.org/prepared";

/** Service account of the session pods; it has no rights. */
export const sessionServiceAccount = "vdi-session";

/** Name of the proxies' service account, as which the broker works, and of its role. */
export function brokerName(names: Pick<DeploymentNames, "deployName">): string {
  return `${names.deployName}-broker`;
}

/** The user name under which the API server sees the broker. */
export function brokerUser(names: DeploymentNames): string {
  return `system:serviceaccount:${names.ingressNamespace}:${brokerName(names)}`;
}

/** Name of the objects that bind the broker and belong to the whole cluster; other namespaces have their own. */
export function policyName(names: DeploymentNames): string {
  return `vdi-${names.namespace}-sessions`;
}

/** Label of the nodes that may run a deployment's sessions. */
export function workerLabel(namespace: string): string {
  return `xpra_run_${namespace}`;
}

/** The label that the Deployment and its Service select by. It can never be changed: a Deployment's selector is immutable. */
export function proxySelector(names: Pick<DeploymentNames, "deployName">): Record<string, string> {
  return { app: names.deployName };
}

/** Labels of everything that a deployment consists of. */
export function deploymentLabels(names: Pick<DeploymentNames, "namespace">): Record<string, string> {
  return {
    "app.kubernetes.io/name": "vdi",
    "app.kubernetes.io/instance": names.namespace,
    "app.kubernetes.io/part-of": names.namespace,
    "app.kubernetes.io/managed-by": "vdi",
  };
}

/** Finds all that a deployment made. */
export function deploymentSelector(names: Pick<DeploymentNames, "namespace">): string {
  return `app.kubernetes.io/managed-by=vdi,app.kubernetes.io/part-of=${names.namespace}`;
}
