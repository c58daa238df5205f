import type { V1Deployment, V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { rolloutState } from "../../src/kube/rollout.ts";

const deployment = (status: V1Deployment["status"], replicas = 1): V1Deployment =>
  ({ metadata: { generation: 3 }, spec: { replicas }, status: { observedGeneration: 3, ...status } }) as V1Deployment;

const pod = (name: string, status: object, more: object = {}): V1Pod =>
  ({
    metadata: { name, creationTimestamp: "2026-01-01T00:00:00Z", labels: { "pod-template-hash": "new" }, ...more },
    status,
  }) as unknown as V1Pod;

const waiting = (reason: string, message: string, restartCount = 0, lastState: object = {}): object => ({
  containerStatuses: [{ name: "proxy", image: "i", restartCount, state: { waiting: { reason, message } }, lastState }],
});

const updating = deployment({ replicas: 1, updatedReplicas: 1 });

describe("rolloutState", () => {
  it("is done when every pod is new and available, and no old one is left", () => {
    expect(rolloutState(deployment({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, 2), [], [])).toEqual({
      done: true,
      progress: "2 of 2 proxies ready",
    });
    expect(rolloutState(deployment({ replicas: 3, updatedReplicas: 2, availableReplicas: 3 }, 2), [], []).done).toBe(false);
    expect(rolloutState(deployment({ replicas: 0, updatedReplicas: 0 }, 0), [], []).done).toBe(true);
  });

  it("does not take an old status for the new rollout's", () => {
    const old = deployment({ observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 });
    expect(rolloutState(old, [], [])).toEqual({ done: false, progress: "0 of 1 proxies ready" });
  });

  it.each([
    [
      "a pull error that stays",
      waiting("ImagePullBackOff", "failed to resolve: not found"),
      "the image cannot be pulled: failed to resolve: not found",
      5,
    ],
    ["a pull error that may pass", waiting("ErrImagePull", "dial tcp: i/o timeout"), "the image cannot be pulled", 60],
    ["a missing Secret", waiting("CreateContainerConfigError", 'secret "x" not found'), 'cannot be started: secret "x" not found', 20],
    [
      "a crash loop",
      waiting("CrashLoopBackOff", "back-off", 3, { terminated: { exitCode: 1, reason: "Error" } }),
      "container proxy of pod p ends with code 1, started 4 times",
      0,
    ],
    [
      "no node",
      {
        conditions: [
          { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes are available: 1 Insufficient memory." },
        ],
      },
      "no node takes pod p: 0/1 nodes are available: 1 Insufficient memory.",
      Number.POSITIVE_INFINITY,
    ],
  ])("tells of %s in the cluster's words", (_, status, text, patienceSeconds) => {
    const { problem } = rolloutState(updating, [pod("p", status)], []);
    expect(problem?.text).toContain(text);
    expect(problem?.patienceSeconds).toBe(patienceSeconds);
  });

  it("points to the log of what crashed", () => {
    const status = waiting("CrashLoopBackOff", "back-off", 1, { terminated: { exitCode: 70 } });
    expect(rolloutState(updating, [pod("p", status)], []).problem?.logOf).toEqual({ pod: "p", container: "proxy", previous: true });
  });

  it("tells of a quota that lets no pod be made", () => {
    const refused = deployment({ conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota: small" }] });
    expect(rolloutState(refused, [], []).problem?.text).toBe("no pod can be made: exceeded quota: small");
  });

  it("does not hold an older template's trouble against the new one", () => {
    const old = pod("old", waiting("ImagePullBackOff", "not found"), {
      creationTimestamp: "2025-01-01T00:00:00Z",
      labels: { "pod-template-hash": "old" },
    });
    expect(rolloutState(updating, [old, pod("new", { containerStatuses: [] })], []).problem).toBeUndefined();
  });

  it("falls back to the pod's last warning", () => {
    const event = { involvedObject: { name: "p" }, type: "Warning", reason: "FailedMount", message: 'configmap "x" not found' };
    expect(rolloutState(updating, [pod("p", {})], [event as never]).problem?.text).toBe('pod p: FailedMount: configmap "x" not found');
  });
});
