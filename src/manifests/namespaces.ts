import type { V1Namespace } from "@kubernetes/client-node";
import { type DeploymentNames, deploymentLabels, directoryAnnotation, versionAnnotation } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

type Namespace = V1Namespace & KubeObject;

/** What the namespaces say about the deployment. */
export interface NamespaceFacts {
  readonly sessionProfile: "restricted" | "baseline";
  /** Name of the deployment directory, so that another directory is told that these are not its own. */
  readonly directory: string;
  /** Version of `vdi`. */
  readonly version: string;
}

/**
 * The pair of namespaces: the proxies', under Pod Security *baseline* (the proxy changes to its user: SETUID, SETGID, KILL),
 * and the sessions', under the profile of the site.
 */
export function namespaces(names: DeploymentNames, facts: NamespaceFacts): readonly [Namespace, Namespace] {
  return [namespace(names.ingressNamespace, "baseline", names, facts), namespace(names.namespace, facts.sessionProfile, names, facts)];
}

/** What keeps a namespace that somebody prepared from being taken: its labels with other values than a deployment needs. */
export interface LabelDifference {
  /** A line for each label. */
  readonly problems: readonly string[];
  /** Gives them the needed values. */
  readonly command: string;
}

/** Undefined: no label of the live namespace has another value than the wanted one's. Pure. */
export function labelDifference(wanted: KubeObject, live: KubeObject): LabelDifference | undefined {
  const other = Object.entries(wanted.metadata.labels ?? {}).flatMap(([label, needed]) => {
    const value = live.metadata.labels?.[label];
    return value === undefined || value === needed ? [] : [{ label, value, needed }];
  });
  if (other.length === 0) return undefined;
  return {
    problems: other.map(({ label, value, needed }) => `${wanted.metadata.name} has the label ${label}=${value}; needed is ${needed}`),
    command: `kubectl label --overwrite namespace ${wanted.metadata.name} ${other.map(({ label, needed }) => `${label}=${needed}`).join(" ")}`,
  };
}

function namespace(name: string, profile: "restricted" | "baseline", names: DeploymentNames, facts: NamespaceFacts): Namespace {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: {
        ...deploymentLabels(names),
        "pod-security.kubernetes.io/enforce": profile,
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": profile,
        "pod-security.kubernetes.io/audit": profile,
      },
      annotations: { [directoryAnnotation]: facts.directory, [versionAnnotation]: facts.version },
    },
  };
}
