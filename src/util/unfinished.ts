import { readdir, rm } from "node:fs/promises";
import path from "node:path";

const pattern = /^\.unfinished-(\d+)-/;

/** Where a file is made that takes its place only when it is whole. The ending stays: it may decide about the form. */
export function unfinishedFile(file: string): string {
  return path.join(path.dirname(file), `.unfinished-${process.pid}-${path.basename(file)}`);
}

/** Whether a name is that of a file that is being made, or that was left behind: it belongs into no image and no copy. Pure. */
export function isUnfinished(name: string): boolean {
  return pattern.test(name);
}

/** Removes what processes left behind that were killed. What a process is still making stays. */
export async function removeLeftUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = Number(pattern.exec(name)?.[1]);
    if (pid > 0 && !isRunning(pid)) await rm(path.join(directory, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
