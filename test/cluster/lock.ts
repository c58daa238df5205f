import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { ExitCode } from "../../src/util/exit-code.ts";
import { VdiError } from "../../src/util/vdi-error.ts";
import type { Job } from "../../src/util/wait-until-there.ts";

/**
 * Runs an action while no other process runs one with the same lock file.
 * `flock` holds the lock in the kernel's name: when this process is killed, its end of the pipe closes and the lock is free.
 */
export async function withLock<Result>(file: string, job: Job, action: () => Promise<Result>): Promise<Result> {
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn("flock", ["--exclusive", "--wait", "900", file, "sh", "-c", "echo locked; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    // Ctrl-C reaches the whole group; the lock must stay until this process has cleaned up.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  const waiting = setTimeout(() => job.say("another process is at work on this cluster: waiting for it"), 1_000);
  const giveUp = (): boolean => holder.kill();
  job.signal.addEventListener("abort", giveUp, { once: true });
  try {
    const locked = await new Promise<boolean>((resolve) => {
      holder.stdout.once("data", () => resolve(true));
      holder.once("close", () => resolve(false));
      holder.once("error", () => resolve(false));
    });
    job.signal.throwIfAborted();
    if (!locked) throw new VdiError({ what: `the lock ${file} could not be had within 15 minutes`, exitCode: ExitCode.timedOut });
    job.signal.removeEventListener("abort", giveUp);
    clearTimeout(waiting);
    return await action();
  } finally {
    clearTimeout(waiting);
    job.signal.removeEventListener("abort", giveUp);
    holder.stdin.end();
    await ended;
  }
}
