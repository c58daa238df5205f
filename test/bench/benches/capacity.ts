import { setTimeout as sleep } from "node:timers/promises";
import { CapacityRig, type Mode } from "../../e2e/proxy-image/capacity-rig.ts";
import { type Footprint, footprintOf } from "../../e2e/proxy-image/footprint.ts";
import type { Bench, Figure, World } from "../bench.ts";

const modes = {
  threadsTls: { transport: "ssl", processes: false },
  threads: { transport: "tcp", processes: false },
  processes: { transport: "tcp", processes: true },
} as const satisfies Readonly<Record<string, Mode>>;
type ModeName = keyof typeof modes;

const settleMs = 3_000;
const keysASecond = 3;

/** What a proxy took with so many clients, in one round. */
interface Taken {
  readonly idle: Footprint;
  readonly typing?: Footprint;
  /** Processor seconds of the proxy for a thousand keys and the pictures that answer them. */
  readonly secondsPerThousandKeys?: number;
  readonly refused: number;
}

/** Attaches clients step by step and looks at the proxy at each step. */
async function measure(mode: Mode, counts: readonly number[], { count, signal, defer, say }: World): Promise<ReadonlyMap<number, Taken>> {
  const rig = await CapacityRig.up(mode);
  defer(() => rig.down());
  const taken = new Map<number, Taken>();
  for (const clients of counts) {
    signal.throwIfAborted();
    say(`${mode.processes ? "a process" : "threads"} for each client by ${mode.transport}: ${clients} clients`);
    const refused = await rig.attach(clients);
    await sleep(settleMs, undefined, { signal });
    const idle = await footprintOf(rig.proxy);
    if (clients === 0) {
      taken.set(clients, { idle, refused });
      continue;
    }
    const keys = await rig.type(keysASecond, count(10, 3), clients);
    const typing = await footprintOf(rig.proxy);
    const secondsPerThousandKeys = (typing.processorSeconds - idle.processorSeconds) / (keys / 1_000);
    taken.set(clients, { idle, typing, secondsPerThousandKeys, refused });
  }
  await rig.down();
  return taken;
}

/** What attached clients take of a proxy, and what they would take if each had a process of its own. */
export const bench: Bench = {
  name: "capacity",
  what: "Memory, processes, threads and descriptors of a proxy's container with 0, 1, 10 and 50 attached clients.",
  how:
    "The proxy's container and, before and behind it, programs that speak Xpra's protocol without a screen: 50 real browsers and " +
    "desktops would measure the machine. A key is answered with a picture of 3 KB; each client types three keys a second. Memory is the " +
    "proportional set size of all processes in the container. Threads (what is used) by TLS; threads and, beside them, a process for each " +
    "client by plain TCP, as this Xpra cannot give a TLS connection to another process.",
  heldBackBy: "One Python interpreter for all clients; for each, nine threads that mostly wait.",
  async run(world) {
    const counts = world.quick ? [0, 1, 5] : [0, 1, 10, 50];
    const most = Math.max(...counts);
    const rounds: Record<ModeName, ReadonlyMap<number, Taken>>[] = [];
    for (let round = 0; round < world.count(2, 1); round += 1) {
      rounds.push({
        threadsTls: await measure(modes.threadsTls, counts, world),
        threads: await measure(modes.threads, counts, world),
        processes: await measure(modes.processes, counts, world),
      });
    }
    const samples = (mode: ModeName, clients: number, of: (taken: Taken) => number | undefined): number[] =>
      rounds.map((round) => {
        const taken = round[mode].get(clients);
        const value = taken === undefined ? undefined : of(taken);
        if (value === undefined) throw new Error(`nothing was measured with ${clients} clients`);
        return value;
      });
    const beside = (clients: number, of: (taken: Taken) => number | undefined) => ({
      what: "a process for each client, plain TCP",
      samples: samples("processes", clients, of),
      paired: true,
    });
    const row = (what: string, unit: Figure["unit"], clients: number, of: (taken: Taken) => number | undefined): Figure[] => [
      { what: `${what}, TLS`, unit, samples: samples("threadsTls", clients, of), plain: beside(clients, of) },
      { what: `${what}, plain TCP`, unit, samples: samples("threads", clients, of), plain: beside(clients, of) },
    ];
    const perClient = (taken: Taken, mode: ModeName, at: number): number =>
      ((taken.idle.pssMegabytes - (rounds[at]?.[mode].get(0)?.idle.pssMegabytes ?? Number.NaN)) / most) * 1024;
    const each = (mode: ModeName): number[] => rounds.map((round, at) => perClient(round[mode].get(most) as Taken, mode, at));
    const refused = rounds.map((round) => round.processes.get(most)?.refused ?? 0);
    return [
      ...counts.flatMap((clients) => row(`memory, ${clients} clients, idle`, "MB", clients, ({ idle }) => idle.pssMegabytes)),
      ...counts
        .slice(1)
        .flatMap((clients) => row(`memory, ${clients} clients, typing`, "MB", clients, ({ typing }) => typing?.pssMegabytes)),
      {
        what: `memory of each of ${most} clients, TLS`,
        unit: "KB",
        samples: each("threadsTls"),
        plain: { what: "a process for each client, plain TCP", samples: each("processes"), paired: true },
        note: `While ${most} clients attached, ${refused.join(" and ")} attempts failed with a process for each and were made again.`,
      },
      ...row(`processes, ${most} clients`, "", most, ({ idle }) => idle.processes),
      ...row(`threads, ${most} clients`, "", most, ({ idle }) => idle.threads),
      ...row(`descriptors, ${most} clients`, "", most, ({ idle }) => idle.descriptors),
      ...row(`processor time for 1,000 keys, ${most} clients`, "s", most, ({ secondsPerThousandKeys }) => secondsPerThousandKeys),
    ];
  },
};
