import { readdir, readFile } from "node:fs/promises";
import { execa } from "execa";

/** Sends a signal to a process and everything that it has started. */
export async function signalTree(root: number, signal: NodeJS.Signals): Promise<void> {
  const parents = new Map<number, number>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
    if (parent > 0) parents.set(Number(entry), parent);
  }
  const isBelow = (pid: number): boolean => pid === root || (parents.has(pid) && isBelow(parents.get(pid) ?? 0));
  for (const pid of [...parents.keys()].filter(isBelow)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/**
 * Sends a signal to all processes of a container. SIGSTOP and SIGCONT hold it and let it go on: `docker pause` fails now and then
 * ("unable to freeze") while its processes are busy.
 */
export async function signalContainer(name: string, signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await execa("docker", ["inspect", "--format", "{{.State.Pid}}", name]);
  await signalTree(Number(stdout), signal);
}
