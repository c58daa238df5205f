import type { V1Node, V1Pod } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { isReady } from "../kube/ready.ts";

/** An address that is a node's own. */
export interface NodeAddress {
  readonly node: string;
  readonly address: string;
}

/** The addresses of all nodes. */
export function nodeAddresses(nodes: readonly V1Node[]): readonly NodeAddress[] {
  return nodes.flatMap(({ metadata, status }) => (status?.addresses ?? []).map(({ address }) => ({ node: metadata?.name ?? "", address })));
}

/**
 * Addresses of EXTERNALIPS at which nobody gets in: with XPRA_TRAFFIC_POLICY=Local a node hands connections to its own proxies only,
 * and these are of nodes without one that is ready. The network may bring any other address to a node with a proxy. Pure.
 */
export function deadDoors(
  { externalIps, trafficPolicy }: Pick<Config, "externalIps" | "trafficPolicy">,
  addresses: readonly NodeAddress[],
  proxies: readonly V1Pod[],
): readonly NodeAddress[] {
  if (trafficPolicy !== "Local") return [];
  const ready = proxies.filter((pod) => pod.metadata?.deletionTimestamp === undefined && isReady(pod));
  const nodes = new Set(ready.map(({ spec }) => spec?.nodeName));
  return addresses.filter(({ node, address }) => externalIps.includes(address) && !nodes.has(node));
}

/** Such an address in words. */
export function deadDoorText({ node, address }: NodeAddress): string {
  return `no proxy runs on node ${node}, which has ${address}: with XPRA_TRAFFIC_POLICY=Local nobody gets in there; try XPRA_TRAFFIC_POLICY=Cluster, or more REPLICAS`;
}
