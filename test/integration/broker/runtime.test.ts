import { expect, it } from "vitest";
import { sessionPod } from "../../../src/manifests/session-pod.ts";
import { settledUnreadAfterMs } from "../../../src/runtimes/session-life.ts";
import type { Progress } from "../../../src/session/flight.ts";
import { sessionsOf } from "../../../src/session/get-or-start.ts";
import { brokerConfig, user } from "./fixture.ts";
import { brokerRig, kubelet, quiet, settled, until } from "./rig.ts";

const rig = brokerRig();
const { broker, fakeKube } = rig;

it("starts a session with one write, one log and no list, and gives a running one without any request", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  await settled(kube);
  const told: Progress[] = [];
  const opening = sessions.getOrStart(user("alice"), "desktop", (progress) => told.push(progress));
  await until(() => told.length === 2);
  kube.run("alice-desktop", "127.0.0.1");
  await until(() => told.length === 3);
  kube.log("alice-desktop", "xpra is ready.");
  const opened = await opening;
  expect(opened).toMatchObject({ name: "alice-desktop", started: true, address: { host: "127.0.0.1", port: rig.xpra().port } });
  expect(opened.address.secret).toMatch(/^[A-Za-z0-9]{24}$/);
  expect(kube.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /api/v1/namespaces/vdi-test/pods",
    "GET /api/v1/namespaces/vdi-test/pods/alice-desktop/log",
  ]);
  expect(told.slice(0, 3).map(({ phase }) => phase)).toEqual(["scheduling", "scheduling", "starting"]);

  kube.seen.length = 0;
  const again = await sessions.getOrStart(user("alice"), "DESKTOP", quiet);
  expect(again.started).toBe(false);
  expect(again.address).toEqual(opened.address);
  expect(kube.seen).toEqual([]);
});

it("makes one pod for many logins at once, also through two brokers", async () => {
  const kube = await fakeKube(kubelet);
  const brokers = [broker(kube), broker(kube)];
  await settled(kube, 2);
  for (let round = 0; round < 20; round += 1) {
    const name = `user${round}`;
    const calls = brokers.flatMap(({ sessions }) => [1, 2, 3].map(() => sessions.getOrStart(user(name), "desktop", quiet)));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ address }) => address.secret)).size).toBe(1);
  }
  expect(kube.pods.size).toBe(20);
  // One flight a broker, so at most two creates a session; the second one is a 409 that adopts.
  expect(kube.count("POST", /pods$/)).toBeLessThanOrEqual(40);
  expect(kube.count("DELETE", /./)).toBe(0);
});

it("replaces a session that has ended, crashed or was evicted, and waits for one that is being deleted", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions, runtime } = broker(kube);
  const secrets = new Set<string>();
  const open = async (): Promise<void> => {
    secrets.add((await sessions.getOrStart(user("alice"), "desktop", quiet)).address.secret);
  };
  await open();
  kube.end("alice-desktop", 0);
  await until(() => runtime.look("alice-desktop").status.state === "failed");
  await open();
  kube.end("alice-desktop", 137, "OOMKilled");
  await until(() => runtime.look("alice-desktop").status.state === "failed");
  await open();
  kube.change("alice-desktop", (pod) => {
    pod.metadata = { ...pod.metadata, deletionTimestamp: new Date() };
  });
  await until(() => runtime.look("alice-desktop").status.state === "ending");
  setTimeout(() => kube.delete("alice-desktop"), 50);
  await open();
  kube.delete("alice-desktop");
  await until(() => runtime.look("alice-desktop").status.state === "absent");
  await open();
  expect(secrets.size).toBe(5);
});

it("tells why a session does not start, and replaces it at the next try", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  const failing = sessions.getOrStart(user("alice"), "desktop", quiet);
  await until(() => kube.pods.has("alice-desktop"));
  kube.change("alice-desktop", (pod) => {
    pod.spec = { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: "node-1" };
    pod.status = {
      phase: "Pending",
      containerStatuses: [
        { name: "session", image: "x", imageID: "", ready: false, restartCount: 0, state: { waiting: { reason: "ImagePullBackOff" } } },
      ],
    };
  });
  await expect(failing).rejects.toMatchObject({ code: 1, reason: "image" });

  const first = kube.pods.get("alice-desktop")?.metadata?.uid;
  const next = sessions.getOrStart(user("alice"), "desktop", quiet);
  await until(() => kube.pods.has("alice-desktop") && kube.pods.get("alice-desktop")?.metadata?.uid !== first);
  kube.run("alice-desktop", "127.0.0.1");
  kube.log("alice-desktop", "xpra is ready.");
  await expect(next).resolves.toMatchObject({ started: true });
});

it("says what takes long, from the pod's conditions, the events and the session's own words", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  await settled(kube);
  const told: string[] = [];
  const waiting = sessions.getOrStart(user("alice"), "desktop", ({ message }) => told.push(message));
  await until(() => kube.pods.has("alice-desktop"));
  kube.change("alice-desktop", (pod) => {
    pod.status = { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] };
  });
  await until(() => told.some((words) => words.startsWith("No machine has room")));
  kube.change("alice-desktop", (pod) => {
    pod.spec = { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: "node-1" };
    pod.status = { phase: "Pending" };
  });
  kube.event("alice-desktop", "Pulling", "Pulling image");
  await until(() => told.some((words) => words.startsWith("Fetching")));
  kube.event("alice-desktop", "FailedMount", "MountVolume.SetUp failed");
  await until(() => told.some((words) => words.startsWith("A directory of the session")));
  kube.run("alice-desktop", "127.0.0.1");
  kube.log("alice-desktop", "vdi: phase display The screen is being made.");
  await until(() => told.includes("The screen is being made."));
  kube.log("alice-desktop", "xpra is ready.");
  await waiting;
});

it("goes on when the connection is cut, the history is compacted, and the API server fails for a while", async () => {
  const kube = await fakeKube();
  const { sessions, runtime, troubles } = broker(kube);
  await settled(kube);
  const waiting = sessions.getOrStart(user("alice"), "desktop", quiet);
  await until(() => kube.pods.has("alice-desktop"));
  kube.compact();
  kube.faults.push({ method: "GET", path: /pods$/, status: 503, reason: "ServiceUnavailable", message: "starting" });
  kube.dropConnections();
  kube.run("alice-desktop", "127.0.0.1");
  await until(() => kube.count("GET", /log$/) > 0);
  kube.dropConnections();
  kube.log("alice-desktop", "xpra is ready.");
  await expect(waiting).resolves.toMatchObject({ name: "alice-desktop" });
  expect(troubles.length).toBeGreaterThan(0);
  // Whatever happened while nobody watched is known after the next list.
  kube.compact();
  kube.dropConnections();
  kube.delete("alice-desktop");
  await until(() => runtime.look("alice-desktop").status.state === "absent");
});

it.each([
  ["are refused", 503],
  ["are not answered", 0],
])("lets in who comes back by another broker while logs %s, but not before the session may be ready", async (_, status) => {
  const kube = await fakeKube();
  const early = broker(kube);
  await settled(kube);
  const starting = early.sessions.getOrStart(user("alice"), "desktop", quiet);
  await until(() => kube.pods.has("alice-desktop"));
  kube.run("alice-desktop", "127.0.0.1", new Date(Date.now() - settledUnreadAfterMs + 5_000));
  kube.log("alice-desktop", "xpra is ready.");
  await starting;
  const other = broker(kube);
  await settled(kube);
  const away = { method: "GET", path: /log$/, status, reason: "ServiceUnavailable", message: "away" };
  kube.faults.push(...Array.from({ length: 50 }, () => away));
  let isBack = false;
  const back = other.sessions.getOrStart(user("alice"), "desktop", quiet).then((opened) => {
    isBack = true;
    return opened;
  });
  await until(() => kube.count("GET", /log$/) > 0 && (status === 0 || other.troubles.length > 0));
  expect(other.runtime.look("alice-desktop").status.state).toBe("starting");
  expect(isBack).toBe(false);
  await expect(back).resolves.toMatchObject({ started: false, name: "alice-desktop" });
  if (status !== 0) expect(kube.count("GET", /log$/)).toBeGreaterThan(2);
});

it("makes one pod when the answer to the create is lost", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions } = broker(kube);
  await settled(kube);
  const refusals = [
    { method: "POST", path: /pods$/, status: 500, reason: "InternalError", message: "etcd leader changed" },
    { method: "POST", path: /pods$/, status: 409, reason: "Conflict", message: "Operation cannot be fulfilled on resourcequotas" },
  ];
  kube.faults.push(...refusals);
  await expect(sessions.getOrStart(user("alice"), "desktop", quiet)).resolves.toMatchObject({ started: true });
  expect(kube.pods.size).toBe(1);
});

it("refuses in words: quota, policy, another owner, nobody of that type", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions } = broker(kube);
  const asked = sessions.getOrStart(user("alice"), "desktop", quiet);
  await asked;
  kube.faults.push({
    method: "POST",
    path: /pods$/,
    status: 403,
    reason: "Forbidden",
    message: 'pods "bob-desktop" is forbidden: exceeded quota: sessions',
  });
  await expect(sessions.getOrStart(user("bob"), "desktop", quiet)).rejects.toMatchObject({ code: 1, reason: "no-room" });
  kube.faults.push({ method: "POST", path: /pods$/, status: 403, reason: "Forbidden", message: "violates PodSecurity" });
  await expect(sessions.getOrStart(user("bob"), "desktop", quiet)).rejects.toMatchObject({ code: 5, reason: "policy" });
  await expect(sessions.getOrStart(user("alice", 30000), "desktop", quiet)).rejects.toMatchObject({ code: 1, reason: "foreign" });
  await expect(sessions.getOrStart(user("bob"), "alice-desktop", quiet)).rejects.toMatchObject({ code: 4, reason: "no-such-type" });
  for (const display of ["../../x", "$(touch x)", "a b", "desktop\n", "x".repeat(200)]) {
    await expect(sessions.getOrStart(user("bob"), display, quiet)).rejects.toMatchObject({ code: 4, reason: "bad-display" });
  }
  expect([...kube.pods.keys()]).toEqual(["alice-desktop"]);
});

it("does not take a pod that is not a session for one", async () => {
  const kube = await fakeKube(kubelet);
  const pod = sessionPod(brokerConfig(rig.xpra().port), {
    name: "alice-desktop",
    user: user("alice"),
    type: "desktop",
    display: "desktop",
    script: "default/x.sh",
    image: "i",
    secret: "s",
  });
  kube.put({ ...pod, metadata: { name: "alice-desktop", uid: "u1" } });
  const { sessions, runtime } = broker(kube);
  await expect(sessions.getOrStart(user("alice"), "desktop", quiet)).rejects.toMatchObject({ reason: "foreign" });
  // What is remembered would be removed when its time has come.
  expect(runtime.look("alice-desktop").status.state).toBe("absent");
});

it("never ends a desktop that refuses connections, and says so", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  const waiting = sessions.getOrStart(user("alice"), "desktop", quiet);
  await until(() => kube.pods.has("alice-desktop"));
  // What listens is on 127.0.0.1 alone.
  kube.run("alice-desktop", "127.0.0.2");
  kube.log("alice-desktop", "xpra is ready.");
  await expect(waiting).rejects.toMatchObject({ reason: "refused" });
  expect(kube.count("DELETE", /./)).toBe(0);
});

it("goes on starting when the caller has gone, and gives up waiting in words", async () => {
  const kube = await fakeKube();
  const { sessions, sessionsFor, runtime } = broker(kube);
  const gone = new AbortController();
  const abandoned = sessions.getOrStart(user("alice"), "desktop", quiet, gone.signal);
  await until(() => runtime.look("alice-desktop").status.state === "starting");
  gone.abort();
  await expect(abandoned).rejects.toMatchObject({ name: "AbortError" });
  expect(sessions.inFlight()).toBe(1);
  await expect(sessionsFor(200).getOrStart(user("alice"), "desktop", quiet)).rejects.toMatchObject({ reason: "slow" });
  expect(kube.pods.size).toBe(1);
});

it("starts so many at a time, and tells the others their place in the line", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  const told = new Map<string, string[]>();
  const names = ["a", "b", "c", "d", "e", "f"];
  const waiting = names.map((name, at) =>
    sessions.getOrStart(user(name, 20_001 + at), "desktop", ({ phase, message }) => {
      if (phase === "queued") told.set(name, [...(told.get(name) ?? []), message]);
    }),
  );
  await until(() => kube.pods.size === 4);
  expect(sessions.queued()).toBe(2);
  expect([...told]).toEqual([
    ["e", [expect.stringContaining("number 1 in the line")]],
    ["f", [expect.stringContaining("number 2 in the line")]],
  ]);
  for (const name of [...names]) {
    await until(() => kube.pods.has(`${name}-desktop`));
    kube.run(`${name}-desktop`, "127.0.0.1");
    kube.log(`${name}-desktop`, "xpra is ready.");
  }
  await Promise.all(waiting);
  expect(told.get("f")).toEqual([expect.stringContaining("number 2"), expect.stringContaining("number 1")]);
  expect(sessions.queued()).toBe(0);
});

it("gives up waiting in a line that does not move, and leaves it", async () => {
  const kube = await fakeKube();
  const { sessions } = broker(kube, { timeoutMs: 500 });
  await settled(kube);
  // Creates that are not answered hold their places for longer (10 s) than anybody waits here.
  const silent = { method: "POST", path: /pods$/, status: 0, reason: "", message: "" };
  kube.faults.push(silent, silent, silent, silent);
  const all = ["a", "b", "c", "d", "e"].map((name, at) => sessions.getOrStart(user(name, 20_001 + at), "desktop", quiet));
  // The four end with the broker.
  for (const one of all) one.catch(() => undefined);
  await expect(all[4]).rejects.toMatchObject({ reason: "queue", detail: expect.stringContaining("in the line") });
  expect(kube.pods.size).toBe(0);
  expect(sessions.queued()).toBe(0);
});

it("knows all sessions after a restart, without a log or a write", async () => {
  const kube = await fakeKube();
  const config = brokerConfig(rig.xpra().port);
  for (let at = 0; at < 1201; at += 1) {
    const name = `user${at}`;
    const pod = sessionPod(config, {
      name: `${name}-desktop`,
      user: user(name),
      type: "desktop",
      display: "desktop",
      script: "default/x.sh",
      image: "i",
      secret: `s${at}`,
    });
    kube.put({ ...pod, metadata: { ...pod.metadata, uid: `uid${at}` } });
    kube.run(`${name}-desktop`, "127.0.0.1", new Date(Date.now() - 3_600_000));
  }
  const { sessions, runtime } = broker(kube);
  const opened = await sessions.getOrStart(user("user1200"), "desktop", quiet);
  expect(opened).toMatchObject({ started: false, address: { secret: "s1200" } });
  expect(runtime.count()).toEqual({ ready: 1201 });
  expect(kube.seen.every(({ method, path }) => method === "GET" && !path.endsWith("/log"))).toBe(true);
});

it("removes ended sessions after their time, whoever started them", async () => {
  const kube = await fakeKube(kubelet);
  const first = broker(kube);
  await first.sessions.getOrStart(user("alice"), "desktop", quiet);
  first.kill();
  kube.end("alice-desktop", 0);
  broker(kube, { keep: { endedSeconds: 0 } });
  await until(() => kube.pods.size === 0);
});

it("brings somebody back to a session that runs or starts, and starts none in the place of one that is over", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions, runtime } = broker(kube);
  const alice = user("alice");
  const back = (): Promise<{ address: { secret: string } }> => sessions.comeBack(alice, "desktop", quiet);
  await expect(back()).rejects.toMatchObject({ code: 1, reason: "gone", message: "Your session has ended." });
  // Both at once: the one who comes back starts none and stops none, whether or not the other's is there in time.
  const [started] = await Promise.allSettled([sessions.getOrStart(alice, "desktop", quiet), back()]);
  expect(started.status).toBe("fulfilled");
  const first = await back();
  kube.end("alice-desktop", 0);
  await until(() => runtime.look("alice-desktop").status.state === "failed");
  await expect(back()).rejects.toMatchObject({ reason: "gone" });
  expect(kube.count("POST", /pods$/)).toBe(1);
  const second = await sessions.getOrStart(alice, "desktop", quiet);
  expect(second.address.secret).not.toBe(first.address.secret);
});

it("brings somebody back to a session that another broker has started and the watch has not told of yet", async () => {
  const first = await fakeKube(kubelet);
  const { address } = await broker(first).sessions.getOrStart(user("alice"), "desktop", quiet);
  const kube = await fakeKube();
  const { sessions } = broker(kube);
  await settled(kube);
  const back = (): Promise<unknown> => sessions.comeBack(user("alice"), "desktop", quiet);
  await expect(back()).rejects.toMatchObject({ reason: "gone" });
  const pod = structuredClone(first.pods.get("alice-desktop"));
  if (pod?.metadata === undefined) throw new Error("no pod was made");
  // Put there without an event.
  kube.pods.set("alice-desktop", { ...pod, metadata: { ...pod.metadata, resourceVersion: "1000000" } });
  kube.log("alice-desktop", "xpra is ready.");
  expect(await back()).toMatchObject({ address, started: false });
  expect(kube.count("POST", /pods$/)).toBe(0);
});

it("leaves a session that runs to its user when its type is taken away, and starts none of that type", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions, runtime } = broker(kube);
  const alice = user("alice");
  const { name, address } = await sessions.getOrStart(alice, "mhd-desktop", quiet);
  const without = sessionsOf({ config: () => ({ ...brokerConfig(rig.xpra().port), sessionTypes: [] }), runtime });
  await expect(without.getOrStart(alice, "mhd-desktop", quiet)).rejects.toMatchObject({ reason: "no-such-type" });
  await expect(without.comeBack(alice, "desktop", quiet)).rejects.toMatchObject({ reason: "no-such-type" });
  const again = { ...alice, uid: alice.uid + 1 };
  await expect(without.comeBack(again, "mhd-desktop", quiet)).rejects.toMatchObject({ reason: "no-such-type" });
  expect(await without.comeBack(alice, "mhd-desktop", quiet)).toMatchObject({ name, address, started: false });
  expect(await without.nameOf(alice, "alice-mhd-desktop", true)).toBe(name);
  expect(await without.state(alice, "mhd-desktop")).toMatchObject({ name, view: { status: { state: "ready" } } });
  expect(await without.end(alice, "mhd-desktop")).toEqual({ name, state: "ending" });
  await until(() => runtime.look(name).status.state === "absent");
  await expect(without.comeBack(alice, "mhd-desktop", quiet)).rejects.toMatchObject({ reason: "no-such-type" });
});

it("ends a session and says what state it is in", async () => {
  const kube = await fakeKube(kubelet);
  const { sessions } = broker(kube);
  const alice = user("alice");
  const stateNow = async (): Promise<string> => (await sessions.state(alice, "desktop")).view.status.state;
  expect(await stateNow()).toBe("absent");
  expect(await sessions.end(alice, "desktop")).toMatchObject({ state: "absent" });
  await sessions.getOrStart(alice, "desktop", quiet);
  expect(await stateNow()).toBe("ready");
  expect(await sessions.end(alice, "desktop")).toMatchObject({ state: "ending" });
  expect(await stateNow()).toBe("ending");
  await until(() => kube.pods.size === 0);
});
