import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { execa } from "execa";
import { clusterLayout, type Layout, type PartName } from "../../cluster/layout.ts";
import { withLock } from "../../cluster/lock.ts";
import { clusterParts } from "../../cluster/parts.ts";
import { endProcesses, logTail, ownProcesses, startPart } from "../../cluster/processes.ts";

/** True on the tests' own cluster, whose processes and network belong to this machine. */
export function isOwnCluster(): boolean {
  return (process.env["VDI_E2E_CONTEXT"] ?? "") === "";
}

/** Something that was broken and is to be put right again, whatever else happens. Putting it right twice does nothing. */
export interface Broken {
  mend(): Promise<void>;
}

async function processesOf(containerId: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const groups = await readFile(`/proc/${entry}/cgroup`, "utf8").catch(() => "");
    if (groups.includes(containerId)) found.push(Number(entry));
  }
  return found;
}

/** `kill -9` of a container's first process, from outside of it: what an out-of-memory kill or a crash looks like. */
export async function killContainer(pod: V1Pod, container: string): Promise<void> {
  const name = `${pod.metadata?.name}/${container}`;
  const status = pod.status?.containerStatuses?.find((entry) => entry.name === container);
  const id = status?.containerID?.replace(/^.*:\/\//, "");
  if (id === undefined || id === "") throw new Error(`${name} has no container id: ${JSON.stringify(status?.state)}`);
  for (const pid of await processesOf(id)) {
    const inside = /^NSpid:.*\s(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1];
    if (inside !== "1") continue;
    process.kill(pid, "SIGKILL");
    return;
  }
  throw new Error(`${name} has no first process; its container is ${id}`);
}

const table = "vdi-e2e-faults";

/**
 * Drops every packet between this machine and an address of the cluster, both ways and without a word, established connections
 * included; other addresses are left alone. A table of an earlier run that was killed is taken away first.
 */
export async function dropPackets(address: string): Promise<Broken> {
  const chain = (hook: string) =>
    `chain ${hook} { type filter hook ${hook} priority -150; policy accept; ct original ip daddr ${address} drop; ip daddr ${address} drop; }`;
  const mend = async (): Promise<void> => {
    await execa("nft", ["-f", "-"], { input: `table ip ${table}\ndelete table ip ${table}\n` });
  };
  await mend();
  await execa("nft", ["-f", "-"], { input: `table ip ${table} {\n${chain("output")}\n${chain("input")}\n}\n` });
  return { mend };
}

async function apiServerPid(): Promise<number> {
  const found = (await ownProcesses(clusterLayout(process.env))).find(({ name }) => name === "kube-apiserver");
  if (found === undefined) throw new Error("the API server does not run");
  return found.pid;
}

/** Holds the API server: it takes connections and answers nobody. */
export async function holdApiServer(): Promise<Broken> {
  const pid = await apiServerPid();
  process.kill(pid, "SIGSTOP");
  return {
    async mend() {
      process.kill(pid, "SIGCONT");
    },
  };
}

/** Kills the API server: connections to it are refused until it is started again, and with it what else keeps the cluster waiting. */
export async function killApiServer(): Promise<Broken> {
  const layout = clusterLayout(process.env);
  process.kill(await apiServerPid(), "SIGKILL");
  let isMended = false;
  return {
    async mend() {
      if (isMended) return;
      isMended = true;
      if ((await ownProcesses(layout)).some(({ name }) => name === "kube-apiserver")) return;
      await startPart(layout, clusterParts(layout)["kube-apiserver"]);
      // They would wait for up to two minutes before they look again, which says nothing about what is tested.
      for (const part of ["kube-controller-manager", "kubelet"] as const) await startAnew(layout, part);
    },
  };
}

async function startAnew(layout: Layout, part: PartName): Promise<void> {
  const running = async (): Promise<readonly number[]> =>
    (await ownProcesses(layout)).filter(({ name }) => name === part).map(({ pid }) => pid);
  await endProcesses(running, 5_000);
  await startPart(layout, clusterParts(layout)[part]);
}

/**
 * Waits until the API server and what depends on it work again. After a minute without it the kubelet and the controllers, which
 * wait longer from try to try, may take two minutes until they agree on the node. Until the kubelet has renewed its lease, the
 * node seems to be well; then the controllers take it for lost, and its pods for not ready, for another ten seconds.
 */
export async function untilClusterWorks(deadlineMs = 360_000): Promise<void> {
  const layout = clusterLayout(process.env);
  const began = Date.now();
  const kubectl = async (...args: string[]): Promise<string> => {
    const options = ["--kubeconfig", layout.kubeconfig, "--request-timeout=5s"];
    const asked = await execa(`${layout.programs}/kubectl`, [...options, ...args], { reject: false });
    return asked.failed ? `failed: ${asked.stderr}` : asked.stdout;
  };
  const ready = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}';
  for (let times = 0; times < 2; ) {
    const seen = {
      lease: await kubectl("get", "leases", "-n", "kube-node-lease", "-o", "jsonpath={.items[*].spec.renewTime}"),
      nodes: await kubectl("get", "nodes", "-o", `jsonpath=${ready}`),
      proxies: await kubectl("get", "pods", "-A", "-l", "app=xpra-proxy", "-o", `jsonpath=${ready}`),
    };
    const works = Date.parse(seen.lease) > began && [seen.nodes, seen.proxies].every((words) => /^(True )*$/.test(words));
    times = works ? times + 1 : 0;
    if (Date.now() > began + deadlineMs) {
      const words = `the cluster did not work again within ${deadlineMs} ms; ${JSON.stringify(seen)}`;
      throw new Error(`${words}\n${await logTail(layout, "kube-apiserver")}`);
    }
    await sleep(1_000);
  }
}

/**
 * Does something that the whole cluster feels, with the cluster's own lock held: `npm run cluster -- up`, which every test file
 * runs first, would take a cluster without its API server for a broken one and make it anew from nothing.
 */
export function disturbing<Result>(action: () => Promise<Result>): Promise<Result> {
  const job = { say: (text: string) => void process.stderr.write(`${text}\n`), signal: new AbortController().signal };
  return withLock(clusterLayout(process.env).lock, job, action);
}
