import type { V1Service } from "@kubernetes/client-node";

/** Stands for a node's address, before the port of the nodes. */
export const anyNode = "any node:";

/** Where users reach the proxies. Pure. */
export function doorAddresses(service: V1Service | undefined): readonly string[] {
  const balanced = (service?.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  const nodePorts =
    service?.spec?.type === "NodePort" ? (service.spec.ports ?? []).map(({ nodePort }) => `${anyNode}${nodePort ?? ""}`) : [];
  return [...(service?.spec?.externalIPs ?? []), ...balanced, ...nodePorts];
}
