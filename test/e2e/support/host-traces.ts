import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { containerIds, isDeadSocket } from "../../cluster/down.ts";
import type { Layout } from "../../cluster/layout.ts";

/** What a cluster could leave on a machine, by kind; each entry is one thing in words. */
export type HostTraces = Readonly<Record<string, readonly string[]>>;

/** Where to look: the network namespace of the cluster and what does not belong to it. */
export interface TraceScope {
  readonly networkNamespace: string;
  /** Paths that others use meanwhile; mounts and links there are not counted. */
  readonly except: readonly string[];
  /** A cluster that is up beside it; its containers are not counted. */
  readonly neighbour: Layout;
}

/** Looks for everything of a cluster in the kernel and in directories outside of its own. */
export async function hostTraces(scope: TraceScope): Promise<HostTraces> {
  const inside = async (program: string, ...args: string[]): Promise<readonly string[]> => {
    const { stdout } = await execa("nsenter", [`--net=/run/netns/${scope.networkNamespace}`, program, ...args]);
    return stdout.split("\n").filter((line) => line.trim() !== "");
  };
  const foreign = (text: string): boolean => scope.except.some((path) => text.includes(path));
  const neighbours = [...(await containerIds(scope.neighbour))];
  return {
    processes: await processesIn(scope.networkNamespace),
    mounts: (await lines("/proc/self/mountinfo")).map((line) => line.split(" ")[4] ?? "").filter((point) => !foreign(point)),
    links: await inside("ip", "-oneline", "link"),
    addresses: await inside("ip", "-oneline", "address"),
    routes: await inside("ip", "route", "show", "table", "all"),
    nftables: await inside("nft", "--stateless", "list", "ruleset"),
    networkNamespaces: await readdir("/run/netns").catch(() => []),
    controlGroups: await controlGroups(),
    files: (await files()).filter((entry) => !foreign(entry) && !neighbours.some((id) => entry.includes(id))),
    kernelSettings: await Promise.all(
      ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"].map(
        async (name) => `${name}=${(await readFile(`/proc/sys/${name}`, "utf8")).trim()}`,
      ),
    ),
  };
}

/** What is in the second list of traces and was not in the first. */
export function newTraces(before: HostTraces, after: HostTraces): HostTraces {
  const kinds = Object.entries(after).map(([kind, entries]): [string, readonly string[]] => {
    return [kind, entries.filter((entry) => before[kind]?.includes(entry) !== true)];
  });
  return Object.fromEntries(kinds.filter(([, entries]) => entries.length > 0));
}

async function lines(file: string): Promise<readonly string[]> {
  return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
}

async function processesIn(networkNamespace: string): Promise<readonly string[]> {
  const { stdout } = await execa("ip", ["netns", "pids", networkNamespace]);
  return Promise.all(
    stdout
      .split("\n")
      .filter((pid) => pid !== "")
      .map(async (pid) => (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "gone")).trim()),
  );
}

async function controlGroups(): Promise<readonly string[]> {
  const root = "/sys/fs/cgroup";
  const found: string[] = [];
  for (const name of await readdir(root)) {
    if (name.startsWith("vdi-test-")) found.push(name);
    for (const inner of await readdir(join(root, name)).catch(() => [])) if (inner.startsWith("vdi-test-")) found.push(join(name, inner));
  }
  return found;
}

/**
 * What containerd, the CNI plugins and the kubelet keep at fixed places. A socket with a listener belongs to a process that is seen
 * elsewhere, and so does its directory: the neighbour's kubelet may have been started meanwhile.
 */
async function files(): Promise<readonly string[]> {
  const found = (
    await Promise.all(["/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods", "/var/log/containers"].map(tree))
  ).flat();
  const heard = await Promise.all(found.map(async (path) => (await isSocket(path)) && !(await isDeadSocket(path))));
  const used = found.filter((_, index) => heard[index] === true);
  return found.filter((path) => !used.includes(path) && !used.some((socket) => socket.startsWith(`${path}/`)));
}

async function isSocket(path: string): Promise<boolean> {
  return lstat(path).then(
    (entry) => entry.isSocket(),
    () => false,
  );
}

/** All paths below a directory, links with what they point to. */
async function tree(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isSymbolicLink()) return [`${path} -> ${await readlink(path).catch(() => "")}`];
      return entry.isDirectory() ? [path, ...(await tree(path))] : [path];
    }),
  );
  return nested.flat();
}
