import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { execa } from "execa";
import { clusterLayout } from "../cluster/layout.ts";
import { testDemo, vdi } from "../e2e/support/demo.ts";
import { type Door, doorAt, type SessionEvent } from "../e2e/support/door.ts";
import { type Kubectl, kubectlFor } from "../e2e/support/kubectl.ts";
import type { Demo } from "../start/demo.ts";

/** The light session type: a terminal and nothing else. */
export const lightType = "desktop-failsafe";

/** The deployment that benches work on, and an admin's tools for it. */
export interface Deployment extends Demo {
  readonly ingressNamespace: string;
  /** kubectl itself, for what is timed; `kubectlArgs` choose the cluster. */
  readonly kubectlProgram: string;
  readonly kubectlArgs: readonly string[];
  readonly kubectl: Kubectl;
  /** The proxies by their Service's address. */
  readonly door: Door;
  /** Runs `vdi` in the deployment directory; throws with its words. */
  vdi(...args: string[]): Promise<string>;
  /** Sees to so many demo users (`xpra-user01` and on) with the deployment's password, known to the proxies, and gives their names. */
  users(count: number): Promise<readonly string[]>;
  /** Takes all of them away again but the demo's three. */
  removeUsers(): Promise<void>;
  /** Names of the proxies' pods. */
  proxies(): Promise<readonly string[]>;
  /** Signs in and starts a session, or finds it; throws with the door's words when there is none. */
  login(user: string, display: string): Promise<readonly SessionEvent[]>;
  /** Throws when the nodes have no room for so many sessions: they would wait for it until they are given up. */
  needRoom(sessions: number): Promise<void>;
  /** Ends all sessions and waits until their pods are gone. */
  endSessions(): Promise<void>;
}

const demoUsers = 3;
const knownDeadlineMs = 60_000;

/** Prepares the end-to-end tests' deployment, from whatever is there. */
export async function prepareDeployment(): Promise<Deployment> {
  const demo = await testDemo();
  const ingressNamespace = `ingress-${demo.namespace}`;
  const kubectl = kubectlFor(demo.kubeconfig);
  const door = doorAt(new URL(demo.url).hostname);
  const admin = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await vdi(demo, ...args);
    if (exitCode !== 0) throw new Error(`vdi ${args[0]} ended with ${exitCode}: ${stderr}`);
    return stdout;
  };
  return {
    ...demo,
    ingressNamespace,
    kubectlProgram: process.env["VDI_E2E_CONTEXT"] === undefined ? join(clusterLayout(process.env).programs, "kubectl") : "kubectl",
    kubectlArgs: ["--kubeconfig", demo.kubeconfig, "--context", demo.context],
    kubectl,
    door,
    vdi: admin,
    async users(count) {
      const program = join(import.meta.dirname, "..", "..", "bin", "vdi");
      const args = ["users", "add-demo", "--count", String(Math.max(count, demoUsers)), "--password-stdin", "--context", demo.context];
      await execa(process.execPath, [program, ...args], {
        cwd: demo.directory,
        env: { KUBECONFIG: demo.kubeconfig },
        input: `${demo.password}\n`,
      });
      const names = Array.from({ length: count }, (_, at) => `xpra-user${String(at + 1).padStart(2, "0")}`);
      await untilKnown(kubectl, ingressNamespace, names.at(-1) ?? "");
      return names;
    },
    async removeUsers() {
      const { users } = JSON.parse(await admin("users", "list", "-o", "json")) as { users: { name: string }[] };
      const names = users.map(({ name }) => name).filter((name) => Number(/^xpra-user(\d+)$/.exec(name)?.[1] ?? 0) > demoUsers);
      if (names.length > 0) await admin("users", "remove", ...names, "--context", demo.context);
    },
    proxies: () => proxiesOf(kubectl, ingressNamespace),
    login: (user, display) => login(door, user, demo.password, display),
    async needRoom(sessions) {
      const room = await roomFor(kubectl);
      if (room >= sessions) return;
      throw new Error(`${sessions} sessions are needed, and the nodes have room for ${room}: delete other deployments from the cluster`);
    },
    endSessions: () => kubectl.removeSessions(demo.namespace),
  };
}

/** Signs in at a door and starts a session, or finds it; throws with the door's words when there is none. */
export async function login(door: Door, user: string, password: string, display: string): Promise<readonly SessionEvent[]> {
  const { status, ticket, message } = await door.signIn(user, password);
  if (status !== 200) throw new Error(`${user} could not sign in: ${status} ${message}`);
  const events = await door.start(ticket, display);
  const last = events.at(-1);
  if (last?.event !== "ready") {
    const before = events.at(-2)?.message ?? "";
    throw new Error(`${user} has no session: ${last?.message ?? "the answer broke off"} ${before}`.trim());
  }
  return events;
}

/** What a session asks for by default (XPRA_SESSION_CPU_REQUEST), in thousandths of a processor. */
const sessionRequest = 25;

/** How many sessions the nodes would still take, by the processors that pods have asked for and by the number of pods. */
async function roomFor(kubectl: Kubectl): Promise<number> {
  const { items } = JSON.parse(await kubectl.run("get", "nodes", "-o", "json")) as {
    items: { status: { allocatable: { cpu: string; pods: string } } }[];
  };
  const pods = JSON.parse(await kubectl.run("get", "pods", "-A", "-o", "json")) as { items: V1Pod[] };
  const living = pods.items.filter(({ status }) => status?.phase !== "Succeeded" && status?.phase !== "Failed");
  const asked = living
    .flatMap(({ spec }) => spec?.containers ?? [])
    .reduce((sum, { resources }) => sum + millis(resources?.requests?.["cpu"]), 0);
  const there = items.reduce((sum, { status }) => sum + millis(status.allocatable.cpu), 0);
  const places = items.reduce((sum, { status }) => sum + Number(status.allocatable.pods), 0);
  return Math.max(0, Math.min(Math.floor((there - asked) / sessionRequest), places - living.length));
}

/** `250m` or `2` as thousandths. */
function millis(quantity = "0"): number {
  return quantity.endsWith("m") ? Number(quantity.slice(0, -1)) : Number(quantity) * 1000;
}

async function proxiesOf(kubectl: Kubectl, namespace: string): Promise<readonly string[]> {
  return (await kubectl.pods(namespace, "app=xpra-proxy")).flatMap(({ metadata, status }) =>
    metadata?.deletionTimestamp === undefined && status?.phase === "Running" ? [metadata?.name ?? ""] : [],
  );
}

/** Waits until every proxy knows a user: a changed Secret takes a moment to reach a running pod. */
async function untilKnown(kubectl: Kubectl, namespace: string, user: string): Promise<void> {
  const seconds = knownDeadlineMs / 1_000;
  for (const pod of await proxiesOf(kubectl, namespace)) {
    const command = `n=0; until getent passwd ${user}; do n=$((n+1)); [ $n -gt ${seconds * 5} ] && exit 1; sleep 0.2; done`;
    const { code, output } = await kubectl.shell(namespace, pod, "proxy", command);
    if (code !== 0) throw new Error(`${pod} did not know ${user} within ${seconds} s: ${output}`);
  }
}
