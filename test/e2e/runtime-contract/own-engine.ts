import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { engineClient } from "../../../src/engine/engine-client.ts";
import { eventually } from "../support/wait.ts";

/** An engine of a test's own, which can be stopped without disturbing anybody: it has a network of its own, apart from the machine's. */
export interface OwnEngine {
  readonly socket: string;
  /** Gives it an image that the machine's engine has. */
  load(image: string): Promise<void>;
  start(): Promise<void>;
  /** Ends it: SIGTERM as for a shutdown, SIGKILL as a power failure. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  remove(): Promise<void>;
}

/** Prepares one; nothing runs before `start`. */
export async function ownEngine(): Promise<OwnEngine> {
  const root = await mkdtemp(join(tmpdir(), "vdi-engine-"));
  const socket = join(root, "docker.sock");
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
    own.kill(signal);
    await ended;
  }

  return {
    socket,
    async load(image) {
      await execa("sh", ["-c", 'docker save "$1" | docker -H "unix://$2" load', "sh", image, socket]);
    },
    async start() {
      const output = await open(log, "a");
      const options = [
        ["--host", `unix://${socket}`],
        ["--data-root", join(root, "data")],
        ["--exec-root", join(root, "exec")],
        ["--pidfile", join(root, "pid")],
        ["--bridge", "none"],
        ["--containerd-namespace", "vdi-test"],
        ["--containerd-plugins-namespace", "vdi-test-plugins"],
        ["--config-file", settings],
      ].flat();
      // A network namespace of its own, so that its firewall rules are not the machine's.
      const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
      daemon = spawn("unshare", ["--net", "dockerd", ...options], { stdio: ["ignore", output.fd, output.fd], env });
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
