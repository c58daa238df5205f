import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, mkdir, mkdtemp, open, readFile, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { engineClient } from "../../../src/engine/engine-client.ts";
import type { Answer } from "../../../src/session/session-runtime.ts";
import type { SessionAddress } from "../../../src/session/session-state.ts";
import { eventually } from "../support/wait.ts";

/** A disk of an engine's own. */
export interface OwnDisk {
  /** Where the engine has it, and what runs `beside` it. */
  readonly path: string;
  /** Leaves no more than so many bytes of it; with none not even an empty directory can be made. */
  fill(leaveBytes?: number): Promise<void>;
  makeRoom(): Promise<void>;
}

/** An engine of a test's own, which can be stopped without disturbing anybody: its network, processes and mounts are its own. */
export interface OwnEngine {
  readonly socket: string;
  /** That its data are on; only where one was asked for. */
  readonly disk: OwnDisk;
  /** Where its mounts are seen from here, while it runs. */
  root(): string;
  /** The words before a command that is to have its network, mounts and processes, while it runs. */
  beside(): readonly string[];
  /** Connects and hangs up, from the engine's network: from here there is no way to its containers. */
  connect(address: SessionAddress): Promise<Answer>;
  /** Gives it an image that the machine's engine has. */
  load(image: string): Promise<void>;
  start(): Promise<void>;
  /** Ends it: SIGTERM as for a shutdown; SIGKILL as a power failure, which nothing that it runs survives. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  remove(): Promise<void>;
}

/** A block of a disk; no file takes less. */
const blockBytes = 4096;

/** Prepares one; nothing runs before `start`. With `diskBytes` its data are on a disk of that size, of which only what is written is taken here. */
export async function ownEngine({ diskBytes }: { readonly diskBytes?: number } = {}): Promise<OwnEngine> {
  const root = await mkdtemp(join(tmpdir(), "vdi-engine-"));
  const socket = join(root, "docker.sock");
  const run = join(root, "run");
  const log = join(root, "dockerd.log");
  const client = engineClient(socket);
  let daemon: ChildProcess | undefined;
  const settings = join(root, "daemon.json");
  await writeFile(settings, "{}");
  const data = join(root, "data");
  await mkdir(data);
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const image = join(root, "disk.img");
  if (diskBytes !== undefined) {
    await writeFile(image, "");
    await truncate(image, diskBytes);
    // No block is kept for root, whom the engine runs as; without a journal what is deleted is free at once.
    await execa("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1", image], { env });
  }

  /** The first process of its namespaces. */
  let first = 0;
  const seen = (path: string): string => join(`/proc/${first}/root`, path);
  const filler = join(data, "filler");

  const disk: OwnDisk = {
    path: data,
    async fill(leaveBytes = 0) {
      if (diskBytes === undefined) throw new Error("this engine has no disk of its own");
      await disk.makeRoom();
      const { bavail, bsize } = await statfs(seen(data));
      // Taken without being written. The end of it may not fit, as where it lies takes blocks as well.
      await execa("fallocate", ["--length", String(bavail * bsize - leaveBytes), seen(filler)], { reject: leaveBytes > 0 });
      while (leaveBytes === 0) {
        const isFull = await appendFile(seen(filler), Buffer.alloc(blockBytes), { flush: true }).then(
          () => false,
          (thrown: NodeJS.ErrnoException) => {
            if (thrown.code !== "ENOSPC") throw thrown;
            return true;
          },
        );
        if (isFull) return;
      }
    },
    makeRoom: () => rm(seen(filler), { force: true }),
  };

  const tail = async (): Promise<string> => (await readFile(log, "utf8").catch(() => "")).split("\n").slice(-15).join("\n");

  async function answers(): Promise<string> {
    return client.send({ path: "/_ping", timeoutMs: 5_000 }).then(
      () => "",
      (thrown: unknown) => String(thrown),
    );
  }

  async function stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const own = daemon;
    daemon = undefined;
    if (own?.pid === undefined || own.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => own.once("exit", () => resolve()));
    // The engine is the first process of its namespace: with it all others there are killed.
    for (const child of await childrenOf(own.pid)) process.kill(child, signal);
    await ended;
  }

  return {
    socket,
    disk,
    root: () => seen("/"),
    beside: () => ["nsenter", `--target=${first}`, "--mount", "--net", "--pid"],
    async connect({ host, port }) {
      // The start of a shell counts as well.
      const words = ["timeout", "10", "bash", "-c", '</dev/tcp/"$1"/"$2"', "bash", host, String(port)];
      const { exitCode } = await execa("nsenter", [`--target=${first}`, "--net", ...words], { reject: false });
      return exitCode === 0 ? "open" : exitCode === 124 ? "silent" : "refused";
    },
    async load(image) {
      await execa("sh", ["-c", 'docker save "$1" | docker -H "unix://$2" load', "sh", image, socket]);
    },
    async start() {
      // What a machine has in memory only is gone when it starts again.
      await rm(run, { recursive: true, force: true });
      await mkdir(run);
      const output = await open(log, "a");
      const options = [
        ["--host", `unix://${socket}`],
        // Not the disk itself: it holds more than the engine's data.
        ["--data-root", join(data, "engine")],
        ["--exec-root", join(run, "exec")],
        ["--pidfile", join(run, "pid")],
        ["--bridge", "none"],
        ["--containerd-namespace", "vdi-test"],
        ["--containerd-plugins-namespace", "vdi-test-plugins"],
        ["--config-file", settings],
      ].flat();
      // Its firewall rules are not the machine's, and whatever it has started ends with it.
      const apart = ["--net", "--pid", "--fork", "--mount-proc"];
      const withDisk = diskBytes === undefined ? [] : ["sh", "-c", 'mount -o loop "$1" "$2" && shift 2 && exec "$@"', "sh", image, data];
      daemon = spawn("unshare", [...apart, ...withDisk, "dockerd", ...options], { stdio: ["ignore", output.fd, output.fd], env });
      await output.close();
      const own = daemon;
      await eventually(
        `the engine (${log})`,
        async () => {
          if (own.exitCode !== null) throw new Error(`the engine ended with ${own.exitCode}:\n${await tail()}`);
          return answers();
        },
        (problem) => problem === "",
      ).catch(async (thrown: unknown) => {
        throw new Error(`${String(thrown)}\n${await tail()}`);
      });
      first = (await childrenOf(own.pid ?? 0))[0] ?? 0;
      // A machine has it, a new network has not.
      await execa("nsenter", [`--target=${first}`, "--net", "ip", "link", "set", "lo", "up"], { env });
    },
    stop,
    async remove() {
      await stop("SIGTERM");
      client.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).split(" ").filter(Boolean).map(Number);
}
