import { constants, homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { styleFor } from "../../src/cli/output.ts";
import { describeFailure } from "../../src/cli/print-error.ts";
import { ExitCode } from "../../src/util/exit-code.ts";
import { VdiError } from "../../src/util/vdi-error.ts";
import { type ClusterAccess, otherAccess, ownAccess } from "./access.ts";
import { builtKubernetes } from "./binaries.ts";
import { purgeCluster, removeCluster } from "./down.ts";
import { clusterLayout, partNames } from "./layout.ts";
import { withLock } from "./lock.ts";
import { missingParts, nodeState } from "./state.ts";
import { bringUp } from "./up.ts";

const usage = `usage: npm run cluster -- up                bring up the one-node Kubernetes of the tests
       npm run cluster -- down [--purge]    remove it; --purge: its images and built programs too
       npm run cluster -- status [--json]   whether it runs, and how to use it
       npm run cluster -- kubectl …         kubectl on it

VDI_CLUSTER_DIR     where it is kept (default ~/.cache/vdi-test-cluster)
VDI_E2E_CONTEXT     use this context of your kubeconfig instead; nothing is started or removed
VDI_E2E_REGISTRY    the registry that this other cluster pulls from
VDI_E2E_ADDRESS     an external address for Services of this other cluster
`;

const repository = join(import.meta.dirname, "..", "..");
const layout = clusterLayout(process.env);
const other = otherAccess(process.env, join(homedir(), ".kube", "config"));
const started = Date.now();
const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interrupt.abort());

const job = {
  signal: interrupt.signal,
  say(text: string): void {
    process.stderr.write(`cluster: [${String(Math.round((Date.now() - started) / 1000)).padStart(3)} s] ${text}\n`);
  },
};

async function up(): Promise<void> {
  if (other !== undefined) {
    job.say(`using the context ${other.context}: Kubernetes ${await versionOfOther(other)}`);
    return;
  }
  requireRoot();
  const { wasRunning, seconds } = await withLock(layout.lock, job, () => bringUp(layout, repository, job));
  job.say(wasRunning ? `it is already up (looked for ${seconds} s)` : `it is up after ${seconds} s`);
  job.say(`kubeconfig ${layout.kubeconfig}, registry ${ownAccess(layout).registry}, external address ${ownAccess(layout).serviceAddress}`);
}

/** @throws VdiError when the environment does not say all that the tests need, or the cluster does not answer */
async function versionOfOther(access: ClusterAccess): Promise<string> {
  const needed = { VDI_E2E_REGISTRY: access.registry, VDI_E2E_ADDRESS: access.serviceAddress };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === "" ? [name] : []));
  if (missing.length > 0) {
    throw new VdiError({
      what: `VDI_E2E_CONTEXT is set, but not ${missing.join(" and ")}`,
      why: "the tests push images to a registry that the cluster pulls from, and open an external address of it",
      try: `${missing.map((name) => `${name}=…`).join(" ")} npm run cluster -- up`,
      exitCode: ExitCode.usage,
    });
  }
  const { stdout, stderr, failed } = await kubectl(["get", "--raw", "/version"], "pipe", false);
  if (!failed) return (JSON.parse(stdout) as { gitVersion: string }).gitVersion;
  throw new VdiError({
    what: `the cluster of the context ${access.context} does not answer`,
    why: stderr.trim(),
    try: [`kubectl --context ${access.context} get nodes`, "unset VDI_E2E_CONTEXT, to use a cluster on this machine"],
    exitCode: ExitCode.unreachable,
  });
}

async function down(purge: boolean): Promise<void> {
  if (other !== undefined) {
    job.say(`the cluster of the context ${other.context} is not ours: it is left alone`);
    return;
  }
  requireRoot();
  await withLock(layout.lock, job, () => (purge ? purgeCluster(layout) : removeCluster(layout)));
  job.say(
    purge
      ? `it is gone, and its images, programs and logs as well; what Go has cached is left (go clean -cache -modcache)`
      : `it is gone; images, programs and logs are kept in ${layout.state} (--purge removes them)`,
  );
}

async function status(asJson: boolean): Promise<ExitCode> {
  const access = other ?? ownAccess(layout);
  const missing = other === undefined ? await missingParts(layout) : [];
  const absent = missing.length === partNames.length;
  const state = absent ? "down" : missing.length > 0 ? `broken: not running: ${missing.join(", ")}` : await ownOrOtherState();
  if (asJson) process.stdout.write(`${JSON.stringify({ state, ...access }, undefined, 2)}\n`);
  else
    process.stdout.write(
      `${Object.entries({ state, ...access })
        .map(([name, value]) => `${name.padEnd(15)} ${value}\n`)
        .join("")}`,
    );
  return state === "ready" ? ExitCode.ok : ExitCode.checkFailed;
}

async function ownOrOtherState(): Promise<string> {
  if (other === undefined) return nodeState(layout);
  const { failed, stderr } = await kubectl(["get", "--raw", "/readyz"], "pipe", false);
  return failed ? stderr.trim() : "ready";
}

/** Runs kubectl on the cluster. A KUBECONFIG of the caller is not asked: this is about the tests' cluster. */
async function kubectl(
  args: readonly string[],
  stdio: "inherit" | "pipe",
  reject = true,
): Promise<{ stdout: string; stderr: string; failed: boolean; exitCode: number }> {
  const built = await builtKubernetes(layout);
  const access = other ?? ownAccess(layout);
  const chosen = ["--kubeconfig", access.kubeconfig, "--context", access.context, ...args];
  // The program finds out by its name that it is to be kubectl.
  const [program, given] = built === undefined ? ["kubectl", chosen] : ["bash", ["-c", 'exec -a kubectl "$0" "$@"', built, ...chosen]];
  const result = await execa(program, given, { stdio: stdio === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"], reject });
  const bySignal = result.signal === undefined ? 1 : 128 + (constants.signals[result.signal] ?? 0);
  return { stdout: result.stdout ?? "", stderr: result.stderr ?? "", failed: result.failed, exitCode: result.exitCode ?? bySignal };
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new VdiError({
    what: "only root can bring up or remove the test cluster",
    why: "it needs containers, mounts and network rules of its own",
    try: ["sudo -E npm run cluster -- up", "VDI_E2E_CONTEXT=NAME, to use a cluster of your kubeconfig instead"],
    exitCode: ExitCode.usage,
  });
}

async function main(args: readonly string[]): Promise<ExitCode | number> {
  const [command, ...rest] = args;
  const only = (...allowed: string[]): boolean => rest.every((word) => allowed.includes(word));
  if (command === "kubectl") return (await kubectl(rest, "inherit", false)).exitCode;
  if (command === "up" && only()) await up();
  else if (command === "down" && only("--purge")) await down(rest.includes("--purge"));
  else if (command === "status" && only("--json")) return status(rest.includes("--json"));
  else if (command === "--help" || command === "-h" || command === "help") process.stdout.write(usage);
  else {
    process.stderr.write(usage);
    return ExitCode.usage;
  }
  return ExitCode.ok;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const failure = describeFailure(error, interrupt.signal.aborted, styleFor(false));
  process.stderr.write(failure.text);
  process.exitCode = failure.exitCode;
}
