import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Checked } from "../../src/commands/check.ts";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi, vdiWith } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

// Things are broken one after the other on the real cluster, and each has to be found; a deploy mends them again.

let demo: Demo;
let kubectl: Kubectl;
let ingress = "";
let scratch = "";

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  ingress = `ingress-${demo.namespace}`;
  scratch = mkdtempSync(join(tmpdir(), "vdi-check-"));
  await deployed();
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await deployed();
});

async function deployed(): Promise<void> {
  const result = await vdi(demo, "deploy");
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
}

async function check(...args: string[]): Promise<{ exitCode: number; result: Checked }> {
  const { stdout, stderr, exitCode } = await vdi(demo, "check", "-o", "json", ...args);
  expect([0, 3], stderr).toContain(exitCode);
  return { exitCode, result: JSON.parse(stdout) as Checked };
}

/** What became of a check, with its words in one text. */
function outcome(result: Checked, id: string): string {
  const found = result.checks.find((each) => each.id === id);
  return found === undefined ? "is not there" : [found.status, ...found.problems, found.why ?? ""].join(" | ");
}

/** What other tests may have left behind, and what the machine is like. */
const passing = new Set(["recent-warnings", "disk-space", "sessions-old-images", "network-enforced"]);

/** How long the cluster may take until its admission goes by a change. */
const settleMs = 30_000;

interface Breakage {
  readonly name: string;
  break(): Promise<unknown>;
  /** What a deploy does not take back. */
  mend?(): Promise<unknown>;
  /** What each check has to say. */
  readonly finds: Readonly<Record<string, RegExp>>;
  readonly exitCode: 0 | 3;
}

const remove =
  (...args: string[]) =>
  (): Promise<string> =>
    kubectl.run("delete", "-n", demo.namespace, "--ignore-not-found", ...args);

const breakages: readonly Breakage[] = [
  {
    name: "the policy's binding is gone",
    break: () => kubectl.run("delete", "validatingadmissionpolicybinding", `vdi-${demo.namespace}-sessions`),
    finds: {
      "admission-policy": /^failed .*validatingadmissionpolicybinding\/vdi-.*-sessions is not there/,
      "admission-policy-works": /^failed .*would have taken it/,
    },
    exitCode: 3,
  },
  {
    name: "the cluster has another certificate",
    break: async () => {
      const [key, crt] = [join(scratch, "other.key"), join(scratch, "other.crt")];
      const name = ["-subj", "/CN=other.test", "-addext", "subjectAltName=DNS:other.test"];
      await execa("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", ...name, "-keyout", key, "-out", crt]);
      const data = { "server.crt": readFileSync(crt).toString("base64") };
      await kubectl.run("patch", "secret", "-n", ingress, "xpra-proxy-certs-crt", "--type=merge", "-p", JSON.stringify({ data }));
    },
    finds: {
      "certificate-deployed": /^failed .*ssl\/server\.crt is another one/,
      "doors-answer": /^failed .*shows another certificate than the deployed one/,
    },
    exitCode: 3,
  },
  {
    name: "a quota is too small for a session",
    break: () => kubectl.run("create", "quota", "tiny", "-n", demo.namespace, "--hard=requests.memory=64Mi,pods=50"),
    mend: remove("quota", "tiny"),
    finds: {
      quotas: /^failed .*resourcequota\/tiny: .* of 64Mi requests\.memory are used, room for 0 more/,
      "session-accepted": /^failed .*exceeded quota: tiny/,
    },
    exitCode: 3,
  },
  {
    name: "a limit range is too small for a session",
    break: () =>
      kubectl.pipe(
        {
          apiVersion: "v1",
          kind: "LimitRange",
          metadata: { name: "tiny", namespace: demo.namespace },
          spec: { limits: [{ type: "Container", max: { memory: "64Mi" } }] },
        },
        "create",
        "-f",
        "-",
      ),
    mend: remove("limitrange", "tiny"),
    finds: { "session-accepted": /^failed .*maximum memory usage per Container is 64Mi/ },
    exitCode: 3,
  },
  {
    name: "somebody else may read pods",
    break: () => kubectl.run("create", "rolebinding", "helpdesk", "-n", demo.namespace, "--clusterrole=view", "--group=helpdesk"),
    mend: remove("rolebinding", "helpdesk"),
    finds: { "desktop-readers": /^warning .*Group helpdesk \(rolebinding\/helpdesk in / },
    exitCode: 0,
  },
  {
    name: "the broker may do more",
    break: () =>
      kubectl.run(
        "create",
        "rolebinding",
        "more",
        "-n",
        demo.namespace,
        "--clusterrole=view",
        `--serviceaccount=${ingress}:xpra-proxy-broker`,
      ),
    mend: remove("rolebinding", "more"),
    finds: { "broker-rights": /^failed .*it also has .*rolebinding\/more/ },
    exitCode: 3,
  },
  {
    name: "somebody else may read the proxies' Secrets",
    break: () => kubectl.run("create", "rolebinding", "auditors", "-n", ingress, "--clusterrole=admin", "--user=eve"),
    mend: () => kubectl.run("delete", "rolebinding", "auditors", "-n", ingress, "--ignore-not-found"),
    finds: { "secret-readers": /^warning .*User eve \(rolebinding\/auditors in / },
    exitCode: 0,
  },
  {
    name: "the sessions' network policy is gone",
    break: remove("networkpolicy", "sessions"),
    finds: { "network-policies": /^failed .*networkpolicy\/sessions in .* is not there/ },
    exitCode: 3,
  },
  {
    name: "somebody's policy opens the sessions to all pods",
    break: () =>
      kubectl.pipe(
        {
          apiVersion: "networking.k8s.io/v1",
          kind: "NetworkPolicy",
          metadata: { name: "open", namespace: demo.namespace },
          spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] },
        },
        "create",
        "-f",
        "-",
      ),
    mend: remove("networkpolicy", "open"),
    finds: {
      "network-policies": /^warning .*let more through: open/,
      "network-reach": /^failed .*a pod of another namespace reaches a session/,
    },
    exitCode: 3,
  },
  {
    name: "the sessions' namespace enforces nothing",
    break: () => kubectl.run("label", "namespace", demo.namespace, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
    finds: { "pod-security-labels": /^failed .*enforces privileged instead of restricted/ },
    exitCode: 3,
  },
  {
    name: "nobody is behind the address",
    break: () =>
      kubectl.run(
        "patch",
        "service",
        "-n",
        ingress,
        "xpra-proxy",
        "--type=merge",
        "-p",
        JSON.stringify({ spec: { selector: { nobody: "here" } } }),
      ),
    // The label is not ours, so that a deploy would leave it.
    mend: () =>
      kubectl.run(
        "patch",
        "service",
        "-n",
        ingress,
        "xpra-proxy",
        "--type=merge",
        "-p",
        JSON.stringify({ spec: { selector: { nobody: null } } }),
      ),
    finds: { "doors-answer": /^failed .*does not answer on port 443/ },
    exitCode: 3,
  },
  {
    name: "the proxies know other users",
    break: () =>
      kubectl.run(
        "patch",
        "secret",
        "-n",
        ingress,
        "xpra-proxy-users",
        "--type=merge",
        "-p",
        JSON.stringify({ data: { passwd: Buffer.from("mallory:x:30000:30000::/home/mallory:/bin/bash\n").toString("base64") } }),
      ),
    finds: { "users-in-step": /^failed .*do not know xpra-user01.*still know mallory/ },
    exitCode: 3,
  },
];

describe("vdi check", () => {
  it("finds nothing wrong with a deployment that is well", async () => {
    // A question may be answered too late on a loaded machine.
    const notWell = async (): Promise<unknown> => {
      const { exitCode, result } = await check();
      return { exitCode, checks: result.checks.filter(({ id, status }) => status !== "ok" && (status === "failed" || !passing.has(id))) };
    };
    await expect.poll(notWell, { timeout: 60_000, interval: 1_000 }).toEqual({ exitCode: 0, checks: [] });
    let words = "";
    const said = async (): Promise<string> => {
      words = (await vdi(demo, "check")).stdout;
      return words;
    };
    await expect.poll(said, { timeout: 60_000, interval: 1_000 }).toMatch(/^nothing failed: \d+ ok/m);
    expect(
      words.split("\n").filter((line) => line.length > 80 && line.trim().includes(" ")),
      "lines that a terminal of 80 columns would break",
    ).toEqual([]);
  });

  it.each(breakages)("finds that $name", async ({ break: breakIt, mend, finds, exitCode }) => {
    await breakIt();
    try {
      const words = async (): Promise<Record<string, string>> => {
        const { result, exitCode: code } = await check();
        return { ...Object.fromEntries(Object.keys(finds).map((id) => [id, outcome(result, id)])), exitCode: String(code) };
      };
      const expected = Object.fromEntries(Object.entries(finds).map(([id, pattern]) => [id, expect.stringMatching(pattern)]));
      await expect.poll(words, { timeout: settleMs, interval: 500 }).toEqual({ ...expected, exitCode: String(exitCode) });
    } finally {
      await mend?.();
      await deployed();
    }
  });
});

describe("vdi check --probe-network", () => {
  it("finds out what the network does, and leaves nothing behind", async () => {
    const { result } = await check("--probe-network");
    // Whether the tests' cluster enforces policies is its own affair; that it could be tried is not.
    expect(outcome(result, "network-enforced")).toMatch(/^(ok|warning \| it does not: )/);
    const pods = await kubectl.pods(demo.namespace, "app.kubernetes.io/component=check");
    expect(pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)).toEqual([]);
  });
});

describe("vdi check --pre", () => {
  it("finds what would keep a deployment from working, and asks nothing of one that is not there", async () => {
    const address = new URL(demo.url).hostname;
    const inside = await kubectl.run("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}");
    const { stdout, stderr, exitCode } = await vdiWith(
      {
        NAMESPACE: `${demo.namespace}-other`,
        EXTERNALIPS: `${address} 127.0.0.1 ${inside}`,
        XPRA_WORKERS: "no-such-node",
        IMAGE_DEFAULT: "127.0.0.1:5000/no-such-image",
      },
      demo,
      "check",
      "--pre",
      "-o",
      "json",
    );
    expect(exitCode, stderr).toBe(3);
    const result = JSON.parse(stdout) as Checked;
    expect(outcome(result, "workers")).toMatch(/^failed .*no node no-such-node/);
    expect(outcome(result, "images")).toMatch(/^failed .*has no no-such-image/);
    const addresses = outcome(result, "external-addresses");
    expect(addresses).toContain(`${address} port 443 is that of the service ${ingress}/xpra-proxy`);
    expect(addresses).toContain("127.0.0.1: each machine means itself by it");
    expect(addresses).toContain(`${inside}: it lies in `);
    expect(outcome(result, "namespaces")).toMatch(/^ok/);
    expect(outcome(result, "deployed")).toBe("is not there");
  });

  it("says what somebody may not do who may do little", async () => {
    const name = "check-little";
    await kubectl.run("create", "serviceaccount", name, "-n", demo.namespace);
    try {
      const token = await kubectl.run("create", "token", name, "-n", demo.namespace);
      const file = join(scratch, "little.kubeconfig");
      const config = JSON.parse(await kubectl.run("config", "view", "--minify", "--flatten", "-o", "json")) as {
        users: { user: object }[];
      };
      for (const each of config.users) each.user = { token };
      await execa("tee", [file], { input: JSON.stringify(config) });
      const { stdout, stderr, exitCode } = await vdi(demo, "check", "--kubeconfig", file, "-o", "json");
      expect(exitCode, stderr).toBe(3);
      const result = JSON.parse(stdout) as Checked;
      expect(outcome(result, "cluster-answers")).toMatch(/^ok/);
      expect(outcome(result, "permissions")).toContain(`you may not get, create, patch, delete secrets in ${ingress}`);
      expect(result.checks.flatMap(({ problems }) => problems).filter((text) => text.includes("bug of vdi"))).toEqual([]);
    } finally {
      await kubectl.run("delete", "serviceaccount", name, "-n", demo.namespace);
    }
  });
});
