import type { ChildProcess } from "node:child_process";
import { mkdir, rm, symlink } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { messageOf, VdiError } from "../../src/util/vdi-error.ts";
import { type Job, waitUntilThere } from "../../src/util/wait-until-there.ts";
import { buildPrograms, type Programs } from "./binaries.ts";
import { makeCertificates } from "./certificates.ts";
import { writeConfigFiles } from "./config-files.ts";
import { makeControlGroups } from "./control-groups.ts";
import { removeCluster, saveKernelSettings } from "./down.ts";
import { makeHostNetwork, outerMtu, refuseOtherCluster, refuseTakenPorts } from "./host-network.ts";
import { clusterName, kubernetesVersion, type Layout, type PartName, partNames, ports } from "./layout.ts";
import { clusterParts } from "./parts.ts";
import { ctr, importPauseImage } from "./pause-image.ts";
import { endProcesses, logTail, ownProcesses, startPart } from "./processes.ts";
import { missingParts, nodeState } from "./state.ts";

/** What `bringUp` found and did. */
export interface UpResult {
  /** True: it ran already, nothing was done. */
  readonly wasRunning: boolean;
  readonly seconds: number;
}

/**
 * Brings up the cluster, whatever state an earlier one was left in.
 * A cluster of which a part has died is removed and made anew: with fresh data, nothing can depend on what was before.
 */
export async function bringUp(layout: Layout, repository: string, job: Job): Promise<UpResult> {
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 100) / 10;
  const missing = await missingParts(layout);
  if (missing.length === 0 && (await nodeState(layout)) === "ready") return { wasRunning: true, seconds: seconds() };
  await refuseOtherCluster(layout);
  const programs = await buildPrograms(layout, repository, job);
  if (missing.length < partNames.length) {
    const why = missing.length === 0 ? "it does not answer" : `not running: ${missing.join(", ")}`;
    job.say(`an earlier cluster is broken (${why}): starting from nothing`);
  }
  await removeCluster(layout);
  await refuseTakenPorts();
  try {
    await start(layout, programs, job);
  } catch (error) {
    await removeCluster(layout).catch((failure: unknown) => job.say(`could not clean up: ${messageOf(failure)}`));
    throw error;
  }
  return { wasRunning: false, seconds: seconds() };
}

async function start(layout: Layout, programs: Programs, job: Job): Promise<void> {
  job.say(`starting Kubernetes ${kubernetesVersion} in ${layout.state}`);
  await prepareFiles(layout, programs);
  await makeHostNetwork(layout);
  await makeControlGroups(layout.cgroup);
  const parts = clusterParts(layout);
  const children = new Map<PartName, ChildProcess>();
  const launch = async (name: PartName): Promise<void> => {
    children.set(name, await startPart(layout, parts[name]));
  };
  const there = (name: PartName, what: string, timeoutMs: number, ask: () => Promise<string | undefined>): Promise<void> =>
    waitUntilThere(
      { what, timeoutMs, tail: () => logTail(layout, name) },
      async () => {
        const exitCode = children.get(name)?.exitCode;
        if (exitCode !== null && exitCode !== undefined) {
          throw new VdiError({ what: `${name} ended with exit code ${exitCode}`, why: await logTail(layout, name) });
        }
        return ask();
      },
      job.signal,
    );

  for (const name of ["etcd", "containerd", "docker-registry", "kube-apiserver"] as const) await launch(name);
  await there("containerd", "containerd", 30_000, () => answers(layout, "version"));
  if (await forgetContainers(layout)) {
    // The CRI part has read the old containers at its start.
    await endProcesses(async () => (await ownProcesses(layout)).filter(({ name }) => name === "containerd").map(({ pid }) => pid), 5_000);
    await launch("containerd");
    await there("containerd", "containerd", 30_000, () => answers(layout, "version"));
  }
  await importPauseImage(layout, programs.pause);
  await there("docker-registry", "the registry", 15_000, () => listens("127.0.0.1", ports.registry));
  await there("kube-apiserver", "the API server", 60_000, () => apiServerState(layout));
  for (const name of ["kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"] as const) await launch(name);
  await there("kubelet", "the node", 60_000, async () => {
    const state = await nodeState(layout);
    return state === "ready" ? undefined : state;
  });
  await there("kube-proxy", "kube-proxy", 30_000, () => httpState(`http://127.0.0.1:${ports.proxyHealth}/healthz`));
  await there("kube-controller-manager", "the service account of the namespace default", 30_000, () =>
    kubectlState(layout, "get", "serviceaccount", "-n", "default", "default"),
  );
}

async function prepareFiles(layout: Layout, programs: Programs): Promise<void> {
  await rm(layout.logs, { recursive: true, force: true });
  for (const directory of [layout.run, layout.logs, layout.programs, layout.sockets, layout.images, layout.registryData]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
  await saveKernelSettings(layout);
  const installed: Readonly<Record<string, string>> = {
    containerd: await pathOf("containerd"),
    "docker-registry": await pathOf("docker-registry"),
  };
  for (const name of [...partNames, "kubectl"]) await symlink(installed[name] ?? programs.kubernetes, join(layout.programs, name));
  await makeCertificates(layout);
  await writeConfigFiles(layout, await outerMtu());
}

async function pathOf(program: string): Promise<string> {
  const { stdout, failed } = await execa("which", [program], { reject: false });
  if (!failed && stdout !== "") return stdout.trim();
  throw new VdiError({ what: `${program} is not installed`, try: "npm run machine" });
}

/** Removes the containers of an earlier run that containerd still has in its books; true when there were any. */
async function forgetContainers(layout: Layout): Promise<boolean> {
  const ids = (await ctr(layout, "containers", "list", "--quiet")).split("\n").filter((id) => id !== "");
  if (ids.length > 0) await ctr(layout, "containers", "delete", ...ids);
  return ids.length > 0;
}

async function answers(layout: Layout, command: string): Promise<string | undefined> {
  try {
    await ctr(layout, command);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? messageOf(error)).trim();
  }
}

function listens(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error) => resolve(error.message));
  });
}

function httpState(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const outgoing = httpRequest(url, { timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? undefined : `${url} answers ${answer.statusCode}`);
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer within 2 s")));
    outgoing.once("error", (error) => resolve(error.message));
    outgoing.end();
  });
}

function apiServerState(layout: Layout): Promise<string | undefined> {
  return kubectlState(layout, "get", "--raw", "/readyz");
}

async function kubectlState(layout: Layout, ...args: string[]): Promise<string | undefined> {
  const { stderr, failed } = await execa(
    join(layout.programs, "kubectl"),
    ["--kubeconfig", layout.kubeconfig, "--request-timeout=5s", ...args],
    {
      reject: false,
    },
  );
  return failed ? stderr.trim().split("\n").slice(-3).join("\n") || `kubectl ${args.join(" ")} failed on ${clusterName}` : undefined;
}
