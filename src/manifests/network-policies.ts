import type { V1NetworkPolicyPeer, V1NetworkPolicyPort, V1NetworkPolicySpec } from "@kubernetes/client-node";
import { type DeploymentNames, deploymentLabels, proxySelector } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

/** A NetworkPolicy as the API has it; client-node's type calls the list of sources `_from`. */
export interface NetworkPolicy extends KubeObject {
  readonly spec: Omit<V1NetworkPolicySpec, "ingress"> & {
    readonly ingress?: { readonly from?: V1NetworkPolicyPeer[]; readonly ports?: V1NetworkPolicyPort[] }[];
  };
}

/** Addresses inside the cluster, as far as they could be asked for. */
export interface ClusterRanges {
  /** Networks in CIDR form: of pods, of Services, of the API server. */
  readonly inside: readonly string[];
  /** Addresses of the cluster's DNS: a cache on the node may answer at them itself, and then no Service translates them. */
  readonly dns?: readonly string[];
}

/**
 * Where clouds keep the credentials of a node: on the node's own link, in Alibaba's network, and Azure's WireServer, which is also the DNS
 * that the cluster's own DNS asks, but never a pod with the cluster's DNS.
 */
const metadataAddresses = ["169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128"];

/** CoreDNS listens on 53; OpenShift's DNS pods on 5353, which is what counts after the Service's translation. */
const dnsPorts: V1NetworkPolicyPort[] = [53, 5353].flatMap((port) => [
  { protocol: "UDP", port },
  { protocol: "TCP", port },
]);

const dnsPeers: V1NetworkPolicyPeer[] = [
  {
    namespaceSelector: {
      matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["kube-system", "openshift-dns"] }],
    },
  },
  // The node's own DNS cache: 169.254.20.10 mostly, 169.254.25.10 by kubespray; never the clouds' metadata.
  { ipBlock: { cidr: "169.254.0.0/16", except: ["169.254.169.254/32"] } },
];

/** The policies of a deployment; `ports` are those of the sessions' Xpra, `proxyPort` that of the proxies' pods. */
export function networkPolicies(
  names: DeploymentNames,
  ports: readonly number[],
  proxyPort: number,
  ranges: ClusterRanges,
): readonly NetworkPolicy[] {
  return [sessionPolicy(names, ports, ranges), proxyPolicy(names, proxyPort)];
}

/**
 * Sessions hear only the proxies, on Xpra's ports, and so never each other. They reach DNS and the outside,
 * but not the clouds' metadata, the API server, or the networks of pods and Services.
 */
function sessionPolicy(names: DeploymentNames, ports: readonly number[], ranges: ClusterRanges): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "sessions", namespace: names.namespace, labels: deploymentLabels(names) },
    spec: {
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": names.ingressNamespace } },
              podSelector: { matchLabels: proxySelector(names) },
            },
          ],
          ports: [...new Set(ports)].sort((a, b) => a - b).map((port) => ({ protocol: "TCP", port })),
        },
      ],
      egress: [
        { to: [...dnsPeers, ...(ranges.dns ?? []).map((cidr) => ({ ipBlock: { cidr } }))], ports: dnsPorts },
        { to: outside(ranges.inside) },
      ],
    },
  };
}

/** Nobody reaches the proxies' pods but on the port that the Service uses; the kubelet's probes are always let through. */
function proxyPolicy(names: DeploymentNames, proxyPort: number): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "proxies", namespace: names.ingressNamespace, labels: deploymentLabels(names) },
    spec: {
      podSelector: {},
      policyTypes: ["Ingress"],
      ingress: [{ ports: [{ protocol: "TCP", port: proxyPort }] }],
    },
  };
}

/** Everything but the given networks, for both families of addresses. */
function outside(inside: readonly string[]): V1NetworkPolicyPeer[] {
  const except = [...new Set([...metadataAddresses, ...inside])].sort();
  return [
    { ipBlock: { cidr: "0.0.0.0/0", except: except.filter((range) => !range.includes(":")) } },
    { ipBlock: { cidr: "::/0", except: except.filter((range) => range.includes(":")) } },
  ];
}
