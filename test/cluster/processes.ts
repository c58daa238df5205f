import { type ChildProcess, spawn } from "node:child_process";
import { open, readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Layout, type PartName, partNames } from "./layout.ts";
import { type Part, partEnvironment } from "./parts.ts";

/** A process of the cluster. */
export interface OwnProcess {
  readonly pid: number;
  /** A part's name, or `containerd-shim-runc-v2`. */
  readonly name: string;
}

const ownNames: ReadonlySet<string> = new Set<string>([...partNames, "containerd-shim-runc-v2", "runc"]);

/**
 * The cluster's processes that run now, whoever started them.
 * They are told by a path inside the run directory in their command line, so that no file with a process id can be stale.
 */
export async function ownProcesses(layout: Layout): Promise<readonly OwnProcess[]> {
  const found: OwnProcess[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const words = (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).split("\0");
    const name = basename(words[0] ?? "");
    if (!ownNames.has(name) || !words.some((word) => word.includes(`${layout.run}/`))) continue;
    if (await isRunning(Number(entry))) found.push({ pid: Number(entry), name });
  }
  return found;
}

/** The processes of the pods, by the cluster's control group. */
export async function podProcesses(layout: Layout): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const groups = await readFile(`/proc/${entry}/cgroup`, "utf8").catch(() => "");
    if (groups.includes(`:/${layout.cgroup}/`) && (await isRunning(Number(entry)))) found.push(Number(entry));
  }
  return found;
}

/** False for a process that is gone and for one that is only waiting to be collected by its parent. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state !== "" && state !== "Z" && state !== "X";
}

/** Sends a signal; a process that is gone already is fine. */
export function signalProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Ends processes: politely, then after the grace period by force. `list` is asked again, as new ones may appear meanwhile. */
export async function endProcesses(list: () => Promise<readonly number[]>, graceMs: number): Promise<void> {
  const started = Date.now();
  for (const pid of await list()) signalProcess(pid, graceMs > 0 ? "SIGTERM" : "SIGKILL");
  for (;;) {
    const left = await list();
    if (left.length === 0) return;
    const waited = Date.now() - started;
    if (waited > graceMs + 10_000) throw new Error(`processes that cannot be ended: ${left.join(", ")}`);
    if (waited >= graceMs) for (const pid of left) signalProcess(pid, "SIGKILL");
    await sleep(50);
  }
}

/** Starts a part in the background, in a session of its own, with its output in the log directory. */
export async function startPart(layout: Layout, part: Part): Promise<ChildProcess> {
  const log = await open(join(layout.logs, `${part.name}.log`), "a");
  try {
    const child = spawn(join(layout.programs, part.name), part.args, {
      cwd: layout.run,
      env: partEnvironment(part, process.env),
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    // A failed start shows in the wait that follows; without a listener it would end this process.
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** The last lines that a part has written. */
export async function logTail(layout: Layout, name: PartName, lines = 12): Promise<string> {
  const file = join(layout.logs, `${name}.log`);
  const text = await readFile(file, "utf8").catch(() => "");
  const last = text.trimEnd().split("\n").slice(-lines).join("\n");
  return last === "" ? `${name} has written nothing (${file})` : `the end of ${file}:\n${last}`;
}

/** Who has a TCP port, in words for an error; undefined when nobody has it or only we ourselves. */
export async function strangerOnPort(socketInode: string): Promise<string | undefined> {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of await readdir(`/proc/${entry}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${entry}/fd/${descriptor}`).catch(() => "");
      if (target !== `socket:[${socketInode}]`) continue;
      const name = (await readFile(`/proc/${entry}/comm`, "utf8").catch(() => "")).trim();
      return `${name} (process ${entry})`;
    }
  }
  return undefined;
}
