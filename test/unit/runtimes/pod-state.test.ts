import type { V1ContainerState, V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { type PodMarks, podFacts, podView } from "../../../src/runtimes/pod-state.ts";

const now = Date.parse("2026-01-01T12:00:00Z");

function pod(status: V1PodStatus, container?: V1ContainerState, more: Partial<{ node: string; deleting: boolean }> = {}): V1Pod {
  return {
    metadata: {
      name: "alice-desktop",
      uid: "u1",
      resourceVersion: "5",
      annotations: { "vdi.xpra.org/owner": "alice" },
      ...(more.deleting === true ? { deletionTimestamp: "2026-01-01T11:59:00Z" as unknown as Date } : {}),
    },
    spec: {
      ...(more.node === undefined ? {} : { nodeName: more.node }),
      securityContext: { runAsUser: 20001 },
      containers: [{ name: "session", env: [{ name: "XPRA_PASSWORD", value: "s3cret" }], ports: [{ containerPort: 14500 }] }],
    },
    status: {
      ...status,
      ...(container === undefined
        ? {}
        : { containerStatuses: [{ name: "session", image: "", imageID: "", ready: false, restartCount: 0, state: container }] }),
    },
  };
}

function running(secondsAgo: number): V1ContainerState {
  return { running: { startedAt: new Date(now - secondsAgo * 1000).toISOString() as unknown as Date } };
}

function terminated(exitCode: number, reason: string): V1ContainerState {
  return { terminated: { exitCode, reason } };
}

const cases: readonly [string, V1Pod, PodMarks, string][] = [
  ["just made", pod({ phase: "Pending" }), {}, "starting scheduling"],
  [
    "no room",
    pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] }),
    {},
    "starting scheduling No machine has room",
  ],
  [
    "held back by a gate",
    pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] }),
    {},
    "starting scheduling",
  ],
  ["on a node", pod({ phase: "Pending" }, { waiting: { reason: "ContainerCreating" } }, { node: "n" }), {}, "starting preparing"],
  [
    "pulling",
    pod({ phase: "Pending" }, { waiting: { reason: "ContainerCreating" } }, { node: "n" }),
    { event: { reason: "Pulling", message: "" } },
    "starting pulling",
  ],
  [
    "mount fails",
    pod({ phase: "Pending" }, { waiting: {} }, { node: "n" }),
    { event: { reason: "FailedMount", message: "" } },
    "starting preparing A directory",
  ],
  ["image fault", pod({ phase: "Pending" }, { waiting: { reason: "ErrImagePull" } }, { node: "n" }), {}, "failed image"],
  ["bad image name", pod({ phase: "Pending" }, { waiting: { reason: "InvalidImageName" } }, { node: "n" }), {}, "failed image"],
  [
    "bad configuration",
    pod({ phase: "Pending" }, { waiting: { reason: "CreateContainerConfigError" } }, { node: "n" }),
    {},
    "failed configuration",
  ],
  ["runs, not ready", pod({ phase: "Running", podIP: "10.0.0.1" }, running(5), { node: "n" }), {}, "starting starting"],
  ["runs, ready", pod({ phase: "Running", podIP: "10.0.0.1" }, running(5), { node: "n" }), { ready: true }, "ready 10.0.0.1:14500 s3cret"],
  ["ready without an address yet", pod({ phase: "Running" }, running(5), { node: "n" }), { ready: true }, "starting starting"],
  ["has run for long", pod({ phase: "Running", podIP: "10.0.0.1" }, running(3600), { node: "n" }), {}, "ready 10.0.0.1:14500 s3cret"],
  ["completed", pod({ phase: "Succeeded" }, terminated(0, "Completed"), { node: "n" }), {}, "failed ended"],
  [
    "container ended, pod not yet",
    pod({ phase: "Running", podIP: "10.0.0.1" }, terminated(0, "Completed"), { node: "n" }),
    { ready: true },
    "failed ended",
  ],
  ["crashed", pod({ phase: "Failed" }, terminated(127, "Error"), { node: "n" }), {}, "failed crashed"],
  ["out of memory", pod({ phase: "Failed" }, terminated(137, "OOMKilled"), { node: "n" }), {}, "failed crashed"],
  ["evicted", pod({ phase: "Failed", reason: "Evicted" }), {}, "failed evicted"],
  ["node shut down", pod({ phase: "Failed", reason: "Terminated" }), {}, "failed evicted"],
  ["terminating", pod({ phase: "Running", podIP: "10.0.0.1" }, running(3600), { node: "n", deleting: true }), { ready: true }, "ending"],
  ["asked to be deleted", pod({ phase: "Running", podIP: "10.0.0.1" }, running(3600), { node: "n" }), { removed: true }, "ending"],
];

describe("podView", () => {
  it.each(cases)("%s", (_, object, marks, expected) => {
    const { status, owner } = podView(podFacts(object), marks, now);
    expect(owner).toEqual({ name: "alice", uid: 20001 });
    const words = [
      status.state,
      status.state === "starting" ? `${status.phase} ${status.trouble ?? ""}` : "",
      status.state === "failed" ? status.reason : "",
      status.state === "ready" ? `${status.address.host}:${status.address.port} ${status.address.secret}` : "",
    ];
    const said = words.filter(Boolean).join(" ").trim();
    // A trouble begins as expected; everything else is exactly so.
    if (status.state === "starting" && status.trouble !== undefined) expect(said.startsWith(expected)).toBe(true);
    else expect(said).toBe(expected);
  });

  it("knows nothing of a pod that is not there", () => {
    expect(podView(undefined, {}, now)).toEqual({ status: { state: "absent" } });
  });

  it("gives a pod without an owner to nobody", () => {
    expect(podView(podFacts({ metadata: { name: "x" } }), {}, now).owner).toEqual({ name: "", uid: -1 });
  });
});
