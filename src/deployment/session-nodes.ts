import type { V1Node, V1Taint } from "@kubernetes/client-node";
import { amountOf } from "../util/quantity.ts";

/** The first taint that keeps sessions off a node: they tolerate none. Pure. */
export function refusingTaint({ spec }: V1Node): V1Taint | undefined {
  return spec?.taints?.find(({ effect }) => effect === "NoSchedule" || effect === "NoExecute");
}

/** Processors of the nodes that take session pods: the chosen workers, else all that any pod may go to. Pure. */
export function sessionProcessors(nodes: readonly V1Node[], workers: readonly string[] | undefined): number {
  return nodes
    .filter((node) => {
      if (workers !== undefined && !workers.includes(node.metadata?.name ?? "")) return false;
      return node.spec?.unschedulable !== true && refusingTaint(node) === undefined;
    })
    .reduce((sum, { status }) => sum + amountOf(status?.allocatable?.["cpu"] ?? "0"), 0);
}
