import { type ChildProcess, spawn } from "node:child_process";
import { access, mkdir, open, readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { execa } from "execa";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { type Job, waitUntilThere } from "../util/wait-until-there.ts";

const socket = "/var/run/docker.sock";

/** How the container engine was found. */
export interface EngineResult {
  /** True: it was started now. */
  readonly started: boolean;
  /** The version of Docker that answers; empty for an engine elsewhere (DOCKER_HOST). */
  readonly version: string;
}

/** What is done when no engine answers. */
export interface WhenMissing {
  /** Sees to it that there is one to be started. */
  install?(): Promise<unknown>;
}

/**
 * Makes sure that a container engine answers: the one of DOCKER_HOST is taken as it is, the local one is started if need be,
 * by the service manager where there is one, else in the background with its log in `stateDirectory`.
 */
export async function ensureEngine(stateDirectory: string, job: Job, missing: WhenMissing = {}): Promise<EngineResult> {
  const elsewhere = process.env["DOCKER_HOST"];
  if (elsewhere !== undefined && elsewhere !== "" && elsewhere !== `unix://${socket}`) return { started: false, version: "" };
  const answer = await engineVersion();
  if ("version" in answer) return { started: false, version: answer.version };
  await missing.install?.();
  if (process.getuid?.() !== 0) {
    throw new VdiError({
      what: `no container engine answers on ${socket}`,
      why: answer.problem,
      try: ["start Docker, and let this user use it (group docker)", "DOCKER_HOST=unix:///path, for an engine elsewhere"],
      exitCode: ExitCode.unreachable,
    });
  }
  const log = join(stateDirectory, "dockerd.log");
  job.say("starting the container engine");
  const byManager = await startService();
  const child = byManager ? undefined : await startInBackground(stateDirectory, log);
  let version = "";
  await waitUntilThere(
    { what: "the container engine", timeoutMs: 60_000, everyMs: 300, tail: () => (byManager ? serviceTail() : fileTail(log)) },
    async () => {
      const now = await engineVersion();
      if (!("version" in now)) {
        const exitCode = child?.exitCode;
        if (exitCode === null || exitCode === undefined) return now.problem;
        throw new VdiError({
          what: `the container engine ended with exit code ${exitCode}`,
          why: await fileTail(log),
          exitCode: ExitCode.unreachable,
        });
      }
      version = now.version;
      return undefined;
    },
    job.signal,
  );
  return { started: true, version };
}

function engineVersion(): Promise<{ version: string } | { problem: string }> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath: socket, path: "/version", timeout: 10_000 }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => {
        if (answer.statusCode !== 200) resolve({ problem: `it answers ${answer.statusCode}: ${text.trim()}` });
        else resolve({ version: (JSON.parse(text) as { Version?: string }).Version ?? "unknown" });
      });
      answer.on("error", (error) => resolve({ problem: error.message }));
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer within 10 s")));
    outgoing.once("error", (error) => resolve({ problem: error.message }));
    outgoing.end();
  });
}

/** True when a service manager was there and took the order. */
async function startService(): Promise<boolean> {
  const systemd = await access("/run/systemd/system").then(
    () => true,
    () => false,
  );
  if (!systemd) return false;
  const { failed } = await execa("systemctl", ["start", "docker"], { reject: false });
  return !failed;
}

async function startInBackground(stateDirectory: string, log: string): Promise<ChildProcess> {
  await mkdir(stateDirectory, { recursive: true });
  const output = await open(log, "w");
  try {
    const child = spawn("dockerd", [], {
      cwd: "/",
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    });
    // A failed start shows in the wait that follows.
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

async function serviceTail(): Promise<string> {
  const { stdout } = await execa("journalctl", ["--unit", "docker", "--lines", "12", "--no-pager"], { reject: false });
  return `journalctl --unit docker:\n${stdout ?? ""}`;
}

async function fileTail(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return `the end of ${file}:\n${text.trimEnd().split("\n").slice(-12).join("\n")}`;
}
