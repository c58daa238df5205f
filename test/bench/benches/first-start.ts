import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { eventually } from "../../e2e/support/wait.ts";
import type { Bench, World } from "../bench.ts";
import { samples, timed } from "../timing.ts";

const engineData = "/var/lib/docker";
/** Where programs are told to fetch packages from; all else of the account's own is left out. */
const kept = [".npmrc", ".config/go", ".config/pip"];

/** A newcomer's account: a home and a clone, both empty of everything that an earlier start has left. */
interface Newcomer {
  /** `npm start` in a fresh clone, until it ends; gives the seconds. */
  start(...words: readonly string[]): Promise<number>;
  /** A command in the clone. */
  run(command: string, ...words: readonly string[]): Promise<void>;
  /** Forgets the clone and these parts of the home. */
  forget(...parts: readonly string[]): Promise<void>;
}

/** From a clone to an address that answers. */
export const bench: Bench = {
  name: "first-start",
  what: "`npm start` from a fresh clone to an address that answers, on one Docker engine and, with `--kubernetes`, on a cluster.",
  how: "In an empty home. Cold: the engine's data are an empty directory, there is no cluster, nothing has been fetched or compiled before; Debian's packages that the start needs (Docker itself and others) are installed. Warm: a fresh clone and no deployment, but what the cold start has built is still there: the engine's layers, and for the cluster its compiled programs and images. It stops this machine's engine and cluster meanwhile, so it is only run by its name.",
  heldBackBy:
    "Cold: Xpra is compiled from its source distribution, and the packages are fetched and unpacked; the cluster compiles Kubernetes as well. Warm: `npm ci`, the build of vdi itself, and Debian's base, which is made anew from packages where no registry answers, as here.",
  onlyByName: true,
  async run(world) {
    await takeMachine(world);
    const newcomer = await newcomerOf(world);
    const count = world.count(3, 1);

    world.say("cold, on one machine");
    await emptyEngine(world);
    const cold = [await newcomer.start()];
    world.say("warm, on one machine");
    const warm = await samples(count, async () => {
      await newcomer.run(process.execPath, "bin/vdi", "local", "down", "--homes", "--yes");
      await newcomer.forget("vdi-local");
      return newcomer.start();
    });

    world.say("cold, on the cluster");
    await emptyEngine(world);
    await newcomer.forget(".cache", ".npm", "go", "vdi-local");
    world.defer(() => newcomer.run("npm", "run", "--silent", "cluster", "--", "down"));
    const coldCluster = [await newcomer.start("--kubernetes")];
    world.say("warm, on the cluster");
    const warmCluster = await samples(count, async () => {
      await newcomer.run("npm", "run", "--silent", "cluster", "--", "down");
      await newcomer.forget("vdi-demo");
      return newcomer.start("--kubernetes");
    });

    const beside = (samples: readonly number[]) => ({ what: "the same on the cluster", samples, paired: false });
    return [
      { what: "first start on one machine, cold", unit: "s", samples: cold, plain: beside(coldCluster) },
      { what: "first start on one machine, warm", unit: "s", samples: warm, plain: beside(warmCluster) },
    ];
  },
};

/** Stops what others could be using, where nobody does; it is all there again in the end. */
async function takeMachine(world: World): Promise<void> {
  if (existsSync("/run/systemd/system")) throw new Error("a service manager keeps the engine of this machine: it would be started again");
  const { stdout } = await execa("docker", ["ps", "--quiet"]);
  if (stdout !== "") throw new Error("containers run on this machine's engine: end them first (docker ps)");
  world.defer(() => repository(world, "machine"));
  world.defer(stopEngine);
  world.say("stopping this machine's cluster and engine");
  await repository(world, "cluster", "--", "down");
  await stopEngine();
}

async function repository(world: World, ...script: readonly string[]): Promise<void> {
  await execa("npm", ["run", "--silent", ...script], { cwd: world.root });
}

/** Stops the engine, and takes away what `emptyEngine` has put over its data. */
async function stopEngine(): Promise<void> {
  const engine = Number(await readFile("/run/docker.pid", "utf8").catch(() => ""));
  if (engine > 0) {
    await execa("kill", [String(engine)], { reject: false });
    await eventually(
      `the engine ${engine} has ended`,
      async () => existsSync(`/proc/${engine}`),
      (runs) => !runs,
    );
  }
  while ((await execa("mountpoint", ["--quiet", engineData], { reject: false })).exitCode === 0) {
    // Mounts of containers that are below it go along.
    await execa("umount", ["--lazy", engineData]);
  }
}

/** Puts an empty directory over the data of the engine, which `npm start` starts by itself. */
async function emptyEngine(world: World): Promise<void> {
  await stopEngine();
  const data = await mkdtemp("/var/tmp/vdi-first-start-");
  world.defer(() => rm(data, { recursive: true, force: true }));
  world.defer(stopEngine);
  await mkdir(engineData, { recursive: true });
  await execa("mount", ["--bind", data, engineData]);
}

async function newcomerOf({ root, signal, defer }: World): Promise<Newcomer> {
  // The cluster keeps sockets in it, whose paths are short.
  const home = await mkdtemp("/var/tmp/vdi-n-");
  defer(() => rm(home, { recursive: true, force: true }));
  for (const part of kept) {
    const own = join(homedir(), part);
    if (existsSync(own)) await cp(own, join(home, part), { recursive: true });
  }
  const clone = join(home, "vdi");
  const options = { cwd: clone, env: { HOME: home, VDI_CLUSTER_DIR: "" }, cancelSignal: signal, forceKillAfterDelay: 20_000 } as const;
  const forget = async (...parts: readonly string[]): Promise<void> => {
    for (const part of ["vdi", ...parts]) await rm(join(home, part), { recursive: true, force: true });
  };
  return {
    forget,
    async run(command, ...words) {
      await execa(command, words, options);
    },
    start: async (...words) => {
      await forget();
      await execa("git", ["clone", "--quiet", root, clone]);
      return (await timed(() => execa("npm", ["start", "--", ...words], options))) / 1_000;
    },
  };
}
