import type { V1Namespace, V1PriorityClass, V1ServiceAccount } from "@kubernetes/client-node";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import type { PodAdditions } from "../manifests/admission-policy.ts";
import { type DeploymentNames, sessionServiceAccount } from "../manifests/deployment-names.ts";
import { askQuietly } from "./ask-quietly.ts";

/** Asks the cluster what it adds to sessions' pods. What the admin may not read counts as nothing. */
export async function readPodAdditions(
  transport: KubeTransport,
  { namespace }: Pick<DeploymentNames, "namespace">,
  signal?: AbortSignal,
): Promise<PodAdditions> {
  const ask = <T>(path: string): Promise<T | undefined> => askQuietly<T>(transport, path, {}, signal);
  const [classes, account, live, scheduler] = await Promise.all([
    ask<{ items?: readonly V1PriorityClass[] }>("/apis/scheduling.k8s.io/v1/priorityclasses"),
    ask<V1ServiceAccount>(kubePath("api", "v1", "namespaces", namespace, "serviceaccounts", sessionServiceAccount)),
    ask<V1Namespace>(kubePath("api", "v1", "namespaces", namespace)),
    ask<{ spec?: { defaultNodeSelector?: string } }>("/apis/config.openshift.io/v1/schedulers/cluster"),
  ]);
  const annotations = live?.metadata?.annotations ?? {};
  // By this OpenShift keeps the pods of one namespace from the files of another's.
  const seLinuxLevel = annotations["openshift.io/sa.scc.mcs"];
  return {
    priorityClasses: defaultClasses(classes?.items ?? []),
    pullSecrets: [...new Set((account?.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name])))].sort(),
    nodeSelector: addedNodeSelector(annotations, scheduler?.spec?.defaultNodeSelector),
    ...(seLinuxLevel === undefined ? {} : { seLinuxLevel }),
  };
}

/** Of several defaults the API server takes one with the smallest value. Pure. */
export function defaultClasses(classes: readonly V1PriorityClass[]): readonly string[] {
  const defaults = classes.filter(({ globalDefault }) => globalDefault === true);
  const least = Math.min(...defaults.map(({ value }) => value));
  return defaults
    .filter(({ value }) => value === least)
    .map(({ metadata }) => metadata?.name ?? "")
    .sort();
}

/**
 * The node selector of a namespace: that of the plugin PodNodeSelector, else OpenShift's, which has a default for the whole cluster.
 * One that nobody heeds does no harm in the policy: it names nodes that an admin has chosen. Pure.
 */
export function addedNodeSelector(
  annotations: Readonly<Record<string, string>>,
  clusterDefault: string | undefined,
): Readonly<Record<string, string>> {
  const text =
    annotations["scheduler.alpha.kubernetes.io/node-selector"] ?? annotations["openshift.io/node-selector"] ?? clusterDefault ?? "";
  const entries = text.split(",").flatMap((part) => {
    const [, key, value = ""] = /^\s*([^=!\s]+)\s*==?\s*(\S*)\s*$/.exec(part) ?? [];
    return key === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
