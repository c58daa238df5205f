import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";
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
  put("alice-desktop", "alice", "desktop", { phase: "Running", containerStatuses: [{ name: "session", state: { running: {} } }] });
  put("alice-seamless", "alice", "seamless", {
    phase: "Pending",
    containerStatuses: [{ name: "session", state: { waiting: { reason: "ImagePullBackOff", message: "not found" } } }],
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

const vdi = (...argv: string[]): Promise<RunResult> => vdiWith({}, ...argv);
const vdiWith = (options: RunOptions, ...argv: string[]): Promise<RunResult> =>
  runVdi(argv, { ...options, cwd: directory, ports: { connectKube: async () => cluster.transport } });

describe("vdi sessions", () => {
  it("lists who has what, and why it is not running", async () => {
    const { stdout, exitCode } = await vdi("sessions", "list");
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n");
    expect(lines.slice(0, 5).map((line) => line.split(/ {2,}/))).toEqual([
      ["USER", "TYPE", "NAME", "STATE", "AGE", "NODE"],
      ["Bob", "mhd-desktop", "bob-mhd-desktop", "failed: evicted", "3h", "node1"],
      ["alice", "desktop", "alice-desktop", "running", "3h", "node1"],
      ["alice", "seamless", "alice-seamless", "starting: image", "3h", "node1"],
      [""],
    ]);
    expect(lines.slice(5).join("\n")).toBe(`evicted: the session's pod was evicted or preempted: its node was short of
memory, disk or room
  the cluster says: the node was low on memory
  try: kubectl describe nodes: memory or disk pressure
  try: XPRA_SESSION_MEMORY_REQUEST as large as sessions really are

image: the session's image is not in the registry, or the node may not or cannot
pull it
  the cluster says: not found
  try: vdi build-images --push
  try: vdi deploy
  try: kubectl get events -n vdi-stp
`);
    const { sessions } = JSON.parse((await vdi("sessions", "list", "-o", "json")).stdout) as {
      sessions: { why?: string; reason?: string }[];
    };
    expect(sessions.map(({ why, reason }) => [why, reason])).toEqual([
      ["evicted", "the node was low on memory"],
      [undefined, undefined],
      ["image", "not found"],
    ]);
  });

  it("ends one by its name, or all of a user's", async () => {
    const one = await vdi("sessions", "stop", "alice-desktop", "--yes", "-o", "json");
    expect(JSON.parse(one.stdout)).toMatchObject({ sessions: [{ name: "alice-desktop", user: "alice", state: "ending" }] });
    expect([cluster.objects.has(path("alice-desktop")), cluster.objects.has(path("alice-seamless"))]).toEqual([false, true]);
    expect((await vdi("sessions", "stop", "alice", "--yes")).stdout).toBe("alice-seamless (alice): ending\n");
    expect(cluster.objects.has(path("other"))).toBe(true);
  });

  it("asks before it ends what runs, and does not where nobody can be asked", async () => {
    const refused = await vdi("sessions", "stop", "alice");
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(/no session was ended.*try: --yes/s)]);
    expect((await vdiWith({ answer: false }, "sessions", "stop", "alice-desktop")).exitCode).toBe(1);
    expect([cluster.objects.has(path("alice-desktop")), cluster.objects.has(path("alice-seamless"))]).toEqual([true, true]);
    expect((await vdiWith({ answer: true }, "sessions", "stop", "alice")).exitCode).toBe(0);
    expect(cluster.objects.has(path("alice-desktop"))).toBe(false);
    // There is nothing to lose in what has ended by itself.
    expect((await vdi("sessions", "stop", "bob-mhd-desktop")).exitCode).toBe(0);
  });

  it("says that there is nobody of that name, and touches nothing", async () => {
    const result = await vdi("sessions", "stop", "other");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("neither a session nor a user with a session called 'other'");
    expect(cluster.objects.has(path("other"))).toBe(true);
  });
});
