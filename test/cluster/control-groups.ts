import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

const root = "/sys/fs/cgroup";

/** The mounted hierarchies: one with version 2, one a controller with version 1. */
async function hierarchies(): Promise<readonly string[]> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" "));
  return mounts.flatMap(([, path = "", type]) => ((type === "cgroup" || type === "cgroup2") && path.startsWith(root) ? [path] : []));
}

/** Makes the parent of the pods' groups, which the kubelet wants to find. */
export async function makeControlGroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    await passControllersOn(hierarchy);
    const group = join(hierarchy, name);
    await mkdir(group, { recursive: true });
    // A version 1 cpuset starts without processors and memory, and nothing can run in it then.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const value = await readFile(join(hierarchy, file), "utf8").catch(() => "");
      if (value.trim() !== "" && hierarchy.endsWith("/cpuset")) await writeFile(join(group, file), value);
    }
  }
}

// With version 2 a group has only the controllers that its parent passes on, and systemd leaves some out. Others may use them by
// the time the cluster goes, so they stay on.
async function passControllersOn(hierarchy: string): Promise<void> {
  const wanted = ["cpu", "cpuset", "hugetlb", "memory", "pids"];
  const offered = (await readFile(join(hierarchy, "cgroup.controllers"), "utf8").catch(() => "")).trim().split(" ");
  const usable = wanted.filter((controller) => offered.includes(controller));
  if (usable.length === 0) return;
  await writeFile(join(hierarchy, "cgroup.subtree_control"), usable.map((controller) => `+${controller}`).join(" "));
}

/** Removes the groups of a cluster whose processes are gone, the deepest first. */
export async function removeControlGroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) await removeTree(join(hierarchy, name));
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => []);
  for (const entry of entries) {
    const path = join(directory, entry);
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true) await removeTree(path);
  }
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
