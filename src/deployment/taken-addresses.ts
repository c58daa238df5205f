import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { hasEnded } from "../kube/ready.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { askQuietly } from "./ask-quietly.ts";
import type { NodeAddress } from "./node-doors.ts";

/** The proxies' port at the Service. */
const doorPort = 443;

/** Who else has the proxies' addresses. */
export interface TakenAddresses {
  /** A line each: other Services, and pods that have the port of a node with such an address, as ingress controllers do. */
  readonly taken: readonly string[];
  /** What may not be read, so that more may be taken: `Services`, `pods of node1`. */
  readonly unread: readonly string[];
}

/** Asks who else answers on addresses of EXTERNALIPS on the proxies' port. */
export async function takenAddresses(
  transport: KubeTransport,
  config: Pick<Config, "externalIps" | "ingressNamespace" | "deployName">,
  nodes: readonly NodeAddress[],
  signal?: AbortSignal,
): Promise<TakenAddresses> {
  const { externalIps } = config;
  if (externalIps.length === 0) return { taken: [], unread: [] };
  const ours = { namespace: config.ingressNamespace, name: config.deployName };
  const own = nodes.filter(({ address }) => externalIps.includes(address));
  const unread: string[] = [];
  const all = async <T>(plural: string, what: string, query: Record<string, string> = {}): Promise<readonly T[]> => {
    const list = await askQuietly<{ items?: readonly T[] }>(transport, kubePath("api", "v1", plural), query, signal);
    if (list === undefined) unread.push(what);
    return list?.items ?? [];
  };
  const [services, ...pods] = await Promise.all([
    all<V1Service>("services", "Services"),
    ...[...new Set(own.map(({ node }) => node))].map((node) =>
      all<V1Pod>("pods", `pods of ${node}`, { fieldSelector: `spec.nodeName=${node}` }),
    ),
  ]);
  return { taken: [...takenByServices(services, ours, externalIps), ...takenByPods(pods.flat(), ours, own)], unread };
}

interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** Services other than the deployment's own that answer on one of the addresses on our port. Pure. */
export function takenByServices(services: readonly V1Service[], own: ServiceName, addresses: readonly string[]): readonly string[] {
  return services.flatMap(({ metadata, spec, status }) => {
    if (metadata?.namespace === own.namespace && metadata.name === own.name) return [];
    const theirs = new Set([
      ...(spec?.externalIPs ?? []),
      ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ]);
    const same = addresses.filter((address) => theirs.has(address));
    const isOnPort = (spec?.ports ?? []).some(({ port, protocol = "TCP" }) => port === doorPort && protocol === "TCP");
    return same.length === 0 || !isOnPort
      ? []
      : [takenText(same.join(", "), `service ${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`)];
  });
}

/** Pods that have our port of a node itself, by the nodes' addresses, but for those that a cluster makes of our own Service. Pure. */
export function takenByPods(pods: readonly V1Pod[], own: ServiceName, nodes: readonly NodeAddress[]): readonly string[] {
  return pods.flatMap((pod) => {
    const { metadata, spec } = pod;
    if (hasEnded(pod) || isBalancerOf(own, pod)) return [];
    // On the node's network the API server has set hostPort to the port itself.
    const ports = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap((container) => container.ports ?? []);
    const taken = ports.filter(({ hostPort, protocol = "TCP" }) => hostPort === doorPort && protocol === "TCP");
    const theirs = nodes.filter(
      ({ node, address }) => node === spec?.nodeName && taken.some(({ hostIP = "" }) => ["", "0.0.0.0", "::", address].includes(hostIP)),
    );
    const who = `pod ${metadata?.namespace ?? ""}/${metadata?.name ?? ""} on node ${spec?.nodeName ?? ""}`;
    return theirs.length === 0 ? [] : [takenText(theirs.map(({ address }) => address).join(", "), who)];
  });
}

/** k3s makes a Service of type LoadBalancer answer by pods with a port of each node. */
function isBalancerOf(own: ServiceName, { metadata }: V1Pod): boolean {
  const label = (name: string): string | undefined => metadata?.labels?.[`svccontroller.k8s.cattle.io/${name}`];
  return label("svcname") === own.name && label("svcnamespace") === own.namespace;
}

function takenText(addresses: string, who: string): string {
  return `${addresses} port ${doorPort} is that of the ${who}`;
}
