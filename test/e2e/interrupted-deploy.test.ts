import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

let demo: Demo;
let kubectl: Kubectl;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
}, 2_400_000);

const launcher = join(import.meta.dirname, "..", "..", "bin", "vdi");

const kinds = [
  "configmaps,secrets,services,serviceaccounts,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io",
  "networkpolicies.networking.k8s.io,poddisruptionbudgets.policy,deployments.apps",
].join(",");

interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly managedFields?: unknown };
  readonly status?: unknown;
}

/** What tells an object from a changed one. The control plane writes down how the proxies are in the objects that have a status. */
function versionOf(object: Stored): string {
  if (object.status === undefined) return object.metadata.resourceVersion;
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata, status: undefined });
}

/** The version of every object of the deployment, less what the control plane itself keeps up to date. */
async function versions(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const namespace of [demo.namespace, `ingress-${demo.namespace}`]) {
    const list = JSON.parse(await kubectl.run("get", kinds, "-n", namespace, "-o", "json")) as { items: Stored[] };
    for (const object of list.items) found[`${namespace}/${object.kind}/${object.metadata.name}`] = versionOf(object);
  }
  return found;
}

/** Which objects there are and what is in them, without what differs from run to run. */
async function objects(): Promise<readonly string[]> {
  return Object.keys(await versions()).sort();
}

/** A digest of every file of the deployment directory, by path. */
function fileDigests(directory: string): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const file = join(directory, entry);
    if (statSync(file).isFile()) digests[entry] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return digests;
}

describe("vdi deploy", () => {
  it("changes nothing the second time and says so", async () => {
    const first = await vdi(demo, "deploy");
    expect(first, first.stderr).toMatchObject({ exitCode: 0 });
    const before = await versions();
    const files = fileDigests(demo.directory);
    const second = await vdi(demo, "deploy");
    expect(second, second.stderr).toMatchObject({ exitCode: 0 });
    expect(await versions()).toEqual(before);
    expect(fileDigests(demo.directory)).toEqual(files);
    expect(second.stdout).toMatch(/nothing (to change|changed)|unchanged/i);
  });

  it("ends as an uninterrupted one after ten interruptions at different moments", async () => {
    const whole = await objects();
    const files = Object.keys(fileDigests(demo.directory)).sort();
    // From nothing each time, so that there is something to interrupt.
    await vdi(demo, "delete", "--yes");
    for (let round = 1; round <= 10; round += 1) {
      const running = execa(process.execPath, [launcher, "deploy"], {
        cwd: demo.directory,
        env: { KUBECONFIG: demo.kubeconfig },
        reject: false,
      });
      const afterMs = Math.round(50 + Math.random() * 4_000);
      const timer = setTimeout(() => running.kill("SIGINT"), afterMs);
      const { exitCode, signal, stderr } = await running;
      clearTimeout(timer);
      // Before Node runs our code, the signal ends the process by itself; a shell calls that 130 too.
      expect([0, 130], `round ${round}, interrupted after ${afterMs} ms: ${stderr}`).toContain(signal === "SIGINT" ? 130 : exitCode);
    }
    const last = await vdi(demo, "deploy");
    expect(last, last.stderr).toMatchObject({ exitCode: 0 });
    expect(await objects()).toEqual(whole);
    expect(Object.keys(fileDigests(demo.directory)).sort()).toEqual(files);
  }, 300_000);
});
