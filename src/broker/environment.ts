import { inClusterTransport } from "../kube/in-cluster.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { kubeconfigJsonTransport } from "./kubeconfig-json.ts";

/** What the broker takes from its environment. */
export interface Env {
  readonly configPath: string;
  readonly socketPath: string;
  readonly socketGroup: number;
  readonly healthPort: number;
  /** How long waiting users keep the broker after it was asked to end; less than the pod's grace period. */
  readonly drainMs: number;
  /** A kubeconfig in JSON form; undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** Reads the environment, with defaults. */
export function readEnvironment(variables: Env["variables"]): Env {
  const text = (name: string, otherwise: string): string => (variables[name] ?? "") || otherwise;
  return {
    configPath: text("VDI_CONFIG", "/etc/vdi/broker.json"),
    socketPath: text("VDI_BROKER_SOCKET", "/run/vdi/broker/broker.sock"),
    socketGroup: Number(text("VDI_SOCKET_GROUP", "65533")),
    healthPort: Number(text("VDI_HEALTH_PORT", "9090")),
    drainMs: Number(text("VDI_DRAIN_SECONDS", "20")) * 1000,
    kubeconfig: (variables.KUBECONFIG ?? "") || undefined,
    variables,
  };
}

/** Connects with the named kubeconfig, else as the pod's service account. */
export async function connectCluster(env: Env): Promise<KubeTransport> {
  return env.kubeconfig === undefined ? inClusterTransport(env.variables) : kubeconfigJsonTransport(env.kubeconfig);
}
