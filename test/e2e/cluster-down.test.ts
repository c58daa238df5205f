import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa, type Options } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtKubernetes } from "../cluster/binaries.ts";
import { clusterLayout, type Layout, network } from "../cluster/layout.ts";
import { ownProcesses } from "../cluster/processes.ts";
import { type HostTraces, hostTraces, newTraces, type TraceScope } from "./support/host-traces.ts";

// A second cluster, in a network namespace of its own: it leaves the one of the other tests alone, and shares its built programs.
const root = join(import.meta.dirname, "..", "..");
const shared = clusterLayout(process.env);
const name = `vdi-down-${process.pid}`;
/** The container engine's, which other tests use meanwhile; it may be on the machine's own containerd. */
const ofEngine = ["/var/lib/docker", "/run/docker", "/run/containerd/io.containerd.runtime.v2.task/moby"];
const scope: TraceScope = { networkNamespace: name, except: [shared.state, ...ofEngine], neighbour: shared };

let directory: string | undefined;
let layout: Layout;
let before: HostTraces;

beforeAll(async () => {
  // Once they are built it must not be asked to come up: the other tests' faults would make it anew.
  if ((await builtKubernetes(shared)) === undefined) await cluster("up").catch(() => undefined);
  directory = await mkdtemp("/tmp/vdi-down-");
  layout = clusterLayout({ VDI_CLUSTER_DIR: directory });
  await symlink(shared.builds, layout.builds);
  await execa("ip", ["netns", "add", name]);
  await execa("ip", ["-netns", name, "link", "set", "lo", "up"]);
  before = await hostTraces(scope);
});

afterAll(async () => {
  // Without it the command would be about the shared cluster.
  if (directory === undefined) return;
  try {
    await cluster("down");
  } finally {
    await execa("ip", ["netns", "delete", name], { reject: false });
    // The link goes, not what it points to.
    await rm(directory, { recursive: true, force: true });
  }
});

function start(args: readonly string[], options: Options = {}) {
  const isShared = directory === undefined;
  const command = [process.execPath, join(root, "test", "run-ts.mjs"), join(root, "test", "cluster", "cluster.ts"), ...args];
  const [program = "", ...rest] = isShared ? command : ["nsenter", `--net=/run/netns/${name}`, ...command];
  // The shared one may have to be built. Each is a little less than its hook or test has.
  const limits = isShared ? { timeout: 590_000 } : { timeout: 170_000, env: { VDI_CLUSTER_DIR: directory } };
  return execa(program, rest, { ...limits, ...options });
}

async function cluster(...args: string[]): Promise<string> {
  const { stdout, stderr } = await start(args);
  return `${String(stdout)}\n${String(stderr)}`;
}

/** A pod with all that leaves something behind: volumes, a Service with an external address. */
async function startPod(): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "idle", labels: { app: "idle" } },
    spec: {
      containers: [
        {
          name: "idle",
          image: "vdi.test/pause:1",
          imagePullPolicy: "Never",
          volumeMounts: [{ name: "memory", mountPath: "/memory" }],
        },
      ],
      volumes: [{ name: "memory", emptyDir: { medium: "Memory" } }],
    },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "idle" },
    spec: { selector: { app: "idle" }, externalIPs: [network.serviceAddress], ports: [{ port: 443, targetPort: 8080 }] },
  };
  const list = { apiVersion: "v1", kind: "List", items: [pod, service] };
  await start(["kubectl", "apply", "-f", "-"], { input: JSON.stringify(list) });
  await cluster("kubectl", "wait", "pod/idle", "--for=condition=Ready", "--timeout=60s");
}

/** The kernel takes a network namespace apart some time after its last user is gone. */
async function leftAfterAWhile(): Promise<HostTraces> {
  for (let tries = 0; ; tries += 1) {
    const left = newTraces(before, await hostTraces(scope));
    if (Object.keys(left).length === 0 || tries === 120) return left;
    await sleep(500);
  }
}

describe("the test cluster", () => {
  it("comes up, does nothing a second time, and leaves nothing when it goes", async () => {
    expect(await cluster("up")).toContain("it is up after");
    await startPod();
    expect(Object.keys(newTraces(before, await hostTraces(scope)))).toEqual(
      expect.arrayContaining(["processes", "mounts", "links", "nftables", "controlGroups", "files"]),
    );
    expect(await cluster("up")).toContain("it is already up");
    await cluster("down");
    expect(await leftAfterAWhile()).toEqual({});
  });

  it("comes up again after all of it was killed, and then leaves nothing either", async () => {
    await cluster("up");
    await startPod();
    for (const { pid } of await ownProcesses(layout)) process.kill(pid, "SIGKILL");
    expect(await cluster("up")).toContain("it is up after");
    await startPod();
    await cluster("down");
    expect(await leftAfterAWhile()).toEqual({});
  }, 400_000);

  it.each([1_500, 3_000, 5_000])("comes up after an earlier start was killed after %i ms", async (afterMs) => {
    const starting = start(["up"], { reject: false });
    await sleep(afterMs);
    const starter = await childNamed(starting.pid);
    process.kill(starter, "SIGKILL");
    await starting;
    expect(await cluster("up")).toMatch(/it is (already )?up/);
    await cluster("down");
    expect(await leftAfterAWhile()).toEqual({});
  });

  it("tells what is in the way when a port is taken, and leaves nothing then", async () => {
    const program = "require('net').createServer().listen(5000, () => console.log('listening'))";
    const squatter = execa("nsenter", [`--net=/run/netns/${name}`, process.execPath, "-e", program], { reject: false, timeout: 120_000 });
    // It listens, or has ended.
    await Promise.race([once(squatter.stdout, "data"), squatter]);
    const { exitCode, stderr } = await start(["up"], { reject: false });
    squatter.kill("SIGKILL");
    await squatter;
    expect(String(stderr)).toMatch(/port 5000 \(registry\): \S+ \(process \d+\)/);
    expect(exitCode).toBe(1);
    expect(await leftAfterAWhile()).toEqual({});
  });

  it("is not touched by another cluster's start in the same network", async () => {
    await cluster("up");
    const other = await mkdtemp("/tmp/vdi-down-other-");
    try {
      const { stderr } = await execa(
        "nsenter",
        [`--net=/run/netns/${name}`, process.execPath, join(root, "test", "run-ts.mjs"), join(root, "test", "cluster", "cluster.ts"), "up"],
        { env: { VDI_CLUSTER_DIR: other }, reject: false, timeout: 120_000 },
      );
      expect(stderr).toContain(`it is kept in ${directory}`);
      expect(await cluster("status")).toContain("ready");
    } finally {
      await rm(other, { recursive: true, force: true });
    }
    await cluster("down");
  });
});

/** nsenter becomes the program that it starts, so its process is the one to kill. */
async function childNamed(pid: number | undefined): Promise<number> {
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
  if (pid === undefined || !words.includes("up")) throw new Error(`process ${pid} is not the start: ${words.join(" ")}`);
  return pid;
}
