import type { V1Node, V1Pod } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { patchMetadata } from "../kube/patch-metadata.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { type DeploymentNames, directoryAnnotation, versionAnnotation, workerLabel } from "../manifests/deployment-names.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { ExitCode } from "../util/exit-code.ts";
import { isInNetworks, isNetwork } from "../util/networks.ts";
import { VdiError } from "../util/vdi-error.ts";
import { askQuietly } from "./ask-quietly.ts";
import { portsInUse } from "./living-sessions.ts";
import { type NodeAddress, nodeAddresses } from "./node-doors.ts";
import type { ClusterTraits } from "./plan.ts";
import { readPodAdditions } from "./pod-additions.ts";
import { sessionProcessors } from "./session-nodes.ts";

/** What the cluster says of itself and of this deployment, before anything is changed. */
export interface ClusterFacts {
  readonly traits: ClusterTraits;
  /** Networks of pods and Services only: no address of a site lies in them. */
  readonly podAndServiceRanges: readonly string[];
  /** The nodes' own addresses; none where the nodes may not be read. */
  readonly nodeAddresses: readonly NodeAddress[];
  /** Node names by what has to be done with the worker label. */
  readonly workers: { readonly add: readonly string[]; readonly remove: readonly string[] };
  readonly warnings: readonly string[];
}

/** Longer lists of networks are no longer written one by one. */
const maxRanges = 64;

/** Asks the cluster. What the admin may not read is left out, with a warning; what makes a deploy impossible is a `VdiError`. */
export async function readClusterFacts(transport: KubeTransport, config: Config, signal?: AbortSignal): Promise<ClusterFacts> {
  const warnings: string[] = [];
  /** Gives undefined for what this cluster does not have or this admin may not see. */
  const ask = async <T>(path: string, what: string): Promise<T | undefined> => {
    try {
      return await transport.json<T>({ path, signal });
    } catch (thrown) {
      if (isKubeStatus(thrown, 404)) return undefined;
      if (!isKubeStatus(thrown, 403)) throw explainKubeError(thrown, "the cluster cannot be asked");
      warnings.push(`you may not read ${what} of this cluster: left out of what sessions are kept from`);
      return undefined;
    }
  };
  const [resources, nodes, serviceRanges, apiService, apiEndpoints, dnsService, pools, pods, added, sessionPorts] = await Promise.all([
    ask<ResourceList>("/apis/admissionregistration.k8s.io/v1", "the admission API"),
    ask<List<V1Node>>("/api/v1/nodes", "the nodes"),
    ask<List<ServiceCidr>>("/apis/networking.k8s.io/v1/servicecidrs", "the service ranges"),
    ask<Service>(kubePath("api", "v1", "namespaces", "default", "services", "kubernetes"), "the API server's service"),
    ask<List<EndpointSlice>>("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", "the API server's addresses"),
    askQuietly<Service>(transport, kubePath("api", "v1", "namespaces", "kube-system", "services", "kube-dns"), {}, signal),
    podNetworks(transport, signal),
    somePods(transport, signal),
    readPodAdditions(transport, config, signal),
    portsInUse(transport, config, signal),
  ]);
  const hasAdmissionPolicies = resources?.resources?.some(({ name }) => name === "validatingadmissionpolicies") === true;
  if (!hasAdmissionPolicies) {
    warnings.push(
      "this cluster has no ValidatingAdmissionPolicy (Kubernetes 1.30): what the broker may create is limited by its role and Pod Security only",
    );
  }
  if (sessionPorts === undefined)
    warnings.push(`you may not read the pods of ${config.namespace}: sessions that were started with another PORT are cut off`);
  const podAndServiceRanges = [
    ...pools,
    ...(nodes?.items ?? []).flatMap(({ spec }) => spec?.podCIDRs ?? []),
    ...(serviceRanges?.items ?? []).flatMap(({ spec }) => spec?.cidrs ?? []),
    ...addressesOf(apiService).map(asRange),
  ];
  const ranges = [
    ...podAndServiceRanges,
    // These two hold nodes' addresses as well.
    ...config.clusterNetworks,
    ...(apiEndpoints?.items ?? [])
      .filter(({ metadata }) => metadata?.labels?.["kubernetes.io/service-name"] === "kubernetes")
      .flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses.map(asRange))),
  ];
  const insideRanges = [...new Set(ranges)].sort();
  if (insideRanges.length > maxRanges)
    warnings.push(`sessions are kept from ${insideRanges.length} networks of this cluster, each by a line of its own`);
  const outside = pods.find((address) => !isInNetworks(address, insideRanges));
  if (outside !== undefined)
    warnings.push(
      `pods of this cluster have addresses outside of the known networks, as ${outside}: sessions are not kept from them; name the pods' networks in XPRA_CLUSTER_NETWORKS`,
    );
  const processors = nodes?.items === undefined ? undefined : sessionProcessors(nodes.items, config.workers);
  return {
    traits: {
      hasAdmissionPolicies,
      insideRanges,
      dnsAddresses: addressesOf(dnsService).map(asRange),
      added,
      sessionPorts,
      ...(processors === undefined ? {} : { processors }),
    },
    podAndServiceRanges,
    nodeAddresses: nodeAddresses(nodes?.items ?? []),
    workers: workerChanges(config, nodes?.items, warnings),
    warnings,
  };
}

/** The pods' networks by the word of the network plugin: Calico's pools, Cilium's nodes, OpenShift's configuration. Others tell by the nodes. */
async function podNetworks(transport: KubeTransport, signal?: AbortSignal): Promise<readonly string[]> {
  const [calico, cilium, openshift] = await Promise.all([
    askQuietly<List<{ spec?: { cidr?: string } }>>(transport, "/apis/crd.projectcalico.org/v1/ippools", {}, signal),
    askQuietly<List<{ spec?: { ipam?: { podCIDRs?: string[] } } }>>(transport, "/apis/cilium.io/v2/ciliumnodes", {}, signal),
    askQuietly<{ status?: { clusterNetwork?: { cidr?: string }[] } }>(
      transport,
      "/apis/config.openshift.io/v1/networks/cluster",
      {},
      signal,
    ),
  ]);
  return [
    ...(calico?.items ?? []).map(({ spec }) => spec?.cidr ?? ""),
    ...(cilium?.items ?? []).flatMap(({ spec }) => spec?.ipam?.podCIDRs ?? []),
    ...(openshift?.status?.clusterNetwork ?? []).map(({ cidr }) => cidr ?? ""),
  ].filter(isNetwork);
}

/** Addresses of some pods that are not on their node's network. */
async function somePods(transport: KubeTransport, signal?: AbortSignal): Promise<readonly string[]> {
  const list = await askQuietly<List<V1Pod>>(transport, "/api/v1/pods", { limit: "100" }, signal);
  return (list?.items ?? []).flatMap(({ spec, status }) =>
    spec?.hostNetwork === true || status?.podIP === undefined || status.phase !== "Running" ? [] : [status.podIP],
  );
}

function workerChanges(config: Config, nodes: readonly V1Node[] | undefined, warnings: string[]): ClusterFacts["workers"] {
  if (nodes === undefined) {
    if (config.workers === undefined) return { add: [], remove: [] };
    throw new VdiError({
      what: "the workers of XPRA_WORKERS cannot be labelled",
      why: "you may not read the cluster's nodes",
      exitCode: ExitCode.unreachable,
    });
  }
  const label = workerLabel(config.namespace);
  const names = nodes.map(({ metadata }) => metadata?.name ?? "");
  const labelled = nodes.filter(({ metadata }) => metadata?.labels?.[label] !== undefined).map(({ metadata }) => metadata?.name ?? "");
  const right = nodes.filter(({ metadata }) => metadata?.labels?.[label] === "true").map(({ metadata }) => metadata?.name ?? "");
  const named = config.workers ?? [];
  const missing = named.filter((name) => !names.includes(name));
  const wanted = named.filter((name) => names.includes(name));
  if (missing.length > 0) {
    const what = `XPRA_WORKERS names ${missing.length === 1 ? "a node" : "nodes"} that the cluster does not have: ${missing.join(", ")}`;
    const remedy = `take ${missing.length === 1 ? "it" : "them"} out of XPRA_WORKERS in deploy/vdi.env`;
    if (wanted.length === 0) {
      const why = `its nodes are ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`;
      throw new VdiError({ what, why, try: remedy, exitCode: ExitCode.usage });
    }
    // A node that is gone stops nobody: the others run the sessions.
    warnings.push(`${what}; sessions run on ${wanted.join(", ")}; ${remedy} if that is to stay so`);
  }
  return { add: wanted.filter((name) => !right.includes(name)), remove: labelled.filter((name) => !wanted.includes(name)) };
}

/** Sets and removes the label of the nodes that run sessions. */
export async function labelWorkers(
  transport: KubeTransport,
  namespace: string,
  workers: ClusterFacts["workers"],
  signal?: AbortSignal,
): Promise<void> {
  const label = async (node: string, value: string | null): Promise<void> => {
    try {
      await patchMetadata(transport, kubePath("api", "v1", "nodes", node), { labels: { [workerLabel(namespace)]: value } }, signal);
    } catch (thrown) {
      throw explainKubeError(thrown, `the node ${node} could not be labelled`);
    }
  };
  for (const node of workers.add) await label(node, "true");
  for (const node of workers.remove) await label(node, null);
}

/**
 * Refuses a pair of namespaces that another deployment directory made, or that a newer `vdi` wrote.
 * A namespace that no directory has its name on is taken: somebody prepared it.
 */
export function checkOwnership(
  names: DeploymentNames,
  namespaces: readonly (KubeObject | undefined)[],
  directory: string,
  version: string,
): void {
  for (const namespace of namespaces) {
    const annotations = namespace?.metadata.annotations ?? {};
    const owner = annotations[directoryAnnotation];
    if (namespace !== undefined && owner !== undefined && owner !== directory) {
      throw new VdiError({
        what: `the namespace ${namespace.metadata.name} belongs to the deployment directory '${owner}'`,
        why: `this directory is '${directory}'`,
        try: ["go into that directory", `choose another NAMESPACE than ${names.namespace}`],
        exitCode: ExitCode.usage,
      });
    }
    const writer = annotations[versionAnnotation];
    if (writer !== undefined && isNewer(writer, version)) {
      throw new VdiError({
        what: `the namespace ${namespace?.metadata.name ?? ""} was written by vdi ${writer}`,
        why: `this is the older vdi ${version}, which would take back what the newer one made`,
        try: `use vdi ${writer} or newer`,
        exitCode: ExitCode.usage,
      });
    }
  }
}

function isNewer(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(/[.-]/).map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference > 0;
  }
  return false;
}

function addressesOf(service: Service | undefined): readonly string[] {
  return (service?.spec?.clusterIPs ?? []).filter((address) => address !== "None");
}

function asRange(address: string): string {
  return address.includes(":") ? `${address}/128` : `${address}/32`;
}

interface List<T> {
  readonly items?: readonly T[];
}
interface ResourceList {
  readonly resources?: readonly { readonly name: string }[];
}
interface ServiceCidr {
  readonly spec?: { readonly cidrs?: readonly string[] };
}
interface Service {
  readonly spec?: { readonly clusterIPs?: readonly string[] };
}
interface EndpointSlice {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
}
