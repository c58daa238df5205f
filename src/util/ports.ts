import type Dockerode from "dockerode";
import type { KubeTransport } from "../kube/transport.ts";
import type { Job } from "./wait-until-there.ts";

/** How to reach a cluster: what `--kubeconfig` and `--context` said. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** This machine as `vdi local` needs it. */
export interface Machine {
  /** Makes sure that a container engine answers: it is installed where that is possible and allowed, and started. */
  prepareEngine(job: Job, mayInstall: boolean): Promise<void>;
  /** Makes sure that a program is there: what makes Debian's root file system, what hashes passwords. */
  prepareProgram(program: "mmdebstrap" | "openssl", job: Job, mayInstall: boolean): Promise<void>;
  /** Why nothing could listen there; undefined: the port is free. */
  portProblem(address: string, port: number): Promise<string | undefined>;
  /** What is wrong with the page behind an address; undefined: it answers. */
  pageProblem(url: string): Promise<string | undefined>;
  /** Opens an address in the user's browser; false where there is none to be opened. */
  openBrowser(url: string): Promise<boolean>;
}

/** The effects that a command may have beyond files; `main.ts` plugs in the real ones, tests their own. */
export interface Ports {
  /** A connection to the chosen cluster. Loads the kubeconfig reader only now. */
  connectKube(choice: ClusterChoice): Promise<KubeTransport>;
  /** The container engine of DOCKER_HOST or the local socket. */
  connectEngine(): Promise<Dockerode>;
  /** This machine itself. */
  machine(): Promise<Machine>;
}
