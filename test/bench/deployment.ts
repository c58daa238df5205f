import { join } from "node:path";
import { execa } from "execa";
import { clusterLayout } from "../cluster/layout.ts";
import { testDemo, vdi } from "../e2e/support/demo.ts";
import type { Demo } from "../start/demo.ts";

/** Session pods of a deployment. */
export const sessionSelector = "app.kubernetes.io/name=vdi-session";
/** Proxy pods of a deployment. */
export const proxySelector = "app=xpra-proxy";

/** The deployment that benches work on, and an admin's tools for it. */
export interface Deployment extends Demo {
  readonly ingressNamespace: string;
  /** kubectl itself, for what is timed. */
  readonly kubectlProgram: string;
  /** Runs kubectl and gives its output; throws with kubectl's own words. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs `vdi` in the deployment directory; throws with its words. */
  vdi(...args: string[]): Promise<string>;
  /** Sees to so many demo users (`xpra-user01` and on) with the deployment's password, and gives their names. The demo has three. */
  users(count: number): Promise<readonly string[]>;
  /** Ends all sessions and waits until their pods are gone. */
  endSessions(): Promise<void>;
}

const demoUsers = 3;

/** Prepares the end-to-end tests' deployment, from whatever is there. */
export async function prepareDeployment(): Promise<Deployment> {
  const demo = await testDemo();
  const kubectlProgram = process.env["VDI_E2E_CONTEXT"] === undefined ? join(clusterLayout(process.env).programs, "kubectl") : "kubectl";
  const kubectl = async (...args: string[]): Promise<string> => {
    const all = ["--kubeconfig", demo.kubeconfig, "--context", demo.context, ...args];
    return (await execa(kubectlProgram, all)).stdout;
  };
  const admin = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await vdi(demo, ...args);
    if (exitCode !== 0) throw new Error(`vdi ${args[0]} ended with ${exitCode}: ${stderr}`);
    return stdout;
  };
  const nameOf = (number: number): string => `xpra-user${String(number).padStart(2, "0")}`;
  return {
    ...demo,
    ingressNamespace: `ingress-${demo.namespace}`,
    kubectlProgram,
    kubectl,
    vdi: admin,
    async users(count) {
      const args = ["users", "add-demo", "--count", String(Math.max(count, demoUsers)), "--password-stdin", "--context", demo.context];
      const program = join(import.meta.dirname, "..", "..", "bin", "vdi");
      await execa(process.execPath, [program, ...args], {
        cwd: demo.directory,
        env: { KUBECONFIG: demo.kubeconfig },
        input: `${demo.password}\n`,
      });
      return Array.from({ length: count }, (_, at) => nameOf(at + 1));
    },
    async endSessions() {
      await kubectl("delete", "pods", "-n", demo.namespace, "-l", sessionSelector, "--wait=true", "--timeout=120s");
    },
  };
}
