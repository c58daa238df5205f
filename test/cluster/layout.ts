import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The version of Kubernetes that the cluster is built from; go.mod names the same. */
export const kubernetesVersion = "v1.34.4";

/** The name of the kubeconfig's context and of the only node. */
export const clusterName = "vdi-test";

/** Addresses and names inside the host's network. The same for every cluster: a second one needs a network namespace of its own. */
export const network = {
  podBridge: "vdi-pods",
  podRange: "10.244.0.0/24",
  podGateway: "10.244.0.1/24",
  /** A bridge without ports (some kernels have no dummy links): the host sends the whole range to itself, where kube-proxy takes over. */
  nodeLink: "vdi-node",
  nodeAddress: "10.246.0.1",
  nodeRange: "10.246.0.0/24",
  /** The address for a Service's externalIPs; any other of the range will do as well. */
  serviceAddress: "10.246.0.10",
  serviceRange: "10.247.0.0/16",
  apiServerAddress: "10.247.0.1",
  /** Our own nftables table, beside kube-proxy's. */
  nftTable: "vdi-test",
} as const;

/** Ports that the cluster listens on; `up` refuses when a stranger has one of them. */
export const ports = {
  apiServer: 16443,
  etcdClient: 12379,
  etcdPeer: 12380,
  controllerManager: 10257,
  scheduler: 10259,
  kubelet: 10250,
  kubeletHealth: 10248,
  proxyHealth: 10256,
  proxyMetrics: 10249,
  registry: 5000,
} as const;

/** Where everything of a cluster is kept. */
export interface Layout {
  /** The state directory: $VDI_CLUSTER_DIR or ~/.cache/vdi-test-cluster. */
  readonly state: string;
  /** Everything that belongs to one run of the cluster; `down` removes it. */
  readonly run: string;
  /** What the parts have said. Kept after `down`, emptied by the next `up`. */
  readonly logs: string;
  readonly auditLog: string;
  readonly kubeconfig: string;
  /** Built programs, by the hash of what they are made of. */
  readonly builds: string;
  /** Links to the programs by their names: how our processes are told from others'. */
  readonly programs: string;
  readonly pki: string;
  readonly config: string;
  readonly sockets: string;
  readonly containerdSocket: string;
  /** containerd's images. Kept by `down`, so that the next cluster needs no pull. */
  readonly images: string;
  readonly registryData: string;
  readonly lock: string;
  /** The parent of the pods' control groups. */
  readonly cgroup: string;
}

/**
 * Where a cluster with this environment is kept.
 * Paths are short, since a Unix socket's may have 107 bytes.
 */
export function clusterLayout(env: Readonly<Record<string, string | undefined>>): Layout {
  const given = env["VDI_CLUSTER_DIR"];
  const state = resolve(given === undefined || given === "" ? join(homedir(), ".cache", "vdi-test-cluster") : given);
  const run = join(state, "run");
  return {
    state,
    run,
    logs: join(state, "logs"),
    auditLog: join(state, "logs", "audit.log"),
    kubeconfig: join(state, "kubeconfig"),
    builds: join(state, "bin"),
    programs: join(run, "bin"),
    pki: join(run, "pki"),
    config: join(run, "config"),
    sockets: join(run, "s"),
    containerdSocket: join(run, "s", "containerd.sock"),
    images: join(state, "images"),
    registryData: join(state, "registry"),
    lock: join(state, "lock"),
    cgroup: `vdi-test-${createHash("sha256").update(state).digest("hex").slice(0, 8)}`,
  };
}

/** The parts of the cluster, in the order in which they start. */
export const partNames = [
  "etcd",
  "containerd",
  "docker-registry",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
] as const;

export type PartName = (typeof partNames)[number];
