import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a container's processes take, all together. */
export interface Footprint {
  /** Proportional set size: shared pages are counted once, divided among those that share them. */
  readonly pssMegabytes: number;
  readonly processes: number;
  readonly threads: number;
  readonly descriptors: number;
  /** Processor time so far, in seconds. */
  readonly processorSeconds: number;
}

/**
 * Takes the sums over a container's processes, or over those whose program has such a name, from the host. Needs root, as the memory
 * of others' processes is looked at.
 */
export async function footprintOf(container: string, program = /./): Promise<Footprint> {
  const { stdout } = await run("docker", ["top", container, "-eo", "pid,comm"]);
  const processes = stdout.trim().split("\n").slice(1);
  const chosen = processes.map((line) => line.trim().split(/\s+/)).filter(([, name = ""]) => program.test(name));
  const found = await Promise.all(chosen.map(([pid = ""]) => ofProcess(pid)));
  const there = found.filter((one) => one !== undefined);
  const sum = (of: (one: Omit<Footprint, "processes">) => number): number => there.reduce((total, one) => total + of(one), 0);
  return {
    pssMegabytes: sum((one) => one.pssMegabytes),
    processes: there.length,
    threads: sum((one) => one.threads),
    descriptors: sum((one) => one.descriptors),
    processorSeconds: sum((one) => one.processorSeconds),
  };
}

/** One process's share; undefined when it has ended meanwhile. */
async function ofProcess(pid: string): Promise<Omit<Footprint, "processes"> | undefined> {
  try {
    const memory = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pssMegabytes: Number(/^Pss: +(\d+)/m.exec(memory)?.[1]) / 1024,
      threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]),
      descriptors: (await readdir(`/proc/${pid}/fd`)).length,
      processorSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    };
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
