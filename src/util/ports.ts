import type Dockerode from "dockerode";
import type { KubeTransport } from "../kube/transport.ts";

/** How to reach a cluster: what `--kubeconfig` and `--context` said. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** The effects that a command may have beyond files; `main.ts` plugs in the real ones, tests their own. */
export interface Ports {
  /** A connection to the chosen cluster. Loads the kubeconfig reader only now. */
  connectKube(choice: ClusterChoice): Promise<KubeTransport>;
  /** The container engine of DOCKER_HOST or the local socket. */
  connectEngine(): Promise<Dockerode>;
}
