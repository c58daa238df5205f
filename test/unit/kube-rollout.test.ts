import type { CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type RolloutState, rolloutState } from "../../src/kube/rollout.ts";
import { waitForRollout } from "../../src/kube/wait.ts";

const deployment = (status: V1Deployment["status"], replicas = 1): V1Deployment =>
  ({
    metadata: { generation: 3, annotations: { "deployment.kubernetes.io/revision": "2" } },
    spec: { replicas },
    status: { observedGeneration: 3, ...status },
  }) as unknown as V1Deployment;

const replicaSet = (revision: string, hash: string): V1ReplicaSet => ({
  metadata: { annotations: { "deployment.kubernetes.io/revision": revision }, labels: { "pod-template-hash": hash } },
});

const stateOf = (of: V1Deployment, pods: readonly V1Pod[], events: readonly CoreV1Event[]): RolloutState =>
  rolloutState({ deployment: of, replicaSets: [replicaSet("1", "old"), replicaSet("2", "new")], pods, events });

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
    expect(stateOf(deployment({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, 2), [], [])).toEqual({
      done: true,
      progress: "2 of 2 proxies ready",
    });
    expect(stateOf(deployment({ replicas: 3, updatedReplicas: 2, availableReplicas: 3 }, 2), [], []).done).toBe(false);
    expect(stateOf(deployment({ replicas: 0, updatedReplicas: 0 }, 0), [], []).done).toBe(true);
  });

  it("does not take an old status for the new rollout's", () => {
    const old = deployment({ observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 });
    expect(stateOf(old, [], [])).toEqual({ done: false, progress: "0 of 1 proxies ready" });
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
    const { problem } = stateOf(updating, [pod("p", status)], []);
    expect(problem?.text).toContain(text);
    expect(problem?.patienceSeconds).toBe(patienceSeconds);
  });

  it("points to the log of what crashed", () => {
    const status = waiting("CrashLoopBackOff", "back-off", 1, { terminated: { exitCode: 70 } });
    expect(stateOf(updating, [pod("p", status)], []).problem?.logOf).toEqual({ pod: "p", container: "proxy", previous: true });
  });

  it("tells of a quota that lets no pod be made", () => {
    const refused = deployment({ conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota: small" }] });
    expect(stateOf(refused, [], []).problem).toMatchObject({ text: "no pod can be made: exceeded quota: small", describe: "replicasets" });
  });

  it("does not hold an older template's trouble against the new one", () => {
    // Even when the older template's pod is the younger one: the template may have been set back.
    const old = pod("old", waiting("ImagePullBackOff", "not found"), {
      creationTimestamp: "2027-01-01T00:00:00Z",
      labels: { "pod-template-hash": "old" },
    });
    expect(stateOf(updating, [old, pod("new", { containerStatuses: [] })], []).problem).toBeUndefined();
  });

  it("falls back to the pod's last warning", () => {
    const event = { involvedObject: { name: "p" }, type: "Warning", reason: "FailedMount", message: 'configmap "x" not found' };
    expect(stateOf(updating, [pod("p", {})], [event as never]).problem?.text).toBe('pod p: FailedMount: configmap "x" not found');
  });
});

describe("the wait for a rollout", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("leaves no timer behind when it was interrupted before it began", async () => {
    vi.useFakeTimers();
    const asked = vi.fn(async () => Promise.reject(new Error("nothing is to be asked")));
    const transport = { server: "x", request: asked, json: asked, stream: asked, close: () => undefined };
    const options = { namespace: "ingress-vdi", name: "xpra-proxy", podSelector: "app=x", timeoutMs: 300_000, onProgress: () => undefined };
    await expect(waitForRollout(transport, { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(vi.getTimerCount()).toBe(0);
    expect(asked).not.toHaveBeenCalled();
  });
});
