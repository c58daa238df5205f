import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { admissionPolicy, noAdditions, type SessionLimits } from "../../../src/manifests/admission-policy.ts";
import { brokerRole, brokerRoleBinding, serviceAccounts } from "../../../src/manifests/broker-access.ts";
import { brokerName, type DeploymentNames, policyName } from "../../../src/manifests/deployment-names.ts";
import { sessionPod } from "../../../src/manifests/session-pod.ts";
import type { SessionUser } from "../../../src/session/user.ts";
import type { Demo } from "../../start/demo.ts";
import { type Api, type ApiAnswer, apiAs } from "../support/api.ts";
import { testDemo } from "../support/demo.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { alice, liveSettings, podOf } from "./broker-pods.ts";
import { type ForbiddenPod, forbiddenPods } from "./forbidden-pods.ts";

// Which pods the broker can create, asked with its own kind of token. Nothing is kept: the API server decides as it would.
let demo: Demo;
let kubectl: Kubectl;
let settings: KubernetesBrokerConfig;
let broker: Api;
let alone: Api;
let aloneNames: DeploymentNames;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  const ingress = `ingress-${demo.namespace}`;
  settings = await liveSettings(kubectl, demo.namespace);
  broker = await apiAs(kubectl, { namespace: ingress, name: "xpra-proxy-broker" });
  const namespace = `${demo.namespace}-policy-alone`;
  aloneNames = { namespace, ingressNamespace: namespace, deployName: "xpra-proxy" };
  alone = await policyAlone();
}, 2_400_000);

afterAll(async () => {
  broker?.close();
  alone?.close();
  const name = policyName(aloneNames);
  const policies = [`validatingadmissionpolicybinding/${name}`, `validatingadmissionpolicy/${name}`];
  await kubectl?.run("delete", "--ignore-not-found", ...policies);
  await kubectl?.run("delete", "--ignore-not-found", "--wait=false", `namespace/${aloneNames.namespace}`);
});

function limits(): SessionLimits {
  return {
    images: [...new Set(Object.values(settings.images))].sort(),
    configMaps: Object.fromEntries(
      Object.entries(settings.kubernetes.configMaps).map(([directory, files]) => [directory, files.map(({ name }) => name)]),
    ),
    topdirInt: settings.topdirInt,
    pullSecrets: settings.kubernetes.imagePullSecrets,
    minUid: settings.minUid,
    nodeSelector: settings.kubernetes.nodeSelector,
    added: noAdditions,
  };
}

/** A broker whose namespace has no Pod Security, and which may change pods: only the policy stands before it. */
async function policyAlone(): Promise<Api> {
  const { namespace } = aloneNames;
  const role = { ...brokerRole(aloneNames), rules: [{ apiGroups: [""], resources: ["pods", "pods/ephemeralcontainers"], verbs: ["*"] }] };
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "privileged" } } },
    ...serviceAccounts(aloneNames),
    role,
    brokerRoleBinding(aloneNames),
    ...admissionPolicy(aloneNames, limits()),
  ];
  // An earlier run's may still be on its way out, with whatever would be put into it.
  await kubectl.run("delete", "--ignore-not-found", "--wait=true", `namespace/${namespace}`);
  await kubectl.pipe({ apiVersion: "v1", kind: "List", items: objects }, "apply", "--server-side", "-f", "-");
  const api = await apiAs(kubectl, { namespace, name: brokerName(aloneNames) });
  // The API server takes a new policy up a moment later, and nothing tells when.
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await create(api, namespace, (pod) => Object.assign(pod.spec, { priorityClassName: "system-node-critical" }));
    if (/denied request: vdi:/.test(answer.body.message ?? "")) return api;
    if (Date.now() > deadline) throw new Error(`the policy was not in force after 60 s; last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function create(api: Api, namespace: string, change: ForbiddenPod["change"]): Promise<ApiAnswer> {
  const pod = podOf(settings, namespace);
  change(pod);
  return api.ask("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
}

/** The users that the proxies know, as the proxy would hand them on. */
async function demoUsers(): Promise<readonly SessionUser[]> {
  const text = await kubectl.run("get", "secret", "xpra-proxy-users", "-n", `ingress-${demo.namespace}`, "-o", "json");
  const { data } = JSON.parse(text) as { data: { passwd: string; group: string } };
  const entries = (base64: string): string[][] => {
    const lines = Buffer.from(base64, "base64").toString().trim().split("\n");
    return lines.map((line) => line.split(":"));
  };
  return entries(data.passwd).map(([name = "", , uid, gid, gecos = "", home = "", shell = ""]) => {
    const own = entries(data.group).filter(([, , id, members = ""]) => id === gid || members.split(",").includes(name));
    const groups = own.map(([group = "", , id]) => ({ name: group, gid: Number(id) }));
    return { name, uid: Number(uid), gid: Number(gid), gecos, home, shell, groups };
  });
}

describe("the admission policy", () => {
  it("is the one that this checkout makes of the configuration", async () => {
    const names = { namespace: demo.namespace, ingressNamespace: `ingress-${demo.namespace}`, deployName: "xpra-proxy" };
    const text = await kubectl.run("get", "validatingadmissionpolicy", policyName(names), "-o", "json");
    const found = JSON.parse(text) as { spec: { validations: unknown }; status?: { typeChecking?: { expressionWarnings?: unknown } } };
    expect(found.spec.validations).toEqual(admissionPolicy(names, limits())[0].spec?.validations);
    expect(found.status?.typeChecking?.expressionWarnings).toBeUndefined();
  });

  it("lets through every session that the broker makes: all types, for all users, with all images", async () => {
    const images = [...new Set(Object.values(settings.images))];
    const users = [alice, ...(await demoUsers())];
    expect(users.length).toBeGreaterThan(3);
    const asked = settings.sessionTypes.flatMap(({ type }) =>
      users.flatMap((user) => images.flatMap((image) => [type, `nhd-${type}`].map((display) => ({ type, user, image, display })))),
    );
    const refused: string[] = [];
    for (const { type, user, image, display } of asked) {
      const pod = podOf(settings, demo.namespace, { user, type, image, display });
      const { status, body } = await broker.ask("POST", `/api/v1/namespaces/${demo.namespace}/pods?dryRun=All`, pod);
      if (status !== 201) refused.push(`${display} of ${user.name} from ${image}: ${body.message}`);
    }
    expect(asked.length).toBeGreaterThan(15);
    expect(refused).toEqual([]);
  });

  it("lets through what a site may configure: a command before the end, more groups, a home elsewhere", async () => {
    const user = {
      ...alice,
      home: "/data/homes/alice",
      groups: [
        { name: "staff", gid: 50 },
        { name: "alice", gid: 20099 },
      ],
    };
    const pod = sessionPod(
      { ...settings, preStop: "sleep 1" },
      {
        name: "x",
        user,
        type: "desktop",
        display: "desktop",
        script: "default/x.sh",
        image: settings.images["default"] ?? "",
        secret: "abc",
      },
    );
    expect(await broker.ask("POST", `/api/v1/namespaces/${demo.namespace}/pods?dryRun=All`, pod)).toMatchObject({ status: 201 });
  });
});

describe("the broker in its namespace is refused", () => {
  it.each(forbiddenPods)("$what", async ({ change, policy, podSecurity, others }) => {
    const { status, body } = await create(broker, demo.namespace, change);
    const message = body.message ?? "";
    expect([403, 422], message).toContain(status);
    if (others !== undefined) expect(message).toMatch(others);
    else if (podSecurity !== undefined) expect(message).toMatch(new RegExp(`violates PodSecurity "restricted:latest".*(${podSecurity})`));
    else expect(message).toContain(`ValidatingAdmissionPolicy '${policyName({ ...aloneNames, namespace: demo.namespace })}'`);
    if (others === undefined && podSecurity === undefined) expect(message).toContain(`denied request: vdi: ${policy}`);
  });
});

describe("the policy alone, without Pod Security, refuses", () => {
  it.each(forbiddenPods.filter(({ others }) => others === undefined))("$what", async ({ change, policy }) => {
    const { status, body } = await create(alone, aloneNames.namespace, change);
    expect({ status, message: body.message }).toEqual({ status: 403, message: expect.stringContaining(`denied request: vdi: ${policy}`) });
  });

  it("what is made of a pod later", async () => {
    const pods = `/api/v1/namespaces/${aloneNames.namespace}/pods`;
    const { name } = podOf(settings, aloneNames.namespace).metadata;
    expect(await alone.ask("POST", pods, podOf(settings, aloneNames.namespace))).toMatchObject({ status: 201 });
    const later = { name: "debugger", image: settings.images["default"] };
    const patches: readonly [string, object, string][] = [
      [`${pods}/${name}/ephemeralcontainers`, { spec: { ephemeralContainers: [later] } }, "one container and nothing beside it"],
      [
        `${pods}/${name}`,
        { spec: { containers: [{ name: "session", image: "registry.example/miner:1" }] } },
        "only the deployment's images",
      ],
      [`${pods}/${name}`, { metadata: { labels: { "app.kubernetes.io/name": "other" } } }, "a session belongs to this deployment"],
      [`${pods}/${name}`, { metadata: { annotations: { "vdi.xpra.org/owner": "bob" } } }, "a session has an owner"],
    ];
    for (const [path, patch, words] of patches) {
      const answer = await alone.ask("PATCH", `${path}?dryRun=All`, patch, "application/strategic-merge-patch+json");
      expect(answer, path).toMatchObject({ status: 403, body: { message: expect.stringContaining(`denied request: vdi: ${words}`) } });
    }
  });

  it("a pod in another namespace, even with the right to make it", async () => {
    const pod = { ...podOf(settings, "default"), spec: { ...podOf(settings, "default").spec, serviceAccountName: "default" } };
    const user = `system:serviceaccount:${aloneNames.namespace}:${brokerName(aloneNames)}`;
    // As a member of the admins' group, by which the role is no hindrance.
    const refused = kubectl.pipe(pod, "create", "-f", "-", "--dry-run=server", "--as", user, "--as-group", "system:masters");
    await expect(refused).rejects.toThrow("denied request: vdi: a session is made in the sessions' namespace");
  });
});
