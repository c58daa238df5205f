import { afterAll, beforeAll } from "vitest";
import { type KubernetesBrokerConfig, parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { kubeTransport } from "../../../src/kube/transport.ts";
import { brokerRole, brokerRoleBinding, serviceAccounts } from "../../../src/manifests/broker-access.ts";
import { directoryConfigMaps } from "../../../src/manifests/config-maps.ts";
import { brokerName, type DeploymentNames } from "../../../src/manifests/deployment-names.ts";
import { kubernetesRuntime } from "../../../src/runtimes/kubernetes.ts";
import { testDemo } from "../support/demo.ts";
import { sessionImage } from "../support/images.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { runtimeContract } from "./contract.ts";
import { brokerOf, commonConfig, type Place } from "./place.ts";
import { scriptPath, scripts } from "./scripts.ts";

// The contract on the tests' cluster, with the rights of a broker's own account, in a namespace of its own.
const namespace = `vdi-contract-${process.pid}`;
const names: DeploymentNames = { namespace, ingressNamespace: namespace, deployName: "contract" };
const stops: AbortController[] = [];
let kubectl: Kubectl;
let endpoint: { server: string; ca: string; token: string };
let config: KubernetesBrokerConfig;

beforeAll(async () => {
  // VDI_E2E_KUBECONFIG: a cluster that is there already, for work on this file.
  const kubeconfig = process.env["VDI_E2E_KUBECONFIG"] ?? (await testDemo()).kubeconfig;
  kubectl = kubectlFor(kubeconfig);
  const files = Object.entries(scripts).map(([type, content]) => ({ path: scriptPath(type), content: Buffer.from(content) }));
  const carried = directoryConfigMaps(names, "session_types", files);
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } },
    ...serviceAccounts(names),
    brokerRole(names),
    brokerRoleBinding(names),
    ...carried.objects,
  ];
  await kubectl.pipe({ apiVersion: "v1", kind: "List", items: objects }, "apply", "--server-side", "-f", "-");
  const parsed = parseBrokerConfig(
    JSON.stringify({ ...commonConfig(namespace, sessionImage), kubernetes: { configMaps: { session_types: carried.mounts } } }),
    "the contract's configuration",
  );
  if (parsed.kubernetes === undefined) throw new Error("not a cluster's configuration");
  config = parsed;
  const view = JSON.parse(await kubectl.run("config", "view", "--minify", "--raw", "--flatten", "-o", "json")) as {
    clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  };
  const cluster = view.clusters[0]?.cluster;
  if (cluster === undefined) throw new Error("the kubeconfig has no cluster");
  const token = await kubectl.run("create", "token", brokerName(names), "-n", namespace, "--duration=1h");
  endpoint = { server: cluster.server, ca: Buffer.from(cluster["certificate-authority-data"], "base64").toString(), token };
}, 2_400_000);

afterAll(async () => {
  for (const stop of stops) stop.abort();
  await kubectl?.run("delete", "--ignore-not-found", "--wait=false", `namespace/${namespace}`);
});

const place: Place = {
  config: () => config,
  broker(options = {}) {
    const { keep } = options;
    const stop = new AbortController();
    stops.push(stop);
    const troubles: string[] = [];
    const { server, ca, token } = endpoint;
    const transport = kubeTransport({ server, tls: { ca }, headers: () => ({ authorization: `Bearer ${token}` }) });
    stop.signal.addEventListener("abort", () => transport.close());
    const runtime = kubernetesRuntime({
      transport,
      namespace,
      settings: () => config,
      ...(keep === undefined ? {} : { keep: () => keep }),
      signal: stop.signal,
      onTrouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
    });
    return brokerOf(runtime, options, () => config, stop, troubles);
  },
  async plantForeign(session) {
    const container = {
      name: "foreign",
      image: sessionImage,
      command: ["sleep", "3600"],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    };
    const securityContext = { runAsNonRoot: true, runAsUser: 20_000, seccompProfile: { type: "RuntimeDefault" } };
    const spec = { containers: [container], securityContext, terminationGracePeriodSeconds: 0 };
    await kubectl.pipe({ apiVersion: "v1", kind: "Pod", metadata: { name: session, namespace }, spec }, "create", "-f", "-");
  },
  async count(session) {
    return (await kubectl.pods(namespace)).filter(({ metadata }) => metadata?.name === session).length;
  },
  async fill() {
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "full", namespace }, spec: { hard: { pods: "0" } } };
    await kubectl.pipe(quota, "apply", "-f", "-");
    await kubectl.run("wait", "-n", namespace, "--for=jsonpath={.status.hard.pods}=0", "--timeout=60s", "resourcequota/full");
    return async () => {
      await kubectl.run("delete", "resourcequota", "full", "-n", namespace);
    };
  },
};

runtimeContract("Kubernetes", () => place);
