import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { hasEnded } from "../kube/ready.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { askQuietly } from "./ask-quietly.ts";
import type { NodeAddress } from "./node-doors.ts";

/** The proxies' port at the Service. */
const doorPort = 443;

/**
 * Who else answers on addresses of EXTERNALIPS on the proxies' port, a line each: other Services, and pods that have the port of a node
 * with such an address, as ingress controllers do. Undefined: the Services may not be read.
 */
export async function takenAddresses(
  transport: KubeTransport,
  config: Pick<Config, "externalIps" | "ingressNamespace" | "deployName">,
  nodes: readonly NodeAddress[],
  signal?: AbortSignal,
): Promise<readonly string[] | undefined> {
  const { externalIps } = config;
  const own = nodes.filter(({ address }) => externalIps.includes(address));
  const [services, ...pods] = await Promise.all([
    askQuietly<{ items?: readonly V1Service[] }>(transport, kubePath("api", "v1", "services"), {}, signal),
    ...[...new Set(own.map(({ node }) => node))].map((node) =>
      askQuietly<{ items?: readonly V1Pod[] }>(
        transport,
        kubePath("api", "v1", "pods"),
        { fieldSelector: `spec.nodeName=${node}` },
        signal,
      ),
    ),
  ]);
  if (services === undefined) return undefined;
  return [
    ...takenByServices(services.items ?? [], { namespace: config.ingressNamespace, name: config.deployName }, externalIps),
    ...takenByPods(
      pods.flatMap((list) => list?.items ?? []),
      own,
    ),
  ];
}

/** Services other than the deployment's own that answer on one of the addresses on our port. Pure. */
export function takenByServices(
  services: readonly V1Service[],
  own: { readonly namespace: string; readonly name: string },
  addresses: readonly string[],
): readonly string[] {
  return services.flatMap(({ metadata, spec, status }) => {
    if (metadata?.namespace === own.namespace && metadata.name === own.name) return [];
    const theirs = new Set([
      ...(spec?.externalIPs ?? []),
      ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ]);
    const same = addresses.filter((address) => theirs.has(address));
    const isOnPort = (spec?.ports ?? []).some(({ port }) => port === doorPort);
    return same.length === 0 || !isOnPort
      ? []
      : [takenText(same.join(", "), `service ${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`)];
  });
}

/** Pods that have our port of a node itself, by the nodes' addresses. Pure. */
export function takenByPods(pods: readonly V1Pod[], nodes: readonly NodeAddress[]): readonly string[] {
  return pods.flatMap((pod) => {
    const { metadata, spec } = pod;
    if (hasEnded(pod)) return [];
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

function takenText(addresses: string, who: string): string {
  return `${addresses} port ${doorPort} is that of the ${who}`;
}
