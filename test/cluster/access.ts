import { clusterName, type Layout, network, ports } from "./layout.ts";

/** What a test needs to know to use the cluster. `npm run cluster -- status --json` prints it. */
export interface ClusterAccess {
  readonly kubeconfig: string;
  readonly context: string;
  /** Where images are pushed and pulled: `127.0.0.1:5000`. */
  readonly registry: string;
  /** An address for a Service's externalIPs that the host itself can open. */
  readonly serviceAddress: string;
  /** The pods' network, which our own cluster does not tell of itself. Absent on a cluster that is not ours. */
  readonly podNetwork?: string;
  /** The API server's audit log, a line of JSON for each request. Absent on a cluster that is not ours. */
  readonly auditLog?: string;
}

/** How our own cluster is used. */
export function ownAccess(layout: Layout): ClusterAccess {
  return {
    kubeconfig: layout.kubeconfig,
    context: clusterName,
    registry: `127.0.0.1:${ports.registry}`,
    serviceAddress: network.serviceAddress,
    podNetwork: network.podRange,
    auditLog: layout.auditLog,
  };
}

/**
 * The other cluster that the environment names with VDI_E2E_CONTEXT; undefined when it names none.
 * VDI_E2E_REGISTRY and VDI_E2E_ADDRESS say which registry and which external address it has.
 */
export function otherAccess(env: Readonly<Record<string, string | undefined>>, defaultKubeconfig: string): ClusterAccess | undefined {
  const context = env["VDI_E2E_CONTEXT"];
  if (context === undefined || context === "") return undefined;
  return {
    kubeconfig: env["KUBECONFIG"] ?? defaultKubeconfig,
    context,
    registry: env["VDI_E2E_REGISTRY"] ?? "",
    serviceAddress: env["VDI_E2E_ADDRESS"] ?? "",
  };
}
