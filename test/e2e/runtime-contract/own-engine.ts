import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { engineClient } from "../../../src/engine/engine-client.ts";
import { eventually } from "../support/wait.ts";

/** An engine of a test's own, which can be stopped without disturbing anybody: its network, processes and mounts are its own. */
export interface OwnEngine {
  readonly socket: string;
  /** Gives it an image that the machine's engine has. */
  load(image: string): Promise<void>;
  start(): Promise<void>;
  /** Ends it: SIGTERM as for a shutdown; SIGKILL as a power failure, which nothing that it runs survives. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  remove(): Promise<void>;
}

/** Prepares one; nothing runs before `start`. */
export async function ownEngine(): Promise<OwnEngine> {
  const root = await mkdtemp(join(tmpdir(), "vdi-engine-"));
  const socket = join(root, "docker.sock");
  const run = join(root, "run");
  const log = join(root, "dockerd.log");
  const client = engineClient(socket);
  let daemon: ChildProcess | undefined;
  const settings = join(root, "daemon.json");
  await writeFile(settings, "{}");
  await mkdir(join(root, "data"));

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
    const children = (await readFile(`/proc/${own.pid}/task/${own.pid}/children`, "utf8")).split(" ").filter(Boolean);
    for (const child of children) process.kill(Number(child), signal);
    await ended;
  }

  return {
    socket,
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
        ["--data-root", join(root, "data")],
        ["--exec-root", join(run, "exec")],
        ["--pidfile", join(run, "pid")],
        ["--bridge", "none"],
        ["--containerd-namespace", "vdi-test"],
        ["--containerd-plugins-namespace", "vdi-test-plugins"],
        ["--config-file", settings],
      ].flat();
      // Its firewall rules are not the machine's, and whatever it has started ends with it.
      const apart = ["--net", "--pid", "--fork", "--mount-proc"];
      const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
      daemon = spawn("unshare", [...apart, "dockerd", ...options], { stdio: ["ignore", output.fd, output.fd], env });
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
    },
    stop,
    async remove() {
      await stop("SIGTERM");
      client.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
