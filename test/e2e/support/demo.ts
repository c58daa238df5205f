import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type Demo, prepareDemo } from "../../start/demo.ts";
import { keepOnFailure } from "./artifacts.ts";
import { clusterArtifacts } from "./cluster-artifacts.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** The directory of the tests' own deployment on the cluster. */
export function testDirectory(): string {
  return process.env["VDI_E2E_DIRECTORY"] ?? join(homedir(), "vdi-e2e");
}

/**
 * The deployment that the end-to-end tests work on, with two proxies. It stands beside the one of `npm start` on the same
 * cluster. Every test file asks for it; only the first one has to wait. VDI_E2E_DIRECTORY and VDI_E2E_ADDRESS (of 10.246.0.0/24)
 * choose another one, so that two checkouts can be tested on one machine.
 */
export async function testDemo(): Promise<Demo> {
  const started = Date.now();
  const demo = await prepareDemo({
    root,
    directory: testDirectory(),
    address: process.env["VDI_E2E_ADDRESS"] ?? "10.246.0.11",
    // Short, for the tests of clients that are gone without a word; longer than a client's kernel may wait after half a minute without
    // a network.
    settings: { REPLICAS: "2", XPRA_PING_TIMEOUT: "75" },
    isBuilt: process.env["VDI_E2E_SETUP"] === "done",
    say: (text) => process.stderr.write(`[${Math.round((Date.now() - started) / 1000)} s] ${text}\n`),
  });
  keepOnFailure(clusterArtifacts(demo));
  return demo;
}

/** What a command printed, and its exit code. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs `vdi` as an admin in the deployment directory does; gives what it printed and its exit code, whatever that is. */
export function vdi(demo: Demo, ...args: string[]): Promise<Outcome> {
  return vdiWith({}, demo, ...args);
}

/** The same with variables in the environment, which go before those of the deployment directory. */
export async function vdiWith(variables: Readonly<Record<string, string>>, demo: Demo, ...args: string[]): Promise<Outcome> {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [join(root, "bin", "vdi"), ...args], {
    cwd: demo.directory,
    env: { ...variables, KUBECONFIG: demo.kubeconfig },
    reject: false,
  });
  return { stdout, stderr, exitCode: exitCode ?? -1 };
}
