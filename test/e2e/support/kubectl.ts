import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { execa } from "execa";

const root = join(import.meta.dirname, "..", "..", "..");

/** kubectl on the tests' cluster. */
export interface Kubectl {
  /** Runs kubectl and gives its output; throws with kubectl's own words. */
  run(...args: string[]): Promise<string>;
  /** The pods of a namespace, with a label selector if given. */
  pods(namespace: string, selector?: string): Promise<readonly V1Pod[]>;
  /** What a container has written so far; empty when it is gone. */
  logs(namespace: string, pod: string, container: string): Promise<string>;
}

/** kubectl with a kubeconfig. */
export function kubectlFor(kubeconfig: string): Kubectl {
  const run = async (...args: string[]): Promise<string> => {
    const { stdout } = await execa("npm", ["run", "--silent", "cluster", "--", "kubectl", ...args], {
      cwd: root,
      env: { KUBECONFIG: kubeconfig },
    });
    return stdout;
  };
  return {
    run,
    async pods(namespace, selector) {
      const labels = selector === undefined ? [] : ["-l", selector];
      const list = JSON.parse(await run("get", "pods", "-n", namespace, ...labels, "-o", "json")) as { items: V1Pod[] };
      return list.items;
    },
    async logs(namespace, pod, container) {
      try {
        return await run("logs", "-n", namespace, pod, "-c", container);
      } catch {
        return "";
      }
    },
  };
}
