import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import type { Progress } from "../../../src/session/flight.ts";
import { reasons } from "../../../src/session/reasons.ts";
import type { FakeKube } from "../support/fake-kube.ts";
import { user } from "./fixture.ts";
import { type Broker, brokerRig, kubelet, quiet, settled, until } from "./rig.ts";

const { broker, fakeKube } = brokerRig();
const alice = user("alice");
const session = "alice-desktop";

/** Puts a pod on a node with this status, as its kubelet or the scheduler would. */
function report(kube: FakeKube, status: V1PodStatus, node?: string): void {
  kube.change(session, (pod) => {
    if (node !== undefined && pod.spec !== undefined) pod.spec.nodeName = node;
    pod.status = status;
  });
}

function waiting(reason: string, message: string): V1PodStatus {
  const state = { waiting: { reason, message } };
  return { phase: "Pending", containerStatuses: [{ name: "session", image: "x", imageID: "", ready: false, restartCount: 0, state }] };
}

const unschedulable: V1PodStatus = {
  phase: "Pending",
  conditions: [
    { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes are available: 1 Insufficient memory." },
  ],
};

function troubleOf(runtime: Broker["runtime"]): string | undefined {
  const { status } = runtime.look(session);
  return status.state === "starting" ? status.trouble?.reason : undefined;
}

function deleting(kube: FakeKube, secondsAgo: number, finalizers: string[] = []): void {
  kube.change(session, (pod: V1Pod) => {
    const deletionTimestamp = new Date(Date.now() - secondsAgo * 1000).toISOString() as unknown as Date;
    pod.metadata = { ...pod.metadata, deletionTimestamp, finalizers };
  });
}

describe("a session that fails under the call that started it", () => {
  const faults: readonly [string, V1PodStatus, string, RegExp][] = [
    ["image missing", waiting("ErrImagePull", "manifest unknown"), "image", /^ErrImagePull: manifest unknown$/],
    ["container that cannot be made", waiting("CreateContainerConfigError", 'configmap "x" not found'), "configuration", /configmap "x"/],
    [
      "too much disk",
      { phase: "Failed", reason: "Evicted", message: "Pod ephemeral local storage usage exceeds the total limit" },
      "disk",
      /ephemeral/,
    ],
  ];
  it.each(faults)("%s", async (_, status, reason, detail) => {
    const kube = await fakeKube();
    const { sessions } = broker(kube);
    const failing = sessions.getOrStart(alice, "desktop", quiet);
    failing.catch(() => undefined);
    await until(() => kube.pods.has(session));
    report(kube, status, "node-1");
    await expect(failing).rejects.toMatchObject({
      reason,
      message: reasons[reason as keyof typeof reasons].user,
      detail: expect.stringMatching(detail),
    });
    // It stays to be looked at, and is replaced at the next try.
    expect(kube.count("DELETE", /./)).toBe(0);
  });

  it("a machine that is lost: another one is tried, and after three the user is told", async () => {
    const kube = await fakeKube();
    const { sessions } = broker(kube);
    const told: string[] = [];
    const lost = sessions.getOrStart(alice, "desktop", ({ message }) => told.push(message));
    lost.catch(() => undefined);
    const instances = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      await until(() => kube.pods.has(session) && !instances.has(kube.pods.get(session)?.metadata?.uid ?? ""));
      instances.add(kube.pods.get(session)?.metadata?.uid ?? "");
      report(kube, { phase: "Failed", reason: "NodeShutdown", message: "Node is shutting down" }, `node-${round}`);
    }
    await expect(lost).rejects.toMatchObject({ reason: "lost", message: reasons.lost.user });
    expect(instances.size).toBe(3);
    expect(told).toContain(`${reasons.machine.previous} A new one is being started.`);
  });
});

describe("a session that waits for something", () => {
  it("uses a place that becomes free", async () => {
    const kube = await fakeKube();
    const { sessions } = broker(kube);
    const told: Progress[] = [];
    const coming = sessions.getOrStart(alice, "desktop", (progress) => told.push(progress));
    await until(() => kube.pods.has(session));
    report(kube, unschedulable);
    await until(() => told.some(({ message }) => message === reasons["no-node"].user));
    expect(told.at(-1)?.trouble).toEqual({ reason: "no-node", detail: "0/1 nodes are available: 1 Insufficient memory." });
    kube.run(session, "127.0.0.1");
    kube.log(session, "xpra is ready.");
    await expect(coming).resolves.toMatchObject({ started: true });
    expect(kube.count("POST", /pods$/)).toBe(1);
  });

  const troubles: readonly [string, string, string | undefined, string][] = [
    ["no room", "no-node", undefined, "0/1 nodes are available: 1 Insufficient memory."],
    ["a volume", "volume", "FailedMount", "FailedMount: it said so"],
    ["its network", "sandbox", "FailedCreatePodSandBox", "FailedCreatePodSandBox: it said so"],
    ["a node that has gone", "machine-away", "NodeNotReady", "NodeNotReady: it said so"],
  ];
  it.each(troubles)("%s: tells the reason when the time is over", async (_, reason, event, detail) => {
    const kube = await fakeKube();
    const { sessions, sessionsFor, runtime } = broker(kube);
    await settled(kube);
    sessions.getOrStart(alice, "desktop", quiet).catch(() => undefined);
    await until(() => runtime.look(session).status.state === "starting");
    if (event === undefined) report(kube, unschedulable);
    else {
      report(kube, waiting("ContainerCreating", ""), "node-1");
      kube.event(session, event, "it said so");
    }
    await until(() => troubleOf(runtime) === reason);
    const words = { reason, message: reasons[reason as keyof typeof reasons].user, detail };
    await expect(sessionsFor(100).getOrStart(alice, "desktop", quiet)).rejects.toMatchObject(words);
    // It goes on trying.
    expect(kube.pods.has(session)).toBe(true);
  });

  it("is not made again when it was removed and nobody waits any more", async () => {
    const kube = await fakeKube();
    const { sessions } = broker(kube);
    const gone = new AbortController();
    const abandoned = sessions.getOrStart(alice, "desktop", quiet, gone.signal);
    await until(() => kube.pods.has(session));
    gone.abort();
    await expect(abandoned).rejects.toMatchObject({ name: "AbortError" });
    kube.delete(session);
    await until(() => sessions.inFlight() === 0);
    expect(kube.count("POST", /pods$/)).toBe(1);
  });

  it("is not made again by a broker that only joined in, when it was removed and nobody waits any more", async () => {
    const kube = await fakeKube();
    const brokers = [broker(kube), broker(kube)];
    await settled(kube, 2);
    const gone = new AbortController();
    const calls: Promise<unknown>[] = [];
    for (const { sessions, runtime } of brokers) {
      calls.push(sessions.getOrStart(alice, "desktop", quiet, gone.signal));
      await until(() => runtime.look(session).status.state === "starting");
    }
    gone.abort();
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: "AbortError" });
    // Its user's doing, or an admin's.
    kube.delete(session);
    await until(() => brokers.every(({ sessions }) => sessions.inFlight() === 0));
    expect(kube.count("POST", /pods$/)).toBe(1);
  });

  it("is not removed by a broker where nobody waits, while somebody does at another one", async () => {
    const kube = await fakeKube();
    const keep = { pendingSeconds: 0 };
    const [here] = [broker(kube, { keep }), broker(kube, { keep })];
    await settled(kube, 2);
    const opening = here.sessions.getOrStart(alice, "desktop", quiet);
    await until(() => kube.pods.has(session));
    // Longer than the moment that each broker waits so that mostly one asks.
    await sleep(6_000);
    expect(kube.count("DELETE", /./)).toBe(0);
    kube.run(session, "127.0.0.1");
    kube.log(session, "xpra is ready.");
    await expect(opening).resolves.toMatchObject({ started: true });
  });

  it("is removed when its time has come and nobody waits any more, also while a broker still looks at it", async () => {
    const kube = await fakeKube();
    const { sessions } = broker(kube, { keep: { pendingSeconds: 2 } });
    const gone = new AbortController();
    const abandoned = sessions.getOrStart(alice, "desktop", quiet, gone.signal);
    await until(() => kube.pods.has(session));
    gone.abort();
    await expect(abandoned).rejects.toMatchObject({ name: "AbortError" });
    expect(sessions.inFlight()).toBe(1);
    await until(() => kube.count("DELETE", /./) === 1 && sessions.inFlight() === 0);
    expect(kube.count("POST", /pods$/)).toBe(1);
  });

  it("is removed when nobody waits any more, by whichever broker", async () => {
    const kube = await fakeKube();
    const first = broker(kube, { timeoutMs: 300 });
    await settled(kube);
    await expect(first.sessions.getOrStart(alice, "desktop", quiet)).rejects.toMatchObject({ reason: "slow" });
    first.kill();
    const { troubles } = broker(kube, { keep: { pendingSeconds: 0, elsewhereSeconds: 0 } });
    await until(() => kube.pods.size === 0);
    expect(troubles).toEqual([]);
  });
});

describe("a session that does not go away", () => {
  it("is told at once when its time was over before the call, and never started a second time", async () => {
    const kube = await fakeKube(kubelet);
    const { sessions, runtime } = broker(kube);
    await sessions.getOrStart(alice, "desktop", quiet);
    deleting(kube, 60, ["example.org/held"]);
    await until(() => runtime.look(session).status.state === "ending");
    await expect(sessions.getOrStart(alice, "desktop", quiet)).rejects.toMatchObject({
      reason: "stuck",
      message: reasons.stuck.user,
      detail: expect.stringMatching(/^to be gone by .*Z, node node-1, finalizers example.org\/held$/),
    });
    expect(kube.count("POST", /pods$/)).toBe(1);
    // The admin lets go of it.
    kube.delete(session);
    await until(() => runtime.look(session).status.state === "absent");
    await expect(sessions.getOrStart(alice, "desktop", quiet)).resolves.toMatchObject({ started: true });
  });

  it("is told as soon as its time is over while the call waits", async () => {
    const kube = await fakeKube(kubelet);
    const { sessions, runtime } = broker(kube);
    await sessions.getOrStart(alice, "desktop", quiet);
    deleting(kube, 25);
    await until(() => runtime.look(session).status.state === "ending");
    const told: string[] = [];
    await expect(sessions.getOrStart(alice, "desktop", ({ message }) => told.push(message))).rejects.toMatchObject({ reason: "stuck" });
    expect(told).toEqual(["The previous session is being closed."]);
  });
});

describe("a session that ended against its user's will", () => {
  const ends: readonly [string, (kube: FakeKube) => void, string | undefined][] = [
    ["memory", (kube) => kube.end(session, 137, "OOMKilled"), reasons.memory.previous],
    ["an error", (kube) => kube.end(session, 1), reasons.crashed.previous],
    ["eviction", (kube) => report(kube, { phase: "Failed", reason: "Evicted", message: "low on memory" }), reasons.evicted.previous],
    ["its user's wish", (kube) => kube.end(session, 0), undefined],
    ["its user's wish, after a program was killed for memory", (kube) => kube.end(session, 0, "OOMKilled"), undefined],
  ];
  it.each(ends)("%s: the next sign-in starts anew and says why", async (_, end, words) => {
    const kube = await fakeKube(kubelet);
    const { sessions, runtime } = broker(kube);
    const first = await sessions.getOrStart(alice, "desktop", quiet);
    expect(first).not.toHaveProperty("notice");
    end(kube);
    await until(() => runtime.look(session).status.state === "failed");
    const told: string[] = [];
    const opened = await sessions.getOrStart(alice, "desktop", ({ message }) => told.push(message));
    expect(opened.started).toBe(true);
    expect(opened.notice).toBe(words);
    expect(told[0]).toBe(words === undefined ? "The previous session is being closed." : `${words} A new one is being started.`);
    // Once is enough.
    expect(await sessions.getOrStart(alice, "desktop", quiet)).not.toHaveProperty("notice");
  });
});

it("that takes the place of one that refused connections has as much time to let in as any", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  await settled(kube);
  const running = sessions.getOrStart(alice, "desktop", quiet);
  await until(() => kube.pods.has(session));
  kube.run(session, "127.0.0.1");
  kube.log(session, "xpra is ready.");
  await running;
  // It is about to end: nothing listens any more, and its end is not reported yet.
  const nobody = "127.0.0.2";
  kube.change(session, (pod) => {
    pod.status = { ...pod.status, podIP: nobody };
  });
  // Who was let in a moment ago is let in again without a look.
  await sleep(1_100);
  const told: string[] = [];
  const began = performance.now();
  const opening = sessions.getOrStart(alice, "desktop", ({ phase }) => told.push(phase));
  await until(() => told.includes("connecting"));
  kube.end(session, 0);
  await until(() => kube.count("POST", /pods$/) === 2);
  // As long as a connection is tried.
  await sleep(Math.max(0, 5_500 - (performance.now() - began)));
  kube.run(session, nobody);
  kube.log(session, "xpra is ready.");
  await until(() => told.filter((phase) => phase === "connecting").length > 1 && told.at(-1) === "connecting");
  kube.change(session, (pod) => {
    pod.status = { ...pod.status, podIP: "127.0.0.1" };
  });
  await expect(opening).resolves.toMatchObject({ started: true });
});

describe("a cluster that says no", () => {
  const answers: readonly [string, number, string, string, string][] = [
    [
      "quota",
      403,
      "Forbidden",
      'pods "x" is forbidden: exceeded quota: sessions, requested: pods=1, used: pods=2, limited: pods=2',
      "no-room",
    ],
    ["no right", 403, "Forbidden", 'pods is forbidden: User "broker" cannot create resource "pods"', "forbidden"],
    ["Pod Security", 403, "Forbidden", 'pods "x" is forbidden: violates PodSecurity "restricted:latest"', "policy"],
    [
      "admission policy",
      422,
      "Invalid",
      "ValidatingAdmissionPolicy 'vdi-x-sessions' denied request: only the deployment's images",
      "policy",
    ],
    ["webhook", 400, "BadRequest", 'admission webhook "x.example.org" denied the request: no', "policy"],
    [
      "quota that wants a limit",
      403,
      "Forbidden",
      'pods "x" is forbidden: failed quota: q: must specify limits.cpu for: session',
      "not-accepted",
    ],
    ["limit range", 403, "Forbidden", 'pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi', "not-accepted"],
    [
      "no service account",
      403,
      "Forbidden",
      'pods "x" is forbidden: error looking up service account vdi/vdi-session: not found',
      "not-accepted",
    ],
    ["not valid", 422, "Invalid", 'Pod "x" is invalid: spec.containers[0].image: Required value', "not-accepted"],
    ["namespace gone", 404, "NotFound", 'namespaces "vdi-test" not found', "no-namespace"],
    ["namespace going", 403, "Forbidden", "unable to create new content in namespace x because it is being terminated", "no-namespace"],
    ["a quota's count that all want to write", 409, "Conflict", 'Operation cannot be fulfilled on resourcequotas "q"', "away"],
    ["a load balancer", 502, "", "Bad Gateway", "away"],
    ["quota that has just been made", 403, "Forbidden", 'pods "x" is forbidden: status unknown for quota: q', "away"],
    ["an API server that starts", 403, "Forbidden", 'pods "x" is forbidden: not yet ready to handle request', "away"],
    ["token not known", 401, "Unauthorized", "Unauthorized", "forbidden"],
  ];
  it.each(answers)("%s", async (_, status, reason, message, expected) => {
    const kube = await fakeKube(kubelet);
    const { sessions } = broker(kube);
    // What may pass is asked again, and so is a policy: it may be the one of the deploy before.
    const times = expected === "away" || message.includes("ValidatingAdmissionPolicy") ? 3 : 1;
    for (let tries = 0; tries < times; tries += 1) kube.faults.push({ method: "POST", path: /pods$/, status, reason, message });
    await expect(sessions.getOrStart(alice, "desktop", quiet)).rejects.toMatchObject({
      reason: expected,
      message: reasons[expected as keyof typeof reasons].user,
      detail: expect.stringContaining(message),
    });
    expect(kube.pods.size).toBe(0);
    await expect(sessions.getOrStart(alice, "desktop", quiet)).resolves.toMatchObject({ started: true });
  });

  it("by the policy of the deploy before, for a moment, is asked again", async () => {
    const kube = await fakeKube(kubelet);
    const { sessions } = broker(kube);
    const message = "ValidatingAdmissionPolicy 'vdi-x-sessions' denied request: only the deployment's images";
    kube.faults.push({ method: "POST", path: /pods$/, status: 422, reason: "Invalid", message });
    await expect(sessions.getOrStart(alice, "desktop", quiet)).resolves.toMatchObject({ started: true });
  });

  it("is away for all tries", async () => {
    const kube = await fakeKube(kubelet);
    const { sessions } = broker(kube);
    for (let tries = 0; tries < 3; tries += 1)
      kube.faults.push({ method: "POST", path: /pods$/, status: 503, reason: "ServiceUnavailable", message: "etcd is down" });
    await expect(sessions.getOrStart(alice, "desktop", quiet)).rejects.toMatchObject({
      reason: "away",
      detail: expect.stringContaining("etcd is down"),
    });
  });

  it("is away before the sessions are known", async () => {
    const kube = await fakeKube(kubelet);
    for (let tries = 0; tries < 20; tries += 1)
      kube.faults.push({ method: "GET", path: /pods$/, status: 503, reason: "ServiceUnavailable", message: "etcd is down" });
    const { sessions } = broker(kube, { timeoutMs: 300 });
    await expect(sessions.getOrStart(alice, "desktop", quiet)).rejects.toMatchObject({ reason: "away", message: reasons.away.user });
  });
});

it("gives the last place to one of two, through two brokers, and the other is told", async () => {
  const kube = await fakeKube(kubelet);
  kube.quota = 1;
  const brokers = [broker(kube), broker(kube)];
  await settled(kube, 2);
  const results = await Promise.allSettled(brokers.map(({ sessions }, at) => sessions.getOrStart(user(`user${at}`), "desktop", quiet)));
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { reason: "no-room" } });
  expect(kube.pods.size).toBe(1);
});
