import { setTimeout as sleep } from "node:timers/promises";
import type { SessionEvent } from "../../e2e/support/door.ts";
import type { Bench, World } from "../bench.ts";
import { type Deployment, lightType } from "../deployment.ts";
import { processorWatch } from "../machine.ts";

/** How long the work after a session's start goes on: its first program, the kubelet's book-keeping. */
const settleMs = 4_000;
const probePauseMs = 250;

interface Login {
  readonly tookMs: number;
  readonly events: readonly SessionEvent[];
  readonly problem?: string;
}

/** Everybody comes at nine. */
export const bench: Bench = {
  name: "hundred-logins",
  what: "A hundred logins at once: fifty users without a session, two logins of each, through two proxies.",
  how: "Sign-in and session by the page's own requests. Beside it, in the same run: what starts one after the other cost in processor time, and how long three users whose sessions run wait for a login while nothing else happens. Processor time is the whole machine's, less what it uses when it rests.",
  heldBackBy:
    "The processors: nearly all of a start is Xpra loading its modules. Brokers start as many sessions at a time as there are processors (XPRA_STARTS_AT_ONCE), so that the first users have theirs early; those who log in to a running session share the processors with those starts. Two starts beside each other, with 50 sessions at rest, take more processor time than one after the other on a machine that is empty.",
  async run(world) {
    const deployment = await world.deployment();
    world.defer(() => deployment.removeUsers());
    world.defer(() => deployment.endSessions());
    await deployment.endSessions();
    const newcomers = world.count(50, 4);
    await deployment.needRoom(newcomers + 3);
    const users = await deployment.users(newcomers + 3);
    const attached = users.slice(0, 3);
    const others = users.slice(3);
    for (const user of attached) await deployment.login(user, lightType);
    await sleep(settleMs);

    world.say("the machine at rest");
    const restWatch = processorWatch();
    await sleep(world.count(10_000, 2_000));
    const rest = restWatch().seconds / world.count(10, 2);

    world.say("logins of attached users, nothing else going on");
    const unloaded = await probe(deployment, attached, sleep(world.count(20_000, 2_000)), world.signal);

    world.say("starts one after the other");
    const few = others.slice(0, world.count(10, 2));
    const sequential = await processorTime(rest, async () => {
      for (const user of few) await deployment.login(user, lightType);
    });
    const startCost = sequential / few.length;
    await endSessionsOf(deployment, few);

    world.say(`${others.length * 2} logins at once`);
    let logins: readonly Login[] = [];
    let loaded: readonly number[] = [];
    const spent = await processorTime(rest, async () => {
      const all = Promise.all([...others, ...others].map((user) => loginOnce(deployment, user)));
      [logins, loaded] = await Promise.all([all, probe(deployment, attached, all, world.signal)]);
    });
    return figures(world, { deployment, logins, loaded, unloaded, spent, startCost, others, pods: await livePods(deployment, others) });
  },
};

interface Outcome {
  readonly deployment: Deployment;
  readonly logins: readonly Login[];
  readonly loaded: readonly number[];
  readonly unloaded: readonly number[];
  readonly spent: number;
  readonly startCost: number;
  readonly others: readonly string[];
  readonly pods: number;
}

function figures(world: World, outcome: Outcome): ReturnType<Bench["run"]> extends Promise<infer T> ? T : never {
  const { logins, loaded, unloaded, spent, startCost, others, pods } = outcome;
  const answered = logins.filter(({ events }) => events.at(-1)?.event === "ready");
  const queued = answered.filter(({ events }) => events.some(({ phase }) => phase === "queued"));
  const problems = [...new Set(logins.flatMap(({ problem }) => problem ?? []))];
  for (const problem of problems) world.say(`not answered: ${problem}`);
  return [
    {
      what: "answers to a hundred logins at once",
      unit: "",
      samples: [answered.length],
      targets: [{ of: "max", exactly: others.length * 2 }],
      ...(problems.length === 0 ? {} : { note: `not answered: ${problems.join("; ")}` }),
    },
    { what: "pods for fifty users", unit: "", samples: [pods], targets: [{ of: "max", exactly: others.length }] },
    { what: "logins that were told their place in the line", unit: "", samples: [queued.length] },
    { what: "how long each of them waited", unit: "s", samples: logins.map(({ tookMs }) => tookMs / 1000) },
    {
      what: "processor time of them all",
      unit: "s",
      samples: [spent],
      plain: { what: "as many starts, one after the other", samples: [startCost * others.length], paired: false },
      targets: [{ of: "max", timesPlain: 1.2 }],
      note: `a start alone costs ${startCost.toFixed(2)} s of processor time, the sign-in and the cluster's work included.`,
    },
    {
      what: "logins of attached users meanwhile",
      unit: "ms",
      samples: loaded,
      plain: { what: "the same while nothing else happens", samples: unloaded, paired: false },
      targets: [{ of: "p99", timesPlain: 2 }],
    },
  ];
}

async function loginOnce(deployment: Deployment, user: string): Promise<Login> {
  const from = performance.now();
  try {
    const events = await deployment.login(user, lightType);
    return { tookMs: performance.now() - from, events };
  } catch (thrown) {
    return { tookMs: performance.now() - from, events: [], problem: (thrown as Error).message.replace(user, "a user") };
  }
}

/** Logins of users whose sessions run, one every quarter of a second at most, until the other thing is over. */
async function probe(
  deployment: Deployment,
  users: readonly string[],
  until: Promise<unknown>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  until.then(over, over);
  const samples: number[] = [];
  for (let at = 0; !isOver; at += 1) {
    signal.throwIfAborted();
    const from = performance.now();
    await deployment.login(users[at % users.length] ?? "", lightType);
    samples.push(performance.now() - from);
    await sleep(probePauseMs);
  }
  return samples;
}

/** Seconds of processor time that something costs, the rest of the machine's life taken off. */
async function processorTime(restPerSecond: number, work: () => Promise<unknown>): Promise<number> {
  const watch = processorWatch();
  const from = performance.now();
  await work();
  await sleep(settleMs);
  return watch().seconds - (restPerSecond * (performance.now() - from)) / 1000;
}

async function livePods({ kubectl, namespace }: Deployment, users: readonly string[]): Promise<number> {
  const pods = await kubectl.sessionPods(namespace);
  return pods.filter(({ metadata }) => users.some((user) => metadata?.name?.startsWith(`${user}-`) === true)).length;
}

async function endSessionsOf({ kubectl, namespace }: Deployment, users: readonly string[]): Promise<void> {
  await kubectl.run("delete", "pod", "-n", namespace, ...users.map((user) => `${user}-${lightType}`), "--wait=true", "--timeout=60s");
}
