import type { V1Node, V1ResourceQuota } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { reasons } from "../../../src/session/reasons.ts";
import type { Demo } from "../../start/demo.ts";
import { type BrokerLine, brokerLines, untilBrokerLine } from "../support/broker-log.ts";
import { testDemo, vdi, vdiWith } from "../support/demo.ts";
import { type Door, proxyDoors, type SessionEvent, untilConfigured } from "../support/door.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { eventually } from "../support/wait.ts";

const display = "desktop-failsafe";
let demo: Demo;
let kubectl: Kubectl;
let from: number;

/** Somebody who has signed in, each through a proxy of its own. */
interface Person {
  readonly user: string;
  readonly session: string;
  readonly door: Door;
  readonly ticket: string;
}

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
}, 2_400_000);

beforeEach(() => {
  from = Date.now();
});

afterEach(async () => {
  await kubectl.removeSessions(demo.namespace);
});

async function people(): Promise<readonly [Person, Person]> {
  const [first, second] = await proxyDoors(kubectl, demo);
  if (first === undefined || second === undefined) throw new Error("there are not two proxies");
  const enter = async (user: string, door: Door): Promise<Person> => {
    const { ticket, message } = await door.signIn(user, demo.password);
    expect(message).toBe("");
    return { user, session: `${user}-${display}`, door, ticket };
  };
  return Promise.all([enter("xpra-user01", first), enter("xpra-user02", second)]);
}

function start({ door, ticket }: Person, signal?: AbortSignal): Promise<readonly SessionEvent[]> {
  return door.start(ticket, display, signal);
}

/** The names of the session pods that are not on their way out. */
async function livingSessions(): Promise<readonly string[]> {
  const pods = await kubectl.sessionPods(demo.namespace);
  return pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(({ metadata }) => metadata?.name ?? "");
}

/** A line about somebody for the admin. */
function adminLine({ user }: Person, isIt: (line: BrokerLine) => boolean): Promise<BrokerLine | undefined> {
  return untilBrokerLine(kubectl, demo, from, `the admin is told about ${user}`, (line) => line.user === user && isIt(line));
}

describe("a quota of sessions", () => {
  const quota = "last-place";

  beforeAll(async () => {
    await kubectl.run("create", "quota", quota, "-n", demo.namespace, "--hard=pods=1");
    const read = async (): Promise<V1ResourceQuota> =>
      JSON.parse(await kubectl.run("get", "resourcequota", quota, "-n", demo.namespace, "-o", "json")) as V1ResourceQuota;
    // Only then does it hold.
    await eventually("the quota is counted", read, ({ status }) => status?.hard?.["pods"] === "1");
  });

  afterAll(async () => {
    await kubectl.run("delete", "quota", quota, "-n", demo.namespace, "--ignore-not-found");
  });

  it("gives the last place to one of two who ask at once, tells the other and the admin, and gives it away again", async () => {
    const both = await people();
    const ends = (await Promise.all(both.map((person) => start(person)))).map((events) => events.at(-1));
    expect(ends.map((end) => end?.event).sort(), JSON.stringify(ends)).toEqual(["error", "ready"]);
    const [winner, loser] = ends[0]?.event === "ready" ? both : ([both[1], both[0]] as const);
    expect(ends.find((end) => end?.event === "error")).toEqual({
      event: "error",
      code: 1,
      reason: "no-room",
      message: reasons["no-room"].user,
    });
    expect(await livingSessions()).toEqual([winner.session]);
    expect(await adminLine(loser, ({ outcome }) => outcome === "no-room")).toMatchObject({
      event: "session",
      session: loser.session,
      admin: expect.stringContaining(
        `a ResourceQuota of the namespace ${demo.namespace} is used up; try: kubectl describe resourcequota -n ${demo.namespace}`,
      ),
      detail: expect.stringMatching(/exceeded quota: last-place, requested: pods=1, used: pods=1, limited: pods=1/),
    });

    await winner.door.end(winner.ticket, display);
    await eventually("the first session is gone", livingSessions, (names) => names.length === 0);
    // The quota is counted anew a moment after the pod has gone.
    await eventually(
      "the second user has the place",
      async () => (await start(loser)).at(-1),
      (end) => end?.event === "ready",
    );
    expect(await livingSessions()).toEqual([loser.session]);
  });
});

// On a cluster that is not our own nobody knows how many sessions fit.
describe.skipIf(process.env["VDI_E2E_CONTEXT"] !== undefined)("a full node", () => {
  const keepPendingSeconds = 20;

  beforeAll(async () => {
    // More than half of the node: there is room for one session, and for the pods of others.
    const { items } = JSON.parse(await kubectl.run("get", "nodes", "-o", "json")) as { items: V1Node[] };
    const memory = Math.max(...items.map(({ status }) => Number.parseInt(status?.allocatable?.["memory"] ?? "0", 10)));
    const half = `${Math.ceil((memory / 1024) * 0.55)}Mi`;
    const settings = {
      XPRA_SESSION_MEMORY_REQUEST: half,
      XPRA_SESSION_MEMORY_LIMIT: half,
      XPRA_KEEP_PENDING: `${keepPendingSeconds}s`,
    };
    expect(await vdiWith(settings, demo, "deploy")).toMatchObject({ exitCode: 0 });
    await untilConfigured(kubectl, demo);
  });

  afterAll(async () => {
    await vdi(demo, "deploy");
    await untilConfigured(kubectl, demo);
  });

  it("has one of two who ask at once wait in words, and gives the place away as soon as it is free", async () => {
    const both = await people();
    const running = both.map((person) => start(person));
    const first = await Promise.race(running.map(async (events, place) => ((await events).at(-1)?.event === "ready" ? place : -1)));
    expect(first).toBeGreaterThanOrEqual(0);
    const [winner, loser] = first === 0 ? both : ([both[1], both[0]] as const);
    expect(await adminLine(loser, ({ event }) => event === "waiting")).toMatchObject({
      session: loser.session,
      reason: "no-node",
      admin: expect.stringContaining("no node takes the session's pod: all are full, or none fits; try: kubectl describe nodes"),
      detail: expect.stringMatching(/0\/\d+ nodes are available: .*Insufficient memory/),
    });

    await winner.door.end(winner.ticket, display);
    const events = await (first === 0 ? running[1] : running[0]);
    expect(events?.at(-1), JSON.stringify(events)).toMatchObject({ event: "ready", session: loser.session });
    expect(events).toContainEqual({ event: "progress", phase: "scheduling", message: reasons["no-node"].user });
    expect(await livingSessions()).toEqual([loser.session]);
  });

  it("keeps nobody's place in the queue for ever", async () => {
    const [one, two] = await people();
    expect((await start(one)).at(-1)).toMatchObject({ event: "ready" });
    const hangUp = new AbortController();
    const waiting = start(two, hangUp.signal);
    await eventually("the second session waits", livingSessions, (names) => names.includes(two.session));
    hangUp.abort();
    await expect(waiting).rejects.toThrow();
    await eventually(
      "the session that nobody waits for is gone",
      async () => (await kubectl.sessionPods(demo.namespace)).map(({ metadata }) => metadata?.name),
      (names) => names.length === 1,
      (keepPendingSeconds + 120) * 1000,
    );
    expect(await livingSessions()).toEqual([one.session]);
    const isDelete = ({ event, session }: BrokerLine): boolean => event === "delete" && session === two.session;
    const deleted = await untilBrokerLine(kubectl, demo, from, "it was deleted", isDelete);
    const lines = await brokerLines(kubectl, demo, from);
    const created = lines.filter(({ event, session }) => event === "create" && session === two.session);
    expect(created).not.toEqual([]);
    expect(created.filter(({ time }) => time > (deleted?.time ?? ""))).toEqual([]);
  }, 300_000);
});
