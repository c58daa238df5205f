import type { V1Pod } from "@kubernetes/client-node";
import { execa } from "execa";
import { sessionSelector } from "../../../src/manifests/labels.ts";
import { builtKubernetes } from "../../cluster/binaries.ts";
import { clusterLayout } from "../../cluster/layout.ts";

/** kubectl on the tests' cluster. */
export interface Kubectl {
  /** Runs kubectl and gives its output; throws with kubectl's own words, and after two minutes with what it has said until then. */
  run(...args: string[]): Promise<string>;
  /** The same with an object, or text, on its standard input. */
  pipe(input: string | object, ...args: string[]): Promise<string>;
  /** Runs a shell command in a pod's container and gives what it prints on both streams, and its exit code. */
  shell(namespace: string, pod: string, container: string, command: string): Promise<ShellOutcome>;
  /** The pods of a namespace, with a label selector if given. */
  pods(namespace: string, selector?: string): Promise<readonly V1Pod[]>;
  /** What a container has written so far; empty when it is gone. */
  logs(namespace: string, pod: string, container: string): Promise<string>;
  /** The session pods of a namespace, ending ones included. */
  sessionPods(namespace: string): Promise<readonly V1Pod[]>;
  /** Removes all sessions of a namespace and waits until their pods are gone. */
  removeSessions(namespace: string): Promise<void>;
}

/** How a command in a container ended. */
export interface ShellOutcome {
  readonly code: number;
  readonly output: string;
}

const callDeadlineMs = 120_000;

/** kubectl with a kubeconfig; VDI_E2E_CONTEXT chooses another context than its current one. */
export function kubectlFor(kubeconfig: string): Kubectl {
  // Straight to the program: a shell and two Nodes in between would take half a second each time.
  const built = builtKubernetes(clusterLayout(process.env));
  const context = process.env["VDI_E2E_CONTEXT"];
  const chosen = ["--kubeconfig", kubeconfig, ...(context === undefined || context === "" ? [] : ["--context", context])];
  const call = async (args: readonly string[], more: { input?: string; all?: true; reject?: false } = {}) => {
    // The one program of our cluster finds out by its name that it is to be kubectl.
    return execa((await built) ?? "kubectl", [...chosen, ...args], { argv0: "kubectl", timeout: callDeadlineMs, ...more });
  };
  const run = async (...args: string[]): Promise<string> => String((await call(args)).stdout);
  const pods = async (namespace: string, selector?: string): Promise<readonly V1Pod[]> => {
    const labels = selector === undefined ? [] : ["-l", selector];
    return (JSON.parse(await run("get", "pods", "-n", namespace, ...labels, "-o", "json")) as { items: V1Pod[] }).items;
  };
  return {
    run,
    async pipe(input, ...args) {
      return String((await call(args, { input: typeof input === "string" ? input : JSON.stringify(input) })).stdout);
    },
    async shell(namespace, pod, container, command) {
      const ended = await call(["exec", "-n", namespace, pod, "-c", container, "--", "sh", "-c", command], { all: true, reject: false });
      if (ended.timedOut) throw new Error(`${command} in ${pod} did not end within ${callDeadlineMs / 1000} s; it said: ${ended.all}`);
      return { code: ended.exitCode ?? -1, output: String(ended.all) };
    },
    pods,
    async logs(namespace, pod, container) {
      try {
        return await run("logs", "-n", namespace, pod, "-c", container);
      } catch {
        return "";
      }
    },
    sessionPods: (namespace) => pods(namespace, sessionSelector),
    async removeSessions(namespace) {
      await run("delete", "pods", "-n", namespace, "-l", sessionSelector, "--wait=true", "--timeout=110s");
    },
  };
}
