import type { V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type PodFacts, podFacts } from "../../../src/runtimes/pod-state.ts";
import { removalAt, removals } from "../../../src/runtimes/removals.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const keep = { endedSeconds: 600, failedSeconds: 86_400, pendingSeconds: 300, elsewhereSeconds: 600 };

function pod(status: V1PodStatus, name = "alice-desktop"): V1Pod {
  return { metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: new Date(now - 60_000) }, status };
}

function ended(exitCode: number, reason: string): PodFacts {
  const terminated = { exitCode, reason, finishedAt: new Date(now - 1_000) };
  const phase = exitCode === 0 ? "Succeeded" : "Failed";
  return podFacts(
    pod({ phase, containerStatuses: [{ name: "session", image: "", imageID: "", ready: false, restartCount: 0, state: { terminated } }] }),
  );
}

const pending = podFacts(pod({ phase: "Pending" }));
const running = { ...pending, phase: "Running", runningSince: now };

it("keeps what ended by the user's wish for a short time, and what the user is to be told of for long", () => {
  expect(removalAt(ended(0, "Completed"), keep, now, true)).toBe(now - 1_000 + 600_000);
  expect(removalAt(ended(137, "OOMKilled"), keep, now, true)).toBe(now - 1_000 + 86_400_000);
  expect(removalAt(ended(1, "Error"), keep, now, true)).toBe(now - 1_000 + 86_400_000);
  expect(removalAt(podFacts(pod({ phase: "Failed", reason: "Evicted" })), keep, now, true)).toBe(now + 86_400_000);
});

it("bounds the time of a pod that does not come to run, and leaves alone what runs or goes away", () => {
  expect(removalAt(pending, keep, now, true)).toBe(now - 60_000 + 300_000);
  // Somebody may wait at another broker.
  expect(removalAt(pending, keep, now, false)).toBe(now - 60_000 + 900_000);
  expect(removalAt(running, keep, now, true)).toBeUndefined();
  expect(removalAt({ ...pending, goneBy: now }, keep, now, true)).toBeUndefined();
  expect(removalAt({ ...ended(0, "Completed"), goneBy: now }, keep, now, true)).toBeUndefined();
});

beforeEach(() => {
  vi.useFakeTimers({ now });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Rig {
  readonly pods: Map<string, PodFacts>;
  readonly wanted: Set<string>;
  readonly removed: string[];
  put(facts: PodFacts): void;
  failing: boolean;
}

function rig(): Rig {
  const pods = new Map<string, PodFacts>();
  const wanted = new Set<string>();
  const removed: string[] = [];
  const due = removals({
    keep: () => keep,
    signal: new AbortController().signal,
    life: (name) => pods.get(name),
    isWanted: (name) => wanted.has(name),
    wasWanted: () => true,
    async remove(name) {
      if (own.failing) throw new Error("the cluster is away");
      removed.push(name);
      pods.delete(name);
    },
  });
  const put = (facts: PodFacts): void => {
    pods.set(facts.name, facts);
    due.note(facts);
  };
  const own: Rig = { pods, wanted, removed, put, failing: false };
  return own;
}

it("removes what is due, also when something with less time comes after something with more", async () => {
  const { put, removed } = rig();
  put({ ...ended(137, "OOMKilled"), name: "late" });
  put({ ...ended(0, "Completed"), name: "soon" });
  await vi.advanceTimersByTimeAsync(606_000);
  expect(removed).toEqual(["soon"]);
  await vi.advanceTimersByTimeAsync(86_400_000);
  expect(removed).toEqual(["soon", "late"]);
});

it("leaves a pod that waits for room to whoever waits for it", async () => {
  const { put, removed, wanted } = rig();
  wanted.add("alice-desktop");
  put(pending);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(removed).toEqual([]);
  wanted.clear();
  await vi.advanceTimersByTimeAsync(61_000);
  expect(removed).toEqual(["alice-desktop"]);
});

it("leaves a pod alone that has come to run in time", async () => {
  const { put, removed } = rig();
  put(pending);
  put(running);
  await vi.advanceTimersByTimeAsync(86_400_000);
  expect(removed).toEqual([]);
});

it("tries again when the cluster is away", async () => {
  const own = rig();
  own.failing = true;
  own.put(pending);
  await vi.advanceTimersByTimeAsync(246_000);
  expect(own.removed).toEqual([]);
  own.failing = false;
  await vi.advanceTimersByTimeAsync(61_000);
  expect(own.removed).toEqual(["alice-desktop"]);
});
