import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { clusterName, type Layout, network, ports } from "./layout.ts";

/** Someone who shows a certificate: to the API server, or (with addresses) as a server. */
interface Subject {
  /** The file's name: `admin.crt`, `admin.key`. */
  readonly file: string;
  readonly user: string;
  readonly group?: string;
  readonly alternatives?: readonly string[];
}

const subjects: readonly Subject[] = [
  {
    file: "apiserver",
    user: "kube-apiserver",
    alternatives: [
      "DNS:localhost",
      "DNS:kubernetes",
      "DNS:kubernetes.default",
      "DNS:kubernetes.default.svc",
      "DNS:kubernetes.default.svc.cluster.local",
      "IP:127.0.0.1",
      `IP:${network.nodeAddress}`,
      `IP:${network.apiServerAddress}`,
    ],
  },
  { file: "kubelet-server", user: clusterName, alternatives: [`DNS:${clusterName}`, `IP:${network.nodeAddress}`] },
  { file: "apiserver-to-kubelet", user: "kube-apiserver-kubelet-client", group: "system:masters" },
  { file: "admin", user: "vdi-test-admin", group: "system:masters" },
  { file: "controller-manager", user: "system:kube-controller-manager" },
  { file: "scheduler", user: "system:kube-scheduler" },
  { file: "kubelet", user: `system:node:${clusterName}`, group: "system:nodes" },
  { file: "proxy", user: "system:kube-proxy" },
];

/** Who has a kubeconfig of their own, by the name of the certificate. */
const parts = ["controller-manager", "scheduler", "kubelet", "proxy"] as const;

/** Makes the cluster's authority, its certificates, the key of the service accounts' tokens and the kubeconfigs. All anew in each run. */
export async function makeCertificates(layout: Layout): Promise<void> {
  const { pki } = layout;
  await mkdir(pki, { recursive: true, mode: 0o700 });
  const openssl = (...args: string[]): Promise<unknown> => execa("openssl", args, { cwd: pki });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"];
  await openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=vdi-test-ca");
  await Promise.all([...subjects.map((subject) => sign(subject, openssl, key)), openssl("genrsa", "-out", "service-accounts.key", "2048")]);
  for (const part of parts) await writeFile(join(pki, `${part}.kubeconfig`), kubeconfig(pki, part), { mode: 0o600 });
  await writeFile(layout.kubeconfig, await selfContained(layout), { mode: 0o600 });
}

async function sign(subject: Subject, openssl: (...args: string[]) => Promise<unknown>, key: readonly string[]): Promise<void> {
  const name = `${subject.group === undefined ? "" : `/O=${subject.group}`}/CN=${subject.user}`;
  const extensions = [
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-addext",
    "extendedKeyUsage=serverAuth,clientAuth",
    ...(subject.alternatives === undefined ? [] : ["-addext", `subjectAltName=${subject.alternatives.join(",")}`]),
  ];
  const files = ["-keyout", `${subject.file}.key`, "-out", `${subject.file}.crt`];
  await openssl("req", "-x509", "-CA", "ca.crt", "-CAkey", "ca.key", ...key, ...files, "-subj", name, ...extensions);
}

function server(): string {
  return `https://${network.nodeAddress}:${ports.apiServer}`;
}

/** A kubeconfig that names files. JSON is YAML too. */
function kubeconfig(pki: string, user: string): string {
  return kubeconfigText(
    user,
    { "certificate-authority": join(pki, "ca.crt") },
    { "client-certificate": join(pki, `${user}.crt`), "client-key": join(pki, `${user}.key`) },
  );
}

/** The admin's kubeconfig holds everything itself, so that it can be copied elsewhere. */
async function selfContained(layout: Layout): Promise<string> {
  const base64 = async (file: string): Promise<string> => (await execa("base64", ["-w0", join(layout.pki, file)])).stdout;
  return kubeconfigText(
    clusterName,
    { "certificate-authority-data": await base64("ca.crt") },
    { "client-certificate-data": await base64("admin.crt"), "client-key-data": await base64("admin.key") },
  );
}

function kubeconfigText(user: string, authority: Readonly<Record<string, string>>, credentials: Readonly<Record<string, string>>): string {
  const value = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: clusterName, cluster: { server: server(), ...authority } }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: clusterName, context: { cluster: clusterName, user } }],
    "current-context": clusterName,
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
