import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** What a figure was taken on, by name; nothing that tells one machine of a kind from another. */
export type Machine = Readonly<Record<string, string>>;

/** Asks the machine what it is. A program that is not there is left out. */
export async function describeMachine(root: string): Promise<Machine> {
  const ask = async (program: string, ...args: string[]): Promise<string> => {
    const { stdout, failed } = await execa(program, args, { cwd: root, reject: false, timeout: 10_000 });
    return failed ? "" : (stdout.trim().split("\n")[0] ?? "");
  };
  const dirty = (await ask("git", "status", "--porcelain", "--untracked-files=no")) === "" ? "" : " and changes";
  const entries: [string, string][] = [
    ["processor", cpus()[0]?.model ?? ""],
    ["cores", String(cpus().length)],
    ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ["kernel", release()],
    ["system", /PRETTY_NAME="?([^"\n]+)/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? ""],
    ["Node", process.version],
    ["container engine", await ask("docker", "version", "--format", "Docker {{.Server.Version}}")],
    ["container runtime of the cluster", `containerd ${(await ask("containerd", "--version")).split(" ")[2] ?? ""}`],
    ["commit", `${await ask("git", "rev-parse", "--short", "HEAD")}${dirty}`],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

/** The processors' time so far, in ticks: worked and in all. */
function processorTicks(): { readonly worked: number; readonly all: number } {
  const ticks = (/^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? "").split(" ").map(Number);
  const all = ticks.slice(0, 8).reduce((sum, value) => sum + value, 0);
  return { worked: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}

/** A stopwatch for the processors of the whole machine: gives the seconds of work, and their share, since it was made. */
export function processorWatch(): () => { readonly seconds: number; readonly share: number } {
  const from = processorTicks();
  return () => {
    const to = processorTicks();
    return { seconds: (to.worked - from.worked) / 100, share: (to.worked - from.worked) / Math.max(1, to.all - from.all) };
  };
}

/** How busy the machine is with other things, 0 to 1, over a moment. */
export async function busyShare(ms = 1_000): Promise<number> {
  const watch = processorWatch();
  await sleep(ms);
  return watch().share;
}
