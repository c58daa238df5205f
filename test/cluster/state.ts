import { join } from "node:path";
import { execa } from "execa";
import { clusterName, type Layout, type PartName, partNames } from "./layout.ts";
import { ownProcesses } from "./processes.ts";

/** The parts of the cluster that do not run. */
export async function missingParts(layout: Layout): Promise<readonly PartName[]> {
  const running = new Set((await ownProcesses(layout)).map(({ name }) => name));
  return partNames.filter((name) => !running.has(name));
}

/** "ready", or what is in the way in words. */
export async function nodeState(layout: Layout): Promise<string> {
  const query = `{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`;
  const args = ["--kubeconfig", layout.kubeconfig, "--request-timeout=5s", "get", "node", clusterName, "-o", `jsonpath=${query}`];
  const { stdout, stderr, failed, shortMessage } = await execa(join(layout.programs, "kubectl"), args, { reject: false });
  if (failed) return stderr.trim().split("\n").at(-1) || (shortMessage ?? "kubectl failed");
  return stdout.startsWith("True ") ? "ready" : `the node is not ready: ${stdout}`;
}
