import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Endpoint, isReachable, selectingPolicies } from "../../../src/checks/network-reach.ts";
import type { Demo } from "../../start/demo.ts";
import { testDemo } from "../support/demo.ts";
import { doorAt } from "../support/door.ts";
import { isOwnCluster } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { livingProxies } from "../support/proxies.ts";
import { type LiveNetwork, liveNetwork } from "./live-policies.ts";

// What a user can do from inside a session, tried; and what the network policies say to it.
let demo: Demo;
let kubectl: Kubectl;
let network: LiveNetwork;
let own: V1Pod;
let neighbour: V1Pod;
let proxies: readonly V1Pod[];
let attempts: Readonly<Record<string, { readonly outcome: string; readonly detail: string }>>;

const metadataAddress = "169.254.169.254";

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  const door = doorAt(new URL(demo.url).hostname);
  for (const user of ["xpra-user01", "xpra-user02"]) {
    const { ticket } = await door.signIn(user, demo.password);
    const events = await door.start(ticket, "desktop-failsafe");
    expect(events.at(-1), JSON.stringify(events)).toMatchObject({ event: "ready" });
  }
  const sessions = await kubectl.sessionPods(demo.namespace);
  own = podNamed(sessions, "xpra-user01-desktop-failsafe");
  neighbour = podNamed(sessions, "xpra-user02-desktop-failsafe");
  proxies = await livingProxies(kubectl, demo);
  network = await liveNetwork(kubectl, demo);
  attempts = await tryAll();
}, 2_400_000);

afterAll(async () => {
  await kubectl?.removeSessions(demo.namespace);
});

function podNamed(pods: readonly V1Pod[], name: string): V1Pod {
  const pod = pods.find(({ metadata }) => metadata?.name === name);
  if (pod === undefined) throw new Error(`there is no pod ${name}; there are ${pods.map(({ metadata }) => metadata?.name).join(", ")}`);
  return pod;
}

const ip = (pod: V1Pod | undefined): string => pod?.status?.podIP ?? "";

/** Runs attempts.py in the session, as its user. */
async function tryAll(): Promise<typeof attempts> {
  const { apiService, apiServer } = network;
  const node = own.status?.hostIP;
  const targets = {
    http: {
      version: `https://${apiService}/version`,
      pods: `https://${apiService}/api/v1/namespaces/${demo.namespace}/pods`,
      secrets: `https://${apiServer.host}:${apiServer.port}/api/v1/secrets`,
      metadata: `http://${metadataAddress}/`,
      kubelet: `https://${node}:10250/pods`,
      "kubelet, read-only": `http://${node}:10255/pods`,
      metrics: `http://${ip(proxies[0])}:9090/metrics`,
      broker: `http://${ip(proxies[0])}:9090/v1/sessions`,
      registry: `http://${node}:5000/v2/`,
    },
    tcp: { neighbour: [ip(neighbour), 14500], etcd: [node, 2379], "own etcd": [node, 12379] },
  };
  const script = readFileSync(join(import.meta.dirname, "attempts.py"), "utf8");
  const name = own.metadata?.name ?? "";
  const output = await kubectl.pipe(script, "exec", "-i", "-n", demo.namespace, name, "--", "python3", "-", JSON.stringify(targets));
  const lines = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { name: string; outcome: string; detail: string });
  return Object.fromEntries(lines.map(({ name: attempt, ...rest }) => [attempt, rest]));
}

function outcome(name: string): { readonly outcome: string; readonly detail: string } {
  const found = attempts[name];
  if (found === undefined) throw new Error(`"${name}" was not tried; tried: ${Object.keys(attempts).join(", ")}`);
  return found;
}

describe("inside a session, the user", () => {
  it("has the user's uid, no capability, and cannot get one", () => {
    const status = JSON.parse(outcome("status").detail) as Record<string, string>;
    const none = "0".repeat(16);
    expect(status).toEqual({
      ...{ Uid: "20001\t20001\t20001\t20001", Gid: "20001\t20001\t20001\t20001" },
      ...{ CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none },
      ...{ NoNewPrivs: "1", Seccomp: "2" },
    });
  });

  it.each([
    ["su", "EPERM"],
    ["sudo", "ENOENT"],
    ["setuid 0", "EPERM"],
    ["setgroups", "EPERM"],
    ["mount", "EPERM"],
    ["remount root", "EPERM"],
    ["user namespace", "EPERM"],
    ["mount namespace", "EPERM"],
    ["chroot", "EPERM"],
    ["device", "EPERM"],
    ["module", "EPERM"],
    ["kernel log", "EPERM"],
    ["bpf", "EPERM"],
    ["perf", "EPERM"],
    ["keyring", "EPERM"],
    ["clock", "EPERM"],
    ["raw socket", "EPERM"],
    ["packet socket", "EPERM"],
    ["port 80", "EACCES"],
    ["write /usr/bin/x", "EROFS"],
    ["write /etc/x", "EROFS"],
    ["write /x", "EROFS"],
    ["write /var/x", "EROFS"],
    ["write /srv/x", "EROFS"],
    ["write /etc/passwd", "EROFS"],
    ["write /proc/sys/kernel/hostname", "EROFS"],
    ["write /sys/kernel/mm/x", "EROFS"],
    ["write /sys/fs/cgroup/x", "EACCES"],
    ["token", "ENOENT"],
    ["shadow", "EACCES"],
    ["broker socket", "ENOENT"],
  ])("fails at: %s", (name, wanted) => {
    // A node may let unprivileged programs bind low ports, as containerd does by default from 2.0 on: no harm.
    const more: Readonly<Record<string, string>> = { "port 80": "done", "write /sys/fs/cgroup/x": "EROFS" };
    const allowed = [wanted, more[name]];
    expect(allowed, outcome(name).detail).toContain(outcome(name).outcome);
  });

  it("finds no program with another's rights but those of Debian's base, which have none without new privileges", () => {
    const bins = ["chage", "chfn", "chsh", "expiry", "gpasswd", "mount", "newgrp", "passwd", "su", "umount"];
    const known = [...bins.map((name) => `/usr/bin/${name}`), "/usr/sbin/unix_chkpwd", "/usr/lib/x86_64-linux-gnu/utempter/utempter"];
    const found = outcome("setuid programs");
    expect(found.outcome).toBe("done");
    expect(found.detail.split("\n").filter((path) => !known.includes(path))).toEqual([]);
    // That it is looked for where they are.
    expect(found.detail).toContain("/usr/bin/su");
  });

  it("sees no process but the own ones, and no engine's socket", () => {
    expect(outcome("processes of others")).toEqual({ outcome: "done", detail: "" });
    expect(outcome("container socket")).toEqual({ outcome: "done", detail: "[]" });
  });

  it("can write only to what is the session's own, and nothing secret is mounted", () => {
    const mounts = JSON.parse(outcome("mounts").detail) as { at: string; options: string; type: string }[];
    const disks = mounts.filter(({ type }) => !["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"].includes(type));
    const writable = disks.filter(({ options }) => options.split(",").includes("rw")).map(({ at }) => at);
    // The engine's own directory of control groups: its owner is root, as the attempt to write there shows.
    const wanted = ["/sys/fs/cgroup", "/dev", "/dev/shm", "/dev/termination-log", "/home", "/run/user", "/tmp"];
    expect(
      writable
        .filter((at) => !wanted.includes(at) && !at.startsWith("/proc/"))
        .filter((at) => !/^\/etc\/(hosts|hostname|resolv\.conf)$/.test(at)),
    ).toEqual([]);
    expect(mounts.map(({ at }) => at).filter((at) => /secret|token|ssl/.test(at))).toEqual([]);
  });
});

describe("the network policies", () => {
  it("select every session and every proxy, each by one policy", () => {
    const named = (pod: V1Pod, direction: "Ingress" | "Egress") =>
      selectingPolicies(network.policies, network.endpoint(pod).pod, direction).map(({ metadata }) => metadata.name);
    for (const pod of [own, neighbour]) expect([named(pod, "Ingress"), named(pod, "Egress")]).toEqual([["sessions"], ["sessions"]]);
    expect(proxies.length).toBeGreaterThan(0);
    for (const pod of proxies) expect([named(pod, "Ingress"), named(pod, "Egress")]).toEqual([["proxies"], []]);
  });

  it("let through what has to go through, and nothing else, where they are enforced", () => {
    const session = network.endpoint(own);
    const other = network.endpoint(neighbour);
    const proxy = network.endpoint(proxies[0] ?? own);
    const dns = network.imagined("kube-system");
    const world: Endpoint = { ip: "198.51.100.7" };
    const api: Endpoint = { ip: network.apiServer.host };
    const pairs: readonly [string, Endpoint, Endpoint, number, boolean][] = [
      ["proxy to session", proxy, session, 14500, true],
      ["proxy to another port of a session", proxy, session, 22, false],
      ["proxy to the API server", proxy, api, network.apiServer.port, true],
      ["world to proxy", world, proxy, 8443, true],
      ["world to the broker's health port", world, proxy, 9090, false],
      ["world to session", world, session, 14500, false],
      ["session to session", session, other, 14500, false],
      ["session to itself by another's address", other, session, 14500, false],
      ["session to proxy", session, proxy, 8443, false],
      ["session to the broker's health port", session, proxy, 9090, false],
      ["session to DNS", session, dns, 53, true],
      ["session to something else of DNS's pods", session, dns, 9153, false],
      ["session to the API server", session, api, network.apiServer.port, false],
      ["session to the API server's Service", session, { ip: network.apiService }, 443, false],
      ["session to the metadata address", session, { ip: metadataAddress }, 80, false],
      ["session to the world", session, world, 443, true],
      ["a stranger's pod to session", network.imagined("default"), session, 14500, false],
      ["a stranger's pod that calls itself a proxy to session", network.imagined("default", { app: "xpra-proxy" }), session, 14500, false],
      ["a stranger's pod to the broker's health port", network.imagined("default"), proxy, 9090, false],
    ];
    const said = pairs.map(([what, from, to, port]) => [what, isReachable(network.policies, from, to, { port })]);
    expect(said).toEqual(pairs.map(([what, , , , wanted]) => [what, wanted]));
  });

  it("are enforced by this cluster's network, or it is said that they are not", () => {
    const isEnforced = outcome("tcp neighbour").outcome !== "done";
    const reached = ["version", "pods", "secrets", "metadata", "metrics", "broker"].filter((name) => isAnswer(`http ${name}`));
    const text = isEnforced
      ? "NetworkPolicies are enforced: a session does not reach another one."
      : `NetworkPolicies are NOT enforced by this cluster's network: a session reaches another session's port, and also: ${reached.join(", ")}.`;
    process.stderr.write(`\n*** ${text}\n\n`);
    const artifacts = join(import.meta.dirname, "..", "..", "..", "artifacts");
    mkdirSync(artifacts, { recursive: true });
    writeFileSync(join(artifacts, "network-policies.txt"), `${text}\n`);
    if (isEnforced) expect(reached).toEqual([]);
  });
});

/** Whether something has answered, and not only an address that nobody has. */
function isAnswer(name: string): boolean {
  return /^(done|status \d+)$/.test(outcome(name).outcome);
}

/** What an attempt on the network must give: nothing at all where policies are enforced, else an answer that helps nobody. */
function harmless(name: string, check: (attempt: { readonly outcome: string; readonly detail: string }) => void): void {
  const attempt = outcome(`http ${name}`);
  if (/^(timeout|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/.test(attempt.outcome)) return;
  check(attempt);
}

describe("what a network without policies lets through helps nobody:", () => {
  it("the API server knows the session as a stranger", () => {
    harmless("version", ({ outcome: status }) => expect(["done", "status 401", "status 403"]).toContain(status));
    for (const name of ["pods", "secrets"])
      harmless(name, ({ outcome: status, detail }) => {
        expect(["status 401", "status 403"]).toContain(status);
        expect(detail).toMatch(/system:anonymous|Unauthorized/);
      });
  });

  it("the kubelet asks for a certificate, and has no read-only port", () => {
    harmless("kubelet", ({ outcome: status }) => expect(["status 401", "status 403"]).toContain(status));
    expect(isAnswer("http kubelet, read-only")).toBe(false);
    expect(outcome("tcp etcd").outcome).not.toBe("done");
    expect(outcome("tcp own etcd").outcome).not.toBe("done");
  });

  it("the registry of the tests' own cluster listens to its machine only", () => {
    if (isOwnCluster()) expect(isAnswer("http registry")).toBe(false);
  });

  it("the metadata address gives nothing", () => {
    harmless("metadata", ({ outcome: status, detail }) => expect(status, detail).toMatch(/^status 40\d$/));
  });

  it("the broker's port tells numbers only, and starts nothing", () => {
    harmless("metrics", ({ detail }) => {
      expect(detail).toContain("vdi_broker_requests_total");
      expect(detail).not.toMatch(/xpra-user|desktop-failsafe|tcp:\/\/|20001/);
    });
    harmless("broker", ({ outcome: status }) => expect(status).toBe("status 404"));
  });

  it("another session's port refuses whoever does not know its password", async () => {
    const client = "timeout 80 xpra info --socket-dirs=/tmp";
    const address = `${ip(neighbour)}:14500`;
    for (const url of [`tcp://xpra-user02@${address}/`, `tcp://xpra-user02:guess@${address}/`]) {
      const { code, output } = await kubectl.shell(demo.namespace, own.metadata?.name ?? "", "session", `${client} ${url}`);
      expect(code, output).not.toBe(0);
      expect(output).toMatch(/authentication failed|connection timed out|password|no route/i);
      expect(output).not.toMatch(/^session-type=|^server\./m);
    }
  }, 300_000);
});

describe("a proxy's pod", () => {
  const look =
    "grep -E '^(Uid|Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/1/status; ls /var/run/secrets/kubernetes.io/serviceaccount 2>&1";

  it("has a container proxy with exactly SETUID, SETGID and KILL, without a token", async () => {
    for (const { metadata } of proxies) {
      const { output } = await kubectl.shell(`ingress-${demo.namespace}`, metadata?.name ?? "", "proxy", look);
      // KILL is bit 5, SETGID 6, SETUID 7.
      for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(output).toMatch(new RegExp(`^${set}:\\s+00000000000000e0$`, "m"));
      expect(output).toMatch(/^CapAmb:\s+0{16}$/m);
      expect(output).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(output).toMatch(/^Seccomp:\s+2$/m);
      expect(output).toMatch(/No such file or directory/);
    }
  });

  it("has a container broker that is not root, has no capability, and alone has the token", async () => {
    for (const { metadata } of proxies) {
      const { output } = await kubectl.shell(`ingress-${demo.namespace}`, metadata?.name ?? "", "broker", look);
      expect(output).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
      for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(output).toMatch(new RegExp(`^${set}:\\s+0{16}$`, "m"));
      expect(output).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(output).toMatch(/^token$/m);
    }
  });

  it.each(["proxy", "broker"])("cannot write to its root file system: %s", async (container) => {
    const write = "for each in /x /etc/x /usr/bin/x /usr/lib/vdi/x /var/x; do touch $each && echo WRITTEN $each; done; true";
    for (const { metadata } of proxies) {
      const { output } = await kubectl.shell(`ingress-${demo.namespace}`, metadata?.name ?? "", container, write);
      expect(output).not.toContain("WRITTEN");
      expect(output.match(/Read-only file system|Permission denied/g)?.length).toBe(5);
    }
  });
});
