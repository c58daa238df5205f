import type { V1Namespace, V1Pod, V1Service } from "@kubernetes/client-node";
import type { Endpoint } from "../../../src/checks/network-reach.ts";
import type { NetworkPolicy } from "../../../src/manifests/network-policies.ts";
import type { Demo } from "../../start/demo.ts";
import type { Kubectl } from "../support/kubectl.ts";

/** The cluster as its network policies see it. */
export interface LiveNetwork {
  readonly policies: readonly NetworkPolicy[];
  /** A pod as one side of a connection. */
  endpoint(pod: V1Pod): Endpoint & { readonly pod: NonNullable<Endpoint["pod"]> };
  /** A pod that nobody has made, in a namespace that there is. */
  imagined(namespace: string, labels?: Readonly<Record<string, string>>): Endpoint;
  /** The API server by its Service, and by its own address. */
  readonly apiService: string;
  readonly apiServer: { readonly host: string; readonly port: number };
}

/** Reads policies and namespaces of the cluster. */
export async function liveNetwork(kubectl: Kubectl, demo: Demo): Promise<LiveNetwork> {
  const get = async <T>(...args: string[]): Promise<T> => JSON.parse(await kubectl.run("get", ...args, "-o", "json")) as T;
  const [policies, namespaces, service, slices] = await Promise.all([
    Promise.all(
      [demo.namespace, `ingress-${demo.namespace}`].map((namespace) => get<{ items: NetworkPolicy[] }>("networkpolicy", "-n", namespace)),
    ),
    get<{ items: V1Namespace[] }>("namespaces"),
    get<V1Service>("service", "kubernetes", "-n", "default"),
    get<{ items: { endpoints: { addresses: string[] }[]; ports: { port: number }[] }[] }>(
      ...["endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=kubernetes"],
    ),
  ]);
  const labelsOf = (namespace: string): Record<string, string> =>
    namespaces.items.find(({ metadata }) => metadata?.name === namespace)?.metadata?.labels ?? {};
  const side = (ip: string, namespace: string, labels: Readonly<Record<string, string>>) => ({
    ip,
    pod: { namespace, labels, namespaceLabels: labelsOf(namespace) },
  });
  const slice = slices.items[0];
  return {
    policies: policies.flatMap(({ items }) => items),
    endpoint: ({ status, metadata }) => side(status?.podIP ?? "", metadata?.namespace ?? "", metadata?.labels ?? {}),
    // An address of the pods' network matters: no policy lets a session out to it as to "the outside".
    imagined: (namespace, labels = {}) => side("10.244.0.254", namespace, labels),
    apiService: service.spec?.clusterIP ?? "",
    apiServer: { host: slice?.endpoints[0]?.addresses[0] ?? "", port: slice?.ports[0]?.port ?? 0 },
  };
}
