import type { V1Node, V1Pod } from "@kubernetes/client-node";

/** True for a node that answers, or a pod that may be used: its condition `Ready` holds. Pure. */
export function isReady({ status }: Pick<V1Node, "status"> | Pick<V1Pod, "status">): boolean {
  return (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");
}

/** True for a pod whose containers have all ended for good. Pure. */
export function hasEnded({ status }: Pick<V1Pod, "status">): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
