import { existsSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { doorAt } from "../../e2e/support/door.ts";
import { initLocalDirectory } from "../../e2e/support/local-directory.ts";
import { eventually } from "../../e2e/support/wait.ts";
import type { Bench, World } from "../bench.ts";
import { type Deployment, lightType, login } from "../deployment.ts";
import { interleaved, samples, timed } from "../timing.ts";

const directory = join(homedir(), "vdi-bench-local");
const port = 18_453;
const user = "xpra-user01";
const session = `${user}-${lightType}`;
/** All processes of a session, by itself: its user may look at no others. */
const memoryScript = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ { sum += $2 } END { print sum }'";

/** One place where sessions run. */
interface Place {
  /** Sign-in and session, as the page asks for them. */
  login(): Promise<unknown>;
  /** Ends the session and waits until nothing of it is left. */
  end(): Promise<void>;
  /** Runs a script in the session. */
  inside(script: string): Promise<string>;
}

/** The same sessions on one engine and on the cluster. */
export const bench: Bench = {
  name: "one-machine",
  what: "The same deployment on one Docker engine (`vdi local`) and on the cluster, beside each other.",
  how: `In turn, through the door of each: sign-in and a new session of the type ${lightType}; sign-in and the session that runs; the proportional set size of all processes of a session. A start brings containers, or pods, up from images that are there: \`vdi local up\` after \`vdi local down\`, \`vdi deploy\` after \`vdi delete\`.`,
  heldBackBy:
    "New: Xpra's start, which is the same; on one machine the engine's time for a network and a container, on the cluster scheduler and kubelet. Returning: PAM and TLS.",
  async run(world) {
    const deployment = await world.deployment();
    const local = await localPlace(world, deployment);
    const cluster = clusterPlace(deployment);
    world.defer(() => cluster.end());
    const count = world.count(15, 2);
    world.say("new sessions");
    const fresh = await interleaved(count, ...onBoth(local, cluster, newSession), world.signal);
    world.say("running sessions");
    await Promise.all([local.login(), cluster.login()]);
    const back = await interleaved(world.count(40, 3), ...onBoth(local, cluster, (place) => timed(() => place.login())), world.signal);
    const memory = await interleaved(world.count(3, 1), ...onBoth(local, cluster, megabytes), world.signal);
    await cluster.end();
    world.say("starts");
    const again = await samples(world.count(5, 1), () => local.up());
    const starts = await samples(world.count(3, 1), async () => {
      await local.vdi("down");
      return local.up();
    });
    const deploys = await samples(world.count(3, 1), async () => {
      await deployment.vdi("delete", "--yes", "--context", deployment.context);
      return timed(() => deployment.vdi("deploy", "--context", deployment.context));
    });
    const beside = (taken: readonly number[], paired = true) => ({ what: "the same on the cluster", samples: taken, paired });
    return [
      { what: "new session on one machine", unit: "ms", samples: fresh.ours, plain: beside(fresh.plain) },
      { what: "returning session on one machine", unit: "ms", samples: back.ours, plain: beside(back.plain) },
      { what: "memory of a session on one machine", unit: "MB", samples: memory.ours, plain: beside(memory.plain) },
      { what: "start on one machine, images there", unit: "s", samples: starts.map(seconds), plain: beside(deploys.map(seconds), false) },
      {
        what: "vdi local up with everything up",
        unit: "s",
        samples: again.map(seconds),
        targets: [{ of: "max", atMost: 10 }],
      },
    ];
  },
};

const seconds = (milliseconds: number): number => milliseconds / 1_000;

function onBoth(local: Place, cluster: Place, take: (place: Place) => Promise<number>): [() => Promise<number>, () => Promise<number>] {
  return [() => take(local), () => take(cluster)];
}

async function newSession(place: Place): Promise<number> {
  await place.end();
  return timed(() => place.login());
}

async function megabytes(place: Place): Promise<number> {
  return Number((await place.inside(memoryScript)).trim()) / 1024;
}

function clusterPlace(deployment: Deployment): Place {
  const { namespace, kubectl, endSessions } = deployment;
  return {
    login: () => deployment.login(user, lightType),
    end: endSessions,
    inside: async (script) => (await kubectl.shell(namespace, session, "session", script)).output,
  };
}

interface LocalPlace extends Place {
  vdi(...args: string[]): Promise<string>;
  /** Brings it up; gives the milliseconds. */
  up(): Promise<number>;
}

/** A deployment on this machine's engine, made from the base that the cluster's images are made from; taken away again with its homes. */
async function localPlace(world: World, deployment: Deployment): Promise<LocalPlace> {
  const vdi = async (...args: string[]): Promise<string> =>
    (await execa(process.execPath, [join(world.root, "bin", "vdi"), "local", ...args, "--dir", directory])).stdout;
  const takeAway = async (): Promise<void> => {
    if (existsSync(directory)) await vdi("down", "--homes", "--yes");
    rmSync(directory, { recursive: true, force: true });
  };
  world.defer(takeAway);
  await takeAway();
  await initLocalDirectory(directory, deployment.directory);
  const bringUp = (): Promise<string> => vdi("up", "--port", String(port), "--no-install", "-o", "json");
  const { password = "" } = JSON.parse(await bringUp()) as { password?: string };
  const container = `vdi-${basename(directory)}-s-${session}`;
  const door = doorAt("localhost", port);
  return {
    vdi,
    up: () => timed(bringUp),
    login: () => login(door, user, password, lightType),
    async end() {
      const { ticket } = await door.signIn(user, password);
      await door.end(ticket, lightType);
      await eventually(
        "the session's container is gone",
        async () => (await execa("docker", ["ps", "--all", "--quiet", "--filter", `name=^${container}`])).stdout,
        (containers) => containers === "",
      );
    },
    inside: async (script) => (await execa("docker", ["exec", container, "sh", "-c", script])).stdout,
  };
}
