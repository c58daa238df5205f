import { mkdir, readdir, readFile, readlink, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { removeControlGroups } from "./control-groups.ts";
import { removeHostNetwork } from "./host-network.ts";
import type { Layout } from "./layout.ts";
import { endProcesses, ownProcesses, podProcesses } from "./processes.ts";

/** What the kubelet sets in the kernel; put back when the cluster goes. */
const kernelSettings = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"] as const;

function savedSettings(layout: Layout): string {
  return join(layout.run, "kernel-settings.json");
}

/** Notes the kernel's settings as they are before the kubelet changes them. */
export async function saveKernelSettings(layout: Layout): Promise<void> {
  const values: Record<string, string> = {};
  for (const name of kernelSettings) values[name] = (await readFile(`/proc/sys/${name}`, "utf8").catch(() => "")).trim();
  await mkdir(layout.run, { recursive: true });
  await writeFile(savedSettings(layout), JSON.stringify(values));
}

async function restoreKernelSettings(layout: Layout): Promise<void> {
  const text = await readFile(savedSettings(layout), "utf8").catch(() => "{}");
  for (const [name, value] of Object.entries(JSON.parse(text) as Record<string, string>)) {
    if (value !== "") await writeFile(`/proc/sys/${name}`, value).catch(() => undefined);
  }
}

/**
 * Removes a cluster in whatever state it is: running, half started, killed in the middle, or not there.
 * Left are the images, the registry's data, the built programs and the logs.
 */
export async function removeCluster(layout: Layout): Promise<void> {
  const own = (...names: string[]) => {
    return async (): Promise<readonly number[]> =>
      (await ownProcesses(layout)).filter(({ name }) => names.length === 0 || names.includes(name)).map(({ pid }) => pid);
  };
  // The kubelet first: it would start again what is ended after it.
  await endProcesses(own("kubelet"), 2_000);
  await endProcesses(own("kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd", "docker-registry"), 2_000);
  const containers = await containerIds(layout);
  await endProcesses(own("containerd"), 2_000);
  await endProcesses(own(), 0);
  await endProcesses(() => podProcesses(layout), 0);
  await unmountBelow(`${layout.run}/`);
  await unmountBelow(`${layout.images}/`);
  await removeHostNetwork(layout);
  await removeControlGroups(layout.cgroup);
  await restoreKernelSettings(layout);
  await removeSharedTraces(layout, containers);
  await rm(layout.run, { recursive: true, force: true });
}

/** Removes everything, the built programs included. */
export async function purgeCluster(layout: Layout): Promise<void> {
  await removeCluster(layout);
  for (const path of [layout.images, layout.registryData, layout.builds, layout.logs, layout.kubeconfig, join(layout.state, "go")]) {
    await rm(path, { recursive: true, force: true });
  }
}

/** The ids of this run's containers and sandboxes: traces outside the state directory carry them. */
export async function containerIds(layout: Layout): Promise<ReadonlySet<string>> {
  const state = join(layout.run, "containerd");
  const ids = new Set<string>();
  for (const directory of ["io.containerd.runtime.v2.task/k8s.io", "io.containerd.grpc.v1.cri/sandboxes"]) {
    for (const id of await readdir(join(state, directory)).catch(() => [])) ids.add(id);
  }
  return ids;
}

async function unmountBelow(prefix: string): Promise<void> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const points = lines.map((line) => unescapeOctal(line.split(" ")[4] ?? "")).filter((point) => point.startsWith(prefix));
  // Mounts are listed in the order in which they were made, so the reverse takes the upper ones first.
  for (const point of points.reverse()) {
    const { failed } = await execa("umount", [point], { reject: false });
    if (failed) await execa("umount", ["-l", point]);
  }
}

/** Blanks and the like are octal numbers in mountinfo. */
function unescapeOctal(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Programs leave traces at places that cannot be configured; only ours are taken. */
async function removeSharedTraces(layout: Layout, containers: ReadonlySet<string>): Promise<void> {
  await removeDeadSockets("/run/containerd/s");
  await removeCniResults(containers);
  await removeLinksInto("/var/log/containers", layout.run);
  for (const directory of ["/var/lib/cni/results", "/var/lib/cni", "/var/log/containers"]) await rmdir(directory).catch(() => undefined);
  await removeDeadSockets("/var/lib/kubelet/device-plugins");
  await unlinkIfAlone("/var/lib/kubelet/device-plugins", "DEPRECATION");
  for (const directory of ["/var/lib/kubelet/device-plugins", "/var/lib/kubelet"]) await rmdir(directory).catch(() => undefined);
}

/** Shims that were killed leave their sockets; a socket that nobody listens on is of no use to anybody. */
async function removeDeadSockets(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (await isDeadSocket(path)) await unlink(path).catch(() => undefined);
  }
}

/** True for a socket's file that nobody listens on. Asked by connecting: the kernel's list shows only those of one network namespace. */
export function isDeadSocket(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

async function removeCniResults(containers: ReadonlySet<string>): Promise<void> {
  const directory = "/var/lib/cni/results";
  for (const name of await readdir(directory).catch(() => [])) {
    const ours = [...containers].some((id) => name.includes(id));
    if (ours) await unlink(join(directory, name));
  }
}

async function removeLinksInto(directory: string, target: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const points = await readlink(join(directory, name)).catch(() => "");
    if (points.startsWith(`${target}/`)) await unlink(join(directory, name));
  }
}

async function unlinkIfAlone(directory: string, name: string): Promise<void> {
  const entries = await readdir(directory).catch(() => []);
  if (entries.length === 1 && entries[0] === name) await unlink(join(directory, name));
}
