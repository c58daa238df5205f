import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { type Api, type ApiAnswer, apiAs } from "../support/api.ts";
import { testDemo, vdi } from "../support/demo.ts";
import { isOwnCluster } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { liveSettings, podOf } from "./broker-pods.ts";
import type { SessionPod } from "./forbidden-pods.ts";

// What the cluster writes into every pod by itself: vdi deploy lets exactly this through.
let demo: Demo;
let kubectl: Kubectl;
let broker: Api;

const [usual, other] = ["vdi-e2e-usual", "vdi-e2e-other"];
const annotation = "scheduler.alpha.kubernetes.io/node-selector";

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  broker = await apiAs(kubectl, { namespace: `ingress-${demo.namespace}`, name: "xpra-proxy-broker" });
}, 2_400_000);

afterAll(async () => {
  broker?.close();
  if (kubectl === undefined || !isOwnCluster()) return;
  await addNothing();
  await vdi(demo, "deploy");
});

async function addNothing(): Promise<void> {
  await kubectl.run("delete", "--ignore-not-found", "priorityclass", usual, other);
  const [account, nothing] = [["serviceaccount", "vdi-session", "-n", demo.namespace], JSON.stringify({ imagePullSecrets: null })];
  await kubectl.run("patch", ...account, "--type=merge", "-p", nothing);
  await kubectl.run("annotate", "namespace", demo.namespace, `${annotation}-`);
}

/** A pod as the brokers make it, offered in their name; nothing is kept. */
async function offer(change: (pod: SessionPod) => unknown = () => undefined): Promise<ApiAnswer> {
  const pod = podOf(await liveSettings(kubectl, demo.namespace), demo.namespace);
  change(pod);
  return broker.ask("POST", `/api/v1/namespaces/${demo.namespace}/pods?dryRun=All`, pod);
}

const spec = (more: object) => (pod: SessionPod) => Object.assign(pod.spec, more);
const refusedBy = (rule: string) => ({ status: 403, body: { message: expect.stringContaining(`denied request: vdi: ${rule}`) } });

async function deployed(): Promise<void> {
  const outcome = await vdi(demo, "deploy");
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0 });
}

/** Waits until such a pod is answered so: the API server knows a changed policy, class or account some time after it was written. */
async function untilAnswered(wanted: object, change?: (pod: SessionPod) => unknown): Promise<void> {
  await expect.poll(() => offer(change), { timeout: 60_000, interval: 300 }).toMatchObject(wanted);
}

// A default class holds for all namespaces of the cluster, so not on somebody's own; and it stands for some seconds only, because
// deployments that were made before it are refused their sessions meanwhile. No other file that has sessions runs beside this one.
describe.skipIf(!isOwnCluster())("vdi deploy takes up", () => {
  it("the cluster's default PriorityClass by its name, and no other class", async () => {
    const made = (name: string, globalDefault: boolean): object => ({
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value: 0,
      globalDefault,
    });
    await kubectl.pipe(made(other, false), "create", "-f", "-");
    expect(await offer()).toMatchObject({ status: 201 });
    await kubectl.pipe(made(usual, true), "create", "-f", "-");
    try {
      await untilAnswered(refusedBy("no priority of its own"));
      const { checks } = JSON.parse((await vdi(demo, "check", "-o", "json")).stdout) as { checks: { id: string }[] };
      expect(checks.find(({ id }) => id === "session-accepted")).toMatchObject({
        status: "failed",
        try: [expect.stringContaining("vdi deploy takes up the cluster's default PriorityClass")],
      });
      await deployed();
      await untilAnswered({ status: 201, body: { spec: { priorityClassName: usual, priority: 0 } } });
      expect(await offer(spec({ priorityClassName: other }))).toMatchObject(refusedBy("no priority of its own"));
      expect(await offer(spec({ priorityClassName: "system-node-critical" }))).toMatchObject(refusedBy("no priority of its own"));
      // What stands beside the name is held to the class by the API server.
      expect((await offer(spec({ priority: 1_000_000 }))).status).toBe(403);
    } finally {
      await kubectl.run("delete", "--ignore-not-found", "priorityclass", usual);
    }
    await deployed();
    await untilAnswered({ status: 201 });
    await kubectl.pipe(made(usual, false), "create", "-f", "-");
    await untilAnswered(refusedBy("no priority of its own"), spec({ priorityClassName: usual }));
  }, 300_000);

  it("a LimitRange, without being told of it", async () => {
    const range = {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: usual, namespace: demo.namespace },
      spec: { limits: [{ type: "Container", default: { cpu: "2" }, defaultRequest: { "ephemeral-storage": "10Mi" } }] },
    };
    await kubectl.pipe(range, "create", "-f", "-");
    try {
      const limited = { metadata: { annotations: { "kubernetes.io/limit-ranger": expect.stringContaining("cpu") } } };
      const free = (pod: SessionPod) => Object.assign(pod.spec.containers[0] ?? {}, { resources: {} });
      await expect.poll(() => offer(free), { timeout: 60_000 }).toMatchObject({ status: 201, body: limited });
    } finally {
      await kubectl.run("delete", "limitrange", usual, "-n", demo.namespace);
    }
  }, 300_000);

  it("the pull secrets of the sessions' account and the namespace's node selector, and no others", async () => {
    const [account, secrets] = [["serviceaccount", "vdi-session", "-n", demo.namespace], { imagePullSecrets: [{ name: "registry" }] }];
    await kubectl.run("patch", ...account, "--type=merge", "-p", JSON.stringify(secrets));
    await kubectl.run("annotate", "namespace", demo.namespace, `${annotation}=kubernetes.io/os=linux`);
    await untilAnswered(refusedBy("only the deployment's pull secrets"));
    await deployed();
    await untilAnswered({ status: 201, body: { spec: secrets } });
    expect(await offer(spec({ imagePullSecrets: [{ name: "other" }] }))).toMatchObject(refusedBy("only the deployment's pull secrets"));
    // As the plugin PodNodeSelector would write it, which this cluster does not have.
    expect(await offer(spec({ nodeSelector: { "kubernetes.io/os": "linux" } }))).toMatchObject({ status: 201 });
    for (const nodeSelector of [{ "kubernetes.io/os": "windows" }, { "kubernetes.io/os": "linux", role: "control" }])
      expect(await offer(spec({ nodeSelector }))).toMatchObject(refusedBy("no choice of the node"));
    await addNothing();
    await deployed();
    await untilAnswered({ status: 201 });
    await untilAnswered(refusedBy("only the deployment's pull secrets"), spec(secrets));
  }, 300_000);
});
