import type { V1PodDisruptionBudget } from "@kubernetes/client-node";
import { type DeploymentNames, deploymentLabels, proxySelector } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

/** Keeps all proxies but one while nodes are drained. With a single replica it would block every drain, so there is none. */
export function disruptionBudget(names: DeploymentNames, replicas: number): readonly (V1PodDisruptionBudget & KubeObject)[] {
  if (replicas < 2) return [];
  return [
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: names.deployName, namespace: names.ingressNamespace, labels: deploymentLabels(names) },
      spec: { maxUnavailable: 1, selector: { matchLabels: proxySelector(names) } },
    },
  ];
}
