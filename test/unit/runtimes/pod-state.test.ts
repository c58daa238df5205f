import type { V1ContainerState, V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { podFacts, podView } from "../../../src/runtimes/pod-state.ts";
import type { SessionMarks } from "../../../src/runtimes/session-life.ts";

const now = Date.parse("2026-01-01T12:00:00Z");

function pod(
  status: V1PodStatus,
  container?: V1ContainerState,
  more: Partial<{ node: string; deleting: string; finalizers: string[] }> = {},
): V1Pod {
  return {
    metadata: {
      name: "alice-desktop",
      uid: "u1",
      resourceVersion: "5",
      annotations: { "vdi.xpra.org/owner": "alice" },
      ...(more.deleting === undefined ? {} : { deletionTimestamp: more.deleting as unknown as Date }),
      ...(more.finalizers === undefined ? {} : { finalizers: more.finalizers }),
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

const cases: readonly [string, V1Pod, SessionMarks, string][] = [
  ["just made", pod({ phase: "Pending" }), {}, "starting scheduling"],
  [
    "no room",
    pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] }),
    {},
    "starting scheduling no-node",
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
    "starting preparing volume",
  ],
  [
    "no network for it",
    pod({ phase: "Pending" }, { waiting: { reason: "ContainerCreating" } }, { node: "n" }),
    { event: { reason: "FailedCreatePodSandBox", message: "" } },
    "starting preparing sandbox",
  ],
  [
    "its node is gone before it came to run",
    pod({ phase: "Pending" }, undefined, { node: "n" }),
    { event: { reason: "NodeNotReady", message: "Node is not ready" } },
    "starting preparing machine-away",
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
  ["out of memory", pod({ phase: "Failed" }, terminated(137, "OOMKilled"), { node: "n" }), {}, "failed memory"],
  [
    "a program out of memory, the desktop ended well",
    pod({ phase: "Succeeded" }, terminated(0, "OOMKilled"), { node: "n" }),
    {},
    "failed ended",
  ],
  ["evicted", pod({ phase: "Failed", reason: "Evicted" }), {}, "failed evicted"],
  [
    "too much disk",
    pod(
      { phase: "Failed", reason: "Evicted", message: 'Usage of EmptyDir volume "home" exceeds the limit "2Gi". ' },
      terminated(143, "Error"),
    ),
    {},
    "failed disk",
  ],
  ["not taken by its node", pod({ phase: "Failed", reason: "OutOfmemory" }), {}, "failed evicted"],
  ["node shut down", pod({ phase: "Failed", reason: "Terminated" }, terminated(143, "Error")), {}, "failed machine"],
  [
    "terminating",
    pod({ phase: "Running", podIP: "10.0.0.1" }, running(3600), { node: "n", deleting: "2026-01-01T12:00:20Z" }),
    { ready: true },
    "ending",
  ],
  [
    "terminating, its grace just over",
    pod({ phase: "Failed" }, terminated(137, "Error"), { deleting: "2026-01-01T11:59:50Z" }),
    {},
    "ending",
  ],
  ["hung in terminating", pod({ phase: "Running" }, running(3600), { node: "n", deleting: "2026-01-01T11:59:00Z" }), {}, "ending overdue"],
  ["asked to be deleted", pod({ phase: "Running", podIP: "10.0.0.1" }, running(3600), { node: "n" }), { removed: true }, "ending"],
];

describe("podView", () => {
  it.each(cases)("%s", (_, object, marks, expected) => {
    const { status, owner } = podView(podFacts(object), marks, now);
    expect(owner).toEqual({ name: "alice", uid: 20001 });
    const words = [
      status.state,
      status.state === "starting" ? `${status.phase} ${status.trouble?.reason ?? ""}`.trim() : "",
      status.state === "ending" && status.overdue ? "overdue" : "",
      status.state === "failed" ? status.reason : "",
      status.state === "ready" ? `${status.address.host}:${status.address.port} ${status.address.secret}` : "",
    ];
    expect(words.filter(Boolean).join(" ")).toBe(expected);
  });

  it("keeps the cluster's own words for the admin, without the session's password", () => {
    const detail = (object: V1Pod, marks: SessionMarks = {}): string => {
      const { status } = podView(podFacts(object), marks, now);
      if (status.state === "starting") return status.trouble?.detail ?? "";
      return status.state === "failed" || status.state === "ending" ? status.detail : "";
    };
    const message = "0/3 nodes are available: 3 Insufficient memory.";
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
    expect(detail(pod({ phase: "Pending", conditions }))).toBe(message);
    expect(detail(pod({ phase: "Pending" }, { waiting: { reason: "ErrImagePull", message: "x: not found" } }, { node: "n" }))).toBe(
      "ErrImagePull: x: not found",
    );
    expect(detail(pod({ phase: "Pending" }, undefined, { node: "n" }), { event: { reason: "FailedMount", message: "no s3cret" } })).toBe(
      "FailedMount: no (secret)",
    );
    expect(detail(pod({ phase: "Failed" }, terminated(127, "Error")))).toBe("code 127 Error");
    expect(detail(pod({ phase: "Failed", reason: "Evicted", message: "low on memory" }, terminated(137, "Error")))).toBe(
      "Evicted: low on memory; code 137 Error",
    );
    expect(detail(pod({ phase: "Running" }, running(60), { node: "n", deleting: "2026-01-01T11:00:00Z", finalizers: ["a/b"] }))).toBe(
      "to be gone by 2026-01-01T11:00:00.000Z, node n, finalizers a/b",
    );
  });

  it("tells the machine once there is one", () => {
    expect(podView(podFacts(pod({ phase: "Pending" }, undefined, { node: "n" })), {}, now).machine).toBe("n");
    expect(podView(podFacts(pod({ phase: "Pending" })), {}, now)).not.toHaveProperty("machine");
  });

  it("knows nothing of a pod that is not there", () => {
    expect(podView(undefined, {}, now)).toEqual({ status: { state: "absent" } });
  });

  it("gives a pod without an owner to nobody", () => {
    expect(podView(podFacts({ metadata: { name: "x" } }), {}, now).owner).toEqual({ name: "", uid: -1 });
  });
});
