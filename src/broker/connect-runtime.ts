import type { BrokerConfig, DockerBrokerConfig, KubernetesBrokerConfig } from "../broker-config/broker-config.ts";
import { dockerRuntime } from "../runtimes/docker.ts";
import { kubernetesRuntime } from "../runtimes/kubernetes.ts";
import type { KeepTimes } from "../runtimes/removals.ts";
import type { RunningRuntime } from "../runtimes/running-runtime.ts";
import { connectCluster, type Env } from "./environment.ts";

/** What a runtime is told and tells, whichever it is. */
export interface RuntimeOptions {
  /** Undefined: this one removes no sessions that are over. */
  readonly keep?: () => KeepTimes;
  /** Ends the runtime, and its connections. */
  readonly signal: AbortSignal;
  onTrouble?(what: string, error: unknown): void;
  onWrite?(verb: "create" | "delete", name: string): void;
}

/** The runtime that the configuration names: a cluster, or one container engine. */
export async function connectRuntime(env: Env, config: () => BrokerConfig, options: RuntimeOptions): Promise<RunningRuntime> {
  const first = config();
  if (first.docker !== undefined) return dockerRuntime({ ...options, settings: lastOf(config, first, isDocker) });
  const transport = await connectCluster(env);
  options.signal.addEventListener("abort", () => transport.close());
  return kubernetesRuntime({ ...options, transport, namespace: first.namespace, settings: lastOf(config, first, isKubernetes) });
}

/** The newest configuration that is still one for this runtime: a broker does not move from one to another. */
function lastOf<T extends BrokerConfig>(config: () => BrokerConfig, first: T, is: (config: BrokerConfig) => config is T): () => T {
  let last = first;
  return () => {
    const now = config();
    if (is(now)) last = now;
    return last;
  };
}

function isDocker(config: BrokerConfig): config is DockerBrokerConfig {
  return config.docker !== undefined;
}

function isKubernetes(config: BrokerConfig): config is KubernetesBrokerConfig {
  return config.kubernetes !== undefined;
}
