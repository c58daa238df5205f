import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { type RunResult, runVdi } from "../support/run-vdi.ts";
import { FakeCluster } from "./fake-cluster.ts";

let directory = "";
let cluster: FakeCluster;
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "vdi-sessions-")), "vdi-stp");
  mkdirSync(join(directory, "deploy"), { recursive: true });
  writeFileSync(
    join(directory, "deploy/vdi.env"),
    "XPRA_REGISTRY_SRV=127.0.0.1:9\nEXTERNALIPS=192.0.2.10\nDOMNAME=example.test\nXPRA_WORKERS=all\n",
  );
  cluster = await FakeCluster.start();
  put("alice-desktop", "alice", "desktop", { phase: "Running", containerStatuses: [{ state: { running: {} } }] });
  put("alice-seamless", "alice", "seamless", {
    phase: "Pending",
    containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff", message: "not found" } } }],
  });
  put("bob-mhd-desktop", "Bob", "mhd-desktop", { phase: "Failed", reason: "Evicted", message: "the node was low on memory" });
  // Not a session: nobody's business here.
  cluster.put(path("other"), { apiVersion: "v1", kind: "Pod", metadata: { name: "other", namespace: "vdi-stp", labels: {} } });
});
afterEach(async () => {
  await cluster.stop();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const path = (name: string): string => `/api/v1/namespaces/vdi-stp/pods/${name}`;

function put(name: string, owner: string, display: string, status: object): void {
  cluster.put(path(name), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "vdi-stp",
      creationTimestamp: new Date(Date.now() - 11_000_000).toISOString(),
      labels: sessionLabels("vdi-stp", display.replace("mhd-", "")),
      annotations: { "vdi.xpra.org/owner": owner, "vdi.xpra.org/display": display },
    },
    spec: { nodeName: "node1", containers: [{ image: "vdi-xfce4" }] },
    status,
  });
}

const vdi = (...argv: string[]): Promise<RunResult> =>
  runVdi(argv, { cwd: directory, ports: { connectKube: async () => cluster.transport } });

describe("vdi sessions", () => {
  it("lists who has what, and why it is not running", async () => {
    const { stdout, exitCode } = await vdi("sessions", "list");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["USER", "TYPE", "NAME", "STATE", "AGE", "NODE"],
      ["Bob", "mhd-desktop", "bob-mhd-desktop", "failed: the node was low on memory", "3h", "node1"],
      ["alice", "desktop", "alice-desktop", "running", "3h", "node1"],
      ["alice", "seamless", "alice-seamless", "starting: not found", "3h", "node1"],
      [""],
    ]);
  });

  it("ends one by its name, or all of a user's", async () => {
    const one = await vdi("sessions", "stop", "alice-desktop", "-o", "json");
    expect(JSON.parse(one.stdout)).toMatchObject({ sessions: [{ name: "alice-desktop", user: "alice", state: "ending" }] });
    expect([cluster.objects.has(path("alice-desktop")), cluster.objects.has(path("alice-seamless"))]).toEqual([false, true]);
    expect((await vdi("sessions", "stop", "alice")).stdout).toBe("alice-seamless (alice): ending\n");
    expect(cluster.objects.has(path("other"))).toBe(true);
  });

  it("says that there is nobody of that name, and touches nothing", async () => {
    const result = await vdi("sessions", "stop", "other");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("neither a session nor a user with a session called 'other'");
    expect(cluster.objects.has(path("other"))).toBe(true);
  });
});
