import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { refusingTaint } from "../deployment/session-nodes.ts";
import { hasEnded, isReady } from "../kube/ready.ts";
import { amountOf } from "../util/quantity.ts";

/** Why no session would be put on a node; undefined: one would. Pure. */
export function whyNoSessions(node: V1Node): string | undefined {
  if (!isReady(node)) {
    const condition = node.status?.conditions?.find(({ type }) => type === "Ready");
    return `is not ready${condition?.message === undefined ? "" : ` (${condition.message})`}`;
  }
  if (node.spec?.unschedulable === true) return "takes no new pods (cordoned)";
  const taint = refusingTaint(node);
  return taint === undefined
    ? undefined
    : `has the taint ${taint.key}${taint.value === undefined ? "" : `=${taint.value}`}:${taint.effect}`;
}

/** What a session asks for: numbers of Kubernetes quantities; 0: nothing. */
export interface SessionNeeds {
  readonly cpu: number;
  readonly memory: number;
}

/** How many more sessions fit on a node by what its pods ask for, and what ends first. Pure. */
export function roomOn(node: V1Node, pods: readonly V1Pod[], needs: SessionNeeds): { readonly sessions: number; readonly limit: string } {
  const allocatable = node.status?.allocatable ?? {};
  const here = pods.filter((pod) => pod.spec?.nodeName === node.metadata?.name && !hasEnded(pod));
  const free = (resource: "cpu" | "memory"): number =>
    amountOf(allocatable[resource] ?? "0") - here.reduce((sum, pod) => sum + requested(pod, resource), 0);
  const candidates: readonly (readonly [string, number])[] = [
    ["pods", amountOf(allocatable["pods"] ?? "0") - here.length],
    ...(needs.cpu > 0 ? [["cpu", free("cpu") / needs.cpu] as const] : []),
    ...(needs.memory > 0 ? [["memory", free("memory") / needs.memory] as const] : []),
  ];
  const [limit, count] = candidates.reduce((least, each) => (each[1] < least[1] ? each : least));
  return { sessions: Math.max(0, Math.floor(count + 1e-9)), limit };
}

/** What the scheduler counts for a pod: its containers together, or its largest init container; and its overhead. */
function requested({ spec }: V1Pod, resource: string): number {
  const of = (container: { resources?: { requests?: Record<string, string> } }): number =>
    amountOf(container.resources?.requests?.[resource] ?? "0");
  const together = (spec?.containers ?? []).reduce((sum, container) => sum + of(container), 0);
  const initial = Math.max(0, ...(spec?.initContainers ?? []).map(of));
  return Math.max(together, initial) + amountOf(spec?.overhead?.[resource] ?? "0");
}
