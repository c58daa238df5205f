import { join } from "node:path";
import { clusterName, type Layout, network, type PartName, ports } from "./layout.ts";

/** How a part of the cluster is started. */
export interface Part {
  readonly name: PartName;
  readonly args: readonly string[];
  /** True: it gets the proxy settings of the environment, for pulls from outside. */
  readonly reachesOut?: boolean;
}

/** All parts of the cluster as data. */
export function clusterParts(layout: Layout): Readonly<Record<PartName, Part>> {
  const pki = (file: string): string => join(layout.pki, file);
  const config = (file: string): string => join(layout.config, file);
  const etcd = `http://127.0.0.1:${ports.etcdClient}`;
  const etcdPeer = `http://127.0.0.1:${ports.etcdPeer}`;
  const quiet = ["--leader-elect=false", "--bind-address=127.0.0.1"];
  return {
    etcd: {
      name: "etcd",
      args: [
        `--name=${clusterName}`,
        `--data-dir=${join(layout.run, "etcd")}`,
        `--listen-client-urls=${etcd}`,
        `--advertise-client-urls=${etcd}`,
        `--listen-peer-urls=${etcdPeer}`,
        `--initial-advertise-peer-urls=${etcdPeer}`,
        `--initial-cluster=${clusterName}=${etcdPeer}`,
        // The data is thrown away with the cluster: no need to wait for the disk.
        "--unsafe-no-fsync",
        "--log-level=warn",
      ],
    },
    containerd: { name: "containerd", args: ["--config", config("containerd.toml")], reachesOut: true },
    "docker-registry": { name: "docker-registry", args: ["serve", config("registry.json")] },
    "kube-apiserver": {
      name: "kube-apiserver",
      args: [
        `--etcd-servers=${etcd}`,
        `--bind-address=${network.nodeAddress}`,
        `--advertise-address=${network.nodeAddress}`,
        `--secure-port=${ports.apiServer}`,
        `--service-cluster-ip-range=${network.serviceRange}`,
        `--tls-cert-file=${pki("apiserver.crt")}`,
        `--tls-private-key-file=${pki("apiserver.key")}`,
        `--client-ca-file=${pki("ca.crt")}`,
        `--kubelet-certificate-authority=${pki("ca.crt")}`,
        `--kubelet-client-certificate=${pki("apiserver-to-kubelet.crt")}`,
        `--kubelet-client-key=${pki("apiserver-to-kubelet.key")}`,
        // Nothing resolves the node's name.
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        `--service-account-key-file=${pki("service-accounts.key")}`,
        `--service-account-signing-key-file=${pki("service-accounts.key")}`,
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        `--audit-policy-file=${config("audit-policy.json")}`,
        `--audit-log-path=${layout.auditLog}`,
        "--audit-log-mode=blocking",
      ],
    },
    "kube-controller-manager": {
      name: "kube-controller-manager",
      args: [
        `--kubeconfig=${pki("controller-manager.kubeconfig")}`,
        `--secure-port=${ports.controllerManager}`,
        `--root-ca-file=${pki("ca.crt")}`,
        `--service-account-private-key-file=${pki("service-accounts.key")}`,
        `--cluster-signing-cert-file=${pki("ca.crt")}`,
        `--cluster-signing-key-file=${pki("ca.key")}`,
        "--use-service-account-credentials=true",
        ...quiet,
      ],
    },
    "kube-scheduler": {
      name: "kube-scheduler",
      args: [`--kubeconfig=${pki("scheduler.kubeconfig")}`, `--secure-port=${ports.scheduler}`, ...quiet],
    },
    "kube-proxy": {
      name: "kube-proxy",
      args: [
        `--kubeconfig=${pki("proxy.kubeconfig")}`,
        `--hostname-override=${clusterName}`,
        "--proxy-mode=nftables",
        `--cluster-cidr=${network.podRange}`,
        `--nodeport-addresses=${network.nodeRange}`,
        `--healthz-bind-address=127.0.0.1:${ports.proxyHealth}`,
        `--metrics-bind-address=127.0.0.1:${ports.proxyMetrics}`,
        // The host's limits of connection tracking are not ours to set.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
      ],
    },
    kubelet: {
      name: "kubelet",
      args: [
        `--kubeconfig=${pki("kubelet.kubeconfig")}`,
        `--config=${config("kubelet.json")}`,
        `--root-dir=${join(layout.run, "kubelet")}`,
        `--cert-dir=${join(layout.run, "kubelet-pki")}`,
        `--hostname-override=${clusterName}`,
        `--node-ip=${network.nodeAddress}`,
      ],
    },
  };
}

/** The environment of a part: no proxy for what talks inside the machine, the given ones for what pulls images. */
export function partEnvironment(part: Part, env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const result: Record<string, string> = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" };
  if (part.reachesOut !== true) return result;
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"]) {
    const value = env[name];
    if (value !== undefined && value !== "") result[name] = value;
  }
  const inside = ["localhost", "127.0.0.0/8", network.podRange, network.nodeRange, network.serviceRange];
  result["NO_PROXY"] = [env["NO_PROXY"] ?? env["no_proxy"] ?? "", ...inside].filter((entry) => entry !== "").join(",");
  return result;
}
