import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Checked } from "../../../src/commands/check.ts";
import { makeServerCertificate, usableCa } from "../../../src/deployment/make-certificate.ts";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { ExitCode } from "../../../src/util/exit-code.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";
import { FakeCluster, Refused } from "../deployment/fake-cluster.ts";
import { distribution, type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";

const digest = `sha256:${"a".repeat(64)}`;
let top = "";
let directory = "";
let cluster: FakeCluster;
let registry: http.Server;
/** Images that the registry does not have. */
let missing: RegExp | undefined;

beforeEach(async () => {
  top = mkdtempSync(join(tmpdir(), "vdi-check-"));
  missing = undefined;
  registry = http.createServer((request, response) => {
    const there = missing?.test(request.url ?? "") !== true;
    response.writeHead(there ? 200 : 404, there ? { "docker-content-digest": digest } : {}).end();
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  cluster = await FakeCluster.start();
  wellCluster();
  directory = makeDirectory({});
});
afterEach(async () => {
  await cluster.stop();
  registry.closeAllConnections();
  await new Promise((resolve) => registry.close(resolve));
  rmSync(top, { recursive: true, force: true });
});

/** As much of a cluster as makes all checks of it hold. */
function wellCluster(): void {
  cluster.put("/version", { metadata: {}, major: "1", minor: "34", gitVersion: "v1.34.4" });
  // An object that differs by its status only is no new one to the fake.
  cluster.objects.delete("/api/v1/nodes/node1");
  cluster.put("/api/v1/nodes/node1", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node1" },
    spec: { podCIDRs: ["10.244.0.0/24"] },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      allocatable: { cpu: "2", memory: "8Gi", pods: "110" },
      nodeInfo: { architecture: "amd64", operatingSystem: "linux", containerRuntimeVersion: "containerd://1.7.1" },
    },
  });
  cluster.posts.set("selfsubjectaccessreviews", () => ({ status: { allowed: true } }));
  cluster.posts.set("subjectaccessreviews", () => ({ status: { allowed: false } }));
  cluster.posts.set("namespaces", () => {
    throw new Refused(422, "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value");
  });
  cluster.posts.set("pods", (body) => {
    const { image } = (body as { spec: { containers: { image: string }[] } }).spec.containers[0] ?? { image: "" };
    if (image.startsWith("registry.invalid/")) throw new Refused(403, "denied request: vdi: only the deployment's images");
    return body;
  });
}

function makeDirectory(settings: Record<string, string>): string {
  const made = join(top, "vdi-stp");
  mkdirSync(join(made, "deploy"), { recursive: true });
  mkdirSync(join(made, "to_container/session_types/default"), { recursive: true });
  writeFileSync(join(made, "to_container/session_types/default/xpra_startup_desktop.sh"), "#!/bin/bash\n", { mode: 0o755 });
  const all = {
    XPRA_REGISTRY_SRV: `127.0.0.1:${(registry.address() as AddressInfo).port}`,
    // Nobody answers as the proxies here, so nobody is asked.
    EXTERNALIPS: "",
    XPRA_SERVICE_TYPE: "NodePort",
    DOMNAME: "example.test",
    XPRA_WORKERS: "all",
    VOLUME_HOMEDIRS_EXT: join(top, "home"),
    ...settings,
  };
  writeFileSync(
    join(made, "deploy/vdi.env"),
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  return made;
}

function writeUsers(...lines: string[]): void {
  const place = join(directory, "protected/users");
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "passwd"), lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  const shadow = lines.map((line) => `${line.split(":")[0] ?? ""}:$6$salt$hash:20000:0:99999:7:::\n`);
  writeFileSync(join(place, "shadow"), shadow.join(""), { mode: 0o600 });
  writeFileSync(join(place, "group"), "", { mode: 0o600 });
}

const noEngine = async (): Promise<never> => {
  throw new VdiError({ what: "the container engine does not answer", exitCode: ExitCode.unreachable });
};

function vdi(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runVdi(argv, { cwd: directory, ports: { connectKube: async () => cluster.transport, connectEngine: noEngine }, ...options });
}

async function check(...argv: string[]): Promise<{ checked: Checked; exitCode: number; of(id: string): string }> {
  const { stdout, stderr, exitCode } = await vdi(["check", "-o", "json", ...argv]);
  expect(stdout, stderr).not.toBe("");
  const checked = JSON.parse(stdout) as Checked;
  const of = (id: string): string => {
    const found = checked.checks.find((each) => each.id === id);
    return found === undefined
      ? "is not there"
      : [found.status, ...found.problems, found.why ?? found.detail ?? ""].filter(Boolean).join(" | ");
  };
  return { checked, exitCode, of };
}

function putSession(name: string, more: { metadata?: object; image?: string; status: object }): void {
  cluster.put(`/api/v1/namespaces/vdi-stp/pods/${name}`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "vdi-stp", labels: sessionLabels("vdi-stp", "desktop"), creationTimestamp: ago(600), ...more.metadata },
    spec: { nodeName: "node1", containers: [{ name: "session", image: more.image ?? `${imageDefault()}` }] },
    status: more.status,
  });
}

const imageDefault = (): string => `127.0.0.1:${(registry.address() as AddressInfo).port}/vdi-xfce4@${digest}`;
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

describe("vdi check --pre", () => {
  it("finds nothing to mend where all is well, and changes nothing", async () => {
    writeUsers("ann:x:40001:40001::/home/ann:/bin/bash");
    const before = cluster.snapshot();
    const { checked, exitCode, of } = await check("--pre");
    expect(checked.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(checked.checks.filter(({ status }) => status === "warning").map(({ id }) => id)).toEqual([
      "container-engine",
      // VOLUME_HOMEDIRS_EXT has a value that this version does not use yet.
      "configuration",
    ]);
    expect(of("images-pushed")).toMatch(/^skipped/);
    expect(of("images")).toBe("ok | 2 of 2, with their digests");
    expect(exitCode).toBe(0);
    expect(checked).toMatchObject({ stage: "before", ok: true, namespace: "vdi-stp" });
    expect(cluster.snapshot()).toEqual(before);
    expect(
      cluster.seen.filter(({ method, query }) => !["GET"].includes(method) && query.get("dryRun") !== "All").map(({ path }) => path),
    ).toEqual(["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"]);
  });

  it("looks at the cluster although the configuration has problems, and skips what needs it", async () => {
    makeDirectory({ EXTERNALIPS: "CHANGEME", REPLICAS: "many" });
    const { exitCode, of } = await check("--pre");
    expect(exitCode).toBe(3);
    expect(of("configuration")).toMatch(/^failed .*vdi\.env:2: EXTERNALIPS is still CHANGEME.*REPLICAS must be a whole number/);
    expect(of("cluster-version")).toBe("ok | 1.34");
    expect(of("namespaces")).toBe("skipped | needs: the configuration reads without problems");
  });

  it("says once why no cluster can be asked", async () => {
    const connectKube = async (): Promise<never> => {
      throw new VdiError({
        what: "no cluster is chosen",
        why: "KUBECONFIG is not set",
        try: "--kubeconfig FILE",
        exitCode: ExitCode.usage,
      });
    };
    const { stdout, exitCode } = await vdi(["check"], { ports: { connectKube, connectEngine: noEngine } });
    expect(exitCode).toBe(3);
    expect(stdout).toContain(
      "  FAIL  a cluster is chosen\n        no cluster is chosen\n        KUBECONFIG is not set\n        try: --kubeconfig FILE\n",
    );
    expect(stdout.match(/FAIL/g)).toHaveLength(1);
    expect(stdout.match(/skip {2}.*\n?.*needs: a cluster is chosen/g)?.length).toBeGreaterThan(10);
  });

  it("names images that the registry does not have", async () => {
    missing = /vdi-xfce4/;
    expect((await check("--pre")).of("images")).toMatch(/^failed \| 127\.0\.0\.1:\d+ has no vdi-xfce4:latest$/);
  });

  it("minds a cluster that is too old, and one that does not enforce Pod Security", async () => {
    cluster.put("/version", { metadata: {}, major: "1", minor: "29+", gitVersion: "v1.29.9-gke.1" });
    cluster.posts.set("namespaces", (body) => body);
    const { of, exitCode } = await check("--pre");
    expect(of("cluster-version")).toMatch(/^failed \| it is 1\.29/);
    expect(of("pod-security")).toMatch(/^failed .*nothing enforces Pod Security/);
    expect(exitCode).toBe(3);
  });

  it("lets the proxies have a node's own address, be it the API server's or in the nodes' network, and no pod's", async () => {
    Object.assign(cluster.objects.get("/api/v1/nodes/node1")?.["status"] as object, { addresses: [{ address: "192.0.2.1" }] });
    cluster.put("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes", {
      metadata: { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } },
      endpoints: [{ addresses: ["192.0.2.1"] }],
    });
    makeDirectory({ EXTERNALIPS: "192.0.2.1 192.0.2.77", XPRA_CLUSTER_NETWORKS: "192.0.2.0/24" });
    expect((await check("--pre")).of("external-addresses")).toBe("ok | 192.0.2.1, 192.0.2.77");
    makeDirectory({ EXTERNALIPS: "192.0.2.1 10.244.0.9" });
    expect((await check("--pre")).of("external-addresses")).toBe(
      "failed | 10.244.0.9: it lies in 10.244.0.0/24, a network inside the cluster",
    );
  });

  it("names every right that is lacking", async () => {
    cluster.posts.set("selfsubjectaccessreviews", (body) => {
      const { resource, verb } = (body as { spec: { resourceAttributes: { resource: string; verb: string } } }).spec.resourceAttributes;
      return { status: { allowed: resource !== "*" && !(resource === "roles" && verb === "create") } };
    });
    expect((await check("--pre")).of("permissions")).toBe("failed | you may not create roles.rbac.authorization.k8s.io in vdi-stp");
  });

  it("finds a uid that two users have, one that is too small, and one that a shared home knows by another name", async () => {
    writeUsers("ann:x:40001:40001::/home/ann:/bin/bash", "bob:x:40001:40002::/home/bob:/bin/bash", "sys:x:12:12::/home/sys:/bin/sh");
    expect((await check("--pre")).of("users")).toBe(
      "failed | ann and bob share the uid 40001, and so each other's files | sys has the uid 12, but no session runs below 1000 (XPRA_MIN_UID)",
    );
    const own = process.getuid?.() ?? 0;
    mkdirSync(join(top, "home/carol"), { recursive: true });
    writeUsers(`ann:x:${own}:40001::/home/ann:/bin/bash`);
    makeDirectory({ XPRA_MIN_UID: "1" });
    const found = (await check("--pre")).of("user-collisions");
    // root owns the test's files mostly, whose uid no user may have.
    expect(own === 0 ? "skipped" : found).toMatch(own === 0 ? /skipped/ : /^failed .*is also that of carol/);
  });

  it("looks at an admin's own certificate", async () => {
    const names = { dns: ["other.test"], addresses: [] };
    const made = await makeServerCertificate(await usableCa(undefined, undefined, names, Date.now()), names, Date.now());
    mkdirSync(join(directory, "ssl"));
    writeFileSync(join(directory, "ssl/server.crt"), made.certificate);
    writeFileSync(join(directory, "ssl/server.key"), made.key, { mode: 0o644 });
    const { of, exitCode } = await check("--pre");
    expect(of("certificate-files")).toBe(
      "warning | it is for DNS:other.test | but not for vdi-stp.example.test, xpra-proxy.example.test, example.test: browsers will warn whoever comes by those",
    );
    expect(of("secret-files")).toBe("warning | ssl/server.key has mode 644");
    expect(exitCode).toBe(0);
    writeFileSync(join(directory, "ssl/server.key"), "no key");
    const broken = await check("--pre");
    expect(broken.of("certificate-files")).toMatch(/^failed \| ssl\/server\.crt and ssl\/server\.key do not belong together/);
    expect(broken.of("templates")).toMatch(/^skipped/);
  });
});

describe("vdi check", () => {
  it("says that there is no deployment, and asks nothing of it", async () => {
    const { of, exitCode, checked } = await check();
    expect(exitCode).toBe(3);
    expect(of("deployed")).toMatch(/^failed \| there is no deployment xpra-proxy in ingress-vdi-stp/);
    expect(of("session-accepted")).toBe("skipped | needs: it is on the cluster");
    expect(checked.counts.failed).toBe(1);
  });

  it("finds nothing to mend in what was just deployed", async () => {
    expect((await vdi(["deploy"])).exitCode).toBe(0);
    const { checked, exitCode, of } = await check();
    expect(checked.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(of("in-step")).toMatch(/^ok/);
    expect(of("room")).toBe("ok | 64 more, then memory is used up");
    expect(exitCode).toBe(0);
  });

  it("finds sessions that hang, that were left, that do not start, and that are old", async () => {
    await vdi(["deploy"]);
    const running = { phase: "Running", containerStatuses: [{ state: { running: {} } }] };
    putSession("ann-desktop", { status: running });
    putSession("bob-desktop", { status: running, image: "registry.test/old" });
    putSession("carol-desktop", { status: running, metadata: { deletionTimestamp: ago(300) } });
    putSession("dave-desktop", { status: running, metadata: { deletionTimestamp: ago(20) } });
    putSession("eve-desktop", {
      status: { phase: "Succeeded", containerStatuses: [{ state: { terminated: { finishedAt: ago(3600) } } }] },
    });
    putSession("fay-desktop", { status: { phase: "Failed", containerStatuses: [{ state: { terminated: { finishedAt: ago(60) } } }] } });
    putSession("gus-desktop", {
      status: { phase: "Pending", containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff", message: "not found" } } }] },
    });
    const { of, exitCode } = await check();
    expect(of("sessions-ending")).toMatch(/^failed \| carol-desktop on node1, since [^|]+$/);
    expect(of("sessions-ended")).toBe("warning | 1 are left: eve-desktop");
    expect(of("sessions-not-starting")).toBe("failed | gus-desktop for 10m: not found");
    expect(of("sessions-old-images")).toBe("warning | 1 of 4 run on older images: bob-desktop");
    expect(exitCode).toBe(3);
  });

  it("names what all accounts may do, and fails only for what a broker must never do, or what is bound to it", async () => {
    await vdi(["deploy"]);
    const api = "/apis/rbac.authorization.k8s.io/v1";
    const bind = (resource: string, subject: object) => {
      cluster.put(`${api}/clusterroles/basic`, {
        metadata: { name: "basic" },
        rules: [{ apiGroups: [""], resources: [resource], verbs: ["get"] }],
      });
      cluster.put(`${api}/clusterrolebindings/basic-users`, {
        metadata: { name: "basic-users" },
        roleRef: { kind: "ClusterRole", name: "basic" },
        subjects: [subject],
      });
      return check().then(({ checked }) => checked.checks.find(({ id }) => id === "broker-rights"));
    };
    const everybody = { kind: "Group", name: "system:authenticated" };
    const broker = { kind: "ServiceAccount", name: "xpra-proxy-broker", namespace: "ingress-vdi-stp" };
    const unbind = "take the binding that is named away from it";
    const harmless = await bind("users", everybody);
    expect(harmless).toMatchObject({ status: "warning", problems: ["it also has users: get everywhere (clusterrolebinding/basic-users)"] });
    expect(harmless?.try).not.toContain(unbind);
    const harmful = await bind("secrets", everybody);
    expect(harmful).toMatchObject({ status: "failed", try: ["whoever administers the cluster can narrow what all accounts may do"] });
    expect(harmful?.problems).toEqual(
      ["vdi-stp", "ingress-vdi-stp"].map(
        (name) => `it may get secrets in ${name} (clusterrolebinding/basic-users, as Group system:authenticated)`,
      ),
    );
    const own = await bind("users", broker);
    expect(own).toMatchObject({ status: "failed", problems: ["it also has users: get everywhere (clusterrolebinding/basic-users)"] });
    expect(own?.try).toContain(unbind);
  });

  it("tells the cluster's own words when it would not take a session", async () => {
    await vdi(["deploy"]);
    cluster.posts.set("pods", () => {
      throw new Refused(403, 'pods "vdi-check-session" is forbidden: exceeded quota: small, requested: memory=128Mi');
    });
    const { of } = await check();
    expect(of("session-accepted")).toMatch(/^failed \| pods .* exceeded quota: small/);
    expect(of("admission-policy-works")).toMatch(/^warning \| it was refused, but not by the policy/);
  });

  it("says that a deploy takes up what the cluster adds to pods, when the policy refuses it", async () => {
    await vdi(["deploy"]);
    const refusing = (rule: string): Promise<readonly string[]> => {
      cluster.posts.set("pods", () => {
        throw new Refused(403, `ValidatingAdmissionPolicy 'vdi-vdi-stp-sessions' with binding 'x' denied request: vdi: ${rule}`);
      });
      return check().then(({ checked }) => checked.checks.find(({ id }) => id === "session-accepted")?.try ?? []);
    };
    expect(await refusing("no priority of its own")).toEqual([
      expect.stringContaining("vdi deploy takes up the cluster's default PriorityClass"),
    ]);
    expect(await refusing("only the deployment's pull secrets")).toEqual([expect.stringContaining("vdi deploy takes up the pull secrets")]);
    expect((await refusing("no choice of the node"))[0]).toContain("vdi deploy takes up the node selector");
  });

  it("is read aloud well: no line beyond 80 columns, and what is not fine says what to try and where to read on", async () => {
    const { stdout } = await vdi(["check"]);
    expect(stdout.split("\n").filter((line) => line.length > 80 && / \S+ \S/.test(line.trim()))).toEqual([]);
    expect(stdout).toMatch(/ {2}FAIL {2}it is on the cluster\n {8}there is no deployment[^\n]+\n( {8}[^\n]+\n)* {8}try: vdi deploy\n/);
    expect(stdout).toContain("        see: doc/checks.md#deployed\n");
    expect(readFileSync(join(import.meta.dirname, "../../../doc/checks.md"), "utf8")).toContain("### deployed\n");
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^something failed: \d+ ok, \d+ warnings?, 1 failed, \d+ skipped$/);
  });
});

describe("vdi check of what never answers", () => {
  it("gives its results while the cluster is still being connected", async () => {
    const ports = { connectKube: () => new Promise<never>(() => undefined), connectEngine: noEngine };
    const { stdout, exitCode } = await vdi(["check", "--pre", "-o", "json"], { ports });
    const { checks } = JSON.parse(stdout) as Checked;
    expect(checks.find(({ id }) => id === "cluster-answers")?.status).not.toBe("ok");
    expect(checks.find(({ id }) => id === "kubeconfig")?.problems).toEqual(["it took longer than 15 s"]);
    expect(exitCode).toBe(ExitCode.checkFailed);
  });

  it("ends although the engine holds its connection open", async () => {
    const socket = join(top, "engine.sock");
    const silent = net.createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(socket, resolve));
    try {
      const { stdout, exitCode, timedOut } = await execa(
        process.execPath,
        [join(distribution, "bin/vdi"), "check", "--pre", "-o", "json"],
        {
          cwd: directory,
          env: { DOCKER_HOST: `unix://${socket}`, KUBECONFIG: join(top, "missing") },
          reject: false,
          timeout: 50_000,
        },
      );
      expect({ exitCode, timedOut }).toEqual({ exitCode: ExitCode.checkFailed, timedOut: false });
      const { checks } = JSON.parse(stdout) as Checked;
      expect(checks.find(({ id }) => id === "container-engine")?.problems).toContain("it said nothing for 10 s");
    } finally {
      silent.close();
    }
  });
});
