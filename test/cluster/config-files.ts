import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterName, type Layout, network, ports } from "./layout.ts";

/** The name of the pause image inside containerd; it is imported, never pulled. */
export const pauseImage = "vdi.test/pause:1";

/** Writes the configuration of all parts. */
export async function writeConfigFiles(layout: Layout, mtu: number): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "containerd.toml": containerdConfig(layout),
    "registry.json": json(registryConfig(layout)),
    "kubelet.json": json(kubeletConfig(layout)),
    "audit-policy.json": json(auditPolicy()),
    "cni/10-vdi-test.conflist": json(cniConfig(layout, mtu)),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(layout.config, name);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function containerdConfig(layout: Layout): string {
  const text = (value: string): string => JSON.stringify(value);
  // oom_score_adj is limited because a machine in a sandbox may lack CAP_SYS_RESOURCE, without which every pod would fail.
  return `version = 2
root = ${text(layout.images)}
state = ${text(join(layout.run, "containerd"))}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]

[grpc]
  address = ${text(layout.containerdSocket)}

[ttrpc]
  address = ${text(`${layout.containerdSocket}.ttrpc`)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(pauseImage)}
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${text(join(layout.config, "cni"))}

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = ${text(join(layout.run, "runc"))}
`;
}

function registryConfig(layout: Layout): unknown {
  return {
    version: "0.1",
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: layout.registryData }, delete: { enabled: true }, cache: { blobdescriptor: "inmemory" } },
    http: { addr: `127.0.0.1:${ports.registry}` },
  };
}

function kubeletConfig(layout: Layout): unknown {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: network.nodeAddress,
    port: ports.kubelet,
    healthzPort: ports.kubeletHealth,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(layout.pki, "ca.crt") } },
    authorization: { mode: "Webhook" },
    tlsCertFile: join(layout.pki, "kubelet-server.crt"),
    tlsPrivateKeyFile: join(layout.pki, "kubelet-server.key"),
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${layout.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    makeIPTablesUtilChains: false,
    serializeImagePulls: false,
    maxPods: 240,
    // A test machine may be nearly full; pods must not be evicted for that.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%" },
    imageGCHighThresholdPercent: 100,
    podLogsDir: join(layout.run, "pod-logs"),
    volumePluginDir: join(layout.run, "volume-plugins"),
  };
}

/** Every request is kept but the chatter of the cluster's own parts. */
function auditPolicy(): unknown {
  const own = [
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "system:apiserver",
    `system:node:${clusterName}`,
  ];
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [
      { level: "None", users: own },
      { level: "None", userGroups: ["system:serviceaccounts:kube-system"] },
      { level: "None", nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"] },
      { level: "Metadata" },
    ],
  };
}

// Without portmap, whose rules outlive a killed cluster: Services have external addresses and node ports instead of host ports.
function cniConfig(layout: Layout, mtu: number): unknown {
  return {
    cniVersion: "1.0.0",
    name: clusterName,
    plugins: [
      {
        type: "bridge",
        bridge: network.podBridge,
        isGateway: true,
        hairpinMode: true,
        // One rule for the whole range is made when the cluster comes up; one a pod would cost 30 ms each time.
        ipMasq: false,
        mtu,
        ipam: {
          type: "host-local",
          dataDir: join(layout.run, "ipam"),
          ranges: [[{ subnet: network.podRange }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  };
}
