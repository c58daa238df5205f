import type { V1LabelSelector, V1NetworkPolicyPeer, V1NetworkPolicyPort } from "@kubernetes/client-node";
import type { NetworkPolicy } from "../manifests/network-policies.ts";
import { isInNetworks } from "../util/networks.ts";

type Labels = Readonly<Record<string, string>>;

/** A pod as the policies see it. */
export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  readonly namespaceLabels: Labels;
  /** Its ports by their names, for rules that use them. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** One side of a connection: an address, and the pod that has it if it is one's. */
export interface Endpoint {
  readonly ip: string;
  readonly pod?: PolicyPod;
}

/** What is opened there. */
export interface TargetPort {
  readonly port: number;
  /** Default: TCP. */
  readonly protocol?: string;
}

type Direction = "Ingress" | "Egress";

/** The policies that count for a pod in one direction. Pure. */
export function selectingPolicies(policies: readonly NetworkPolicy[], pod: PolicyPod, direction: Direction): readonly NetworkPolicy[] {
  return policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.namespace &&
      (spec.policyTypes ?? ["Ingress", ...(spec.egress === undefined ? [] : ["Egress"])]).includes(direction) &&
      selects(spec.podSelector ?? {}, pod.labels),
  );
}

/**
 * Whether a network that enforces NetworkPolicies lets a connection through: the one side may open it and the other takes it.
 * A side that no policy selects is free, and so is whoever is no pod. Pure; nothing is said about what a network really does.
 */
export function isReachable(policies: readonly NetworkPolicy[], from: Endpoint, to: Endpoint, target: TargetPort): boolean {
  return isAllowed(policies, "Egress", from, to, target, to.pod) && isAllowed(policies, "Ingress", to, from, target, to.pod);
}

function isAllowed(
  policies: readonly NetworkPolicy[],
  direction: Direction,
  own: Endpoint,
  other: Endpoint,
  target: TargetPort,
  targetPod: PolicyPod | undefined,
): boolean {
  if (own.pod === undefined) return true;
  const selecting = selectingPolicies(policies, own.pod, direction);
  if (selecting.length === 0) return true;
  return selecting.some(({ metadata, spec }) => {
    const rules =
      direction === "Ingress" ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })) : egressRules(spec.egress);
    return rules.some(
      ({ peers = [], ports = [] }) =>
        (peers.length === 0 || peers.some((peer) => isPeer(peer, other, metadata.namespace ?? ""))) &&
        (ports.length === 0 || ports.some((port) => isPort(port, target, targetPod))),
    );
  });
}

function egressRules(egress: NetworkPolicy["spec"]["egress"]): readonly { peers?: V1NetworkPolicyPeer[]; ports?: V1NetworkPolicyPort[] }[] {
  return (egress ?? []).map(({ to, ports }) => ({ ...(to && { peers: to }), ...(ports && { ports }) }));
}

function isPeer({ ipBlock, podSelector, namespaceSelector }: V1NetworkPolicyPeer, other: Endpoint, namespace: string): boolean {
  if (ipBlock !== undefined) return isInNetworks(other.ip, [ipBlock.cidr]) && !isInNetworks(other.ip, ipBlock.except ?? []);
  if (other.pod === undefined) return false;
  const inNamespace =
    namespaceSelector === undefined ? other.pod.namespace === namespace : selects(namespaceSelector, other.pod.namespaceLabels);
  return inNamespace && selects(podSelector ?? {}, other.pod.labels);
}

function isPort({ protocol = "TCP", port, endPort }: V1NetworkPolicyPort, target: TargetPort, pod: PolicyPod | undefined): boolean {
  if (protocol !== (target.protocol ?? "TCP")) return false;
  if (port === undefined) return true;
  const first = typeof port === "number" ? port : pod?.ports?.[String(port)];
  return first !== undefined && target.port >= first && target.port <= (endPort ?? first);
}

function selects({ matchLabels = {}, matchExpressions = [] }: V1LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "In") return value !== undefined && values.includes(value);
      if (operator === "NotIn") return value === undefined || !values.includes(value);
      return operator === "Exists" ? value !== undefined : value === undefined;
    })
  );
}
