import { afterAll, beforeAll, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";
import { eventually } from "./support/wait.ts";

let demo: Demo;
let kubectl: Kubectl;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
}, 2_400_000);

const group = "delete-test.example.org";
const lamps = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `lamps.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "lamps", singular: "lamp", kind: "Lamp" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

afterAll(async () => {
  await kubectl.run("delete", "customresourcedefinition", lamps.metadata.name, "--ignore-not-found");
  await kubectl.run("delete", "namespace", demo.namespace, "--ignore-not-found");
  // A delete that failed half-way is run to its end, so that the next files find a deployment.
  await vdi(demo, "delete", "--yes");
  expect(await vdi(demo, "deploy")).toMatchObject({ exitCode: 0 });
});

interface Namespace {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
}

it("vdi delete leaves a namespace that was there before, and one with an object of an added kind, and nothing of its own", async () => {
  await vdi(demo, "delete", "--yes");
  const sessions = { apiVersion: "v1", kind: "Namespace", metadata: { name: demo.namespace, labels: { team: "desktops" } } };
  await kubectl.pipe(sessions, "create", "-f", "-");
  await kubectl.pipe(lamps, "create", "-f", "-");
  // kubectl wait fails on a definition that has no conditions yet.
  await eventually(
    "the added kind is known",
    async () =>
      JSON.parse(await kubectl.run("get", "customresourcedefinition", lamps.metadata.name, "-o", "json")).status?.conditions ?? [],
    (conditions: readonly { readonly type: string; readonly status: string }[]) =>
      conditions.some(({ type, status }) => type === "Established" && status === "True"),
  );
  const deployed = await vdi(demo, "deploy");
  expect(deployed, deployed.stderr).toMatchObject({ exitCode: 0 });
  // The mark stays where another field manager has set it.
  expect((await vdi(demo, "deploy")).stdout).toContain("nothing to change");
  const lamp = { apiVersion: `${group}/v1`, kind: "Lamp", metadata: { name: "hall", namespace: `ingress-${demo.namespace}` } };
  await kubectl.pipe(lamp, "create", "-f", "-");

  const deleted = await vdi(demo, "delete", "--yes");
  expect(deleted, deleted.stderr).toMatchObject({ exitCode: 0 });
  expect(deleted.stdout).toContain(`kept namespace/${demo.namespace}: somebody made it before the first deploy`);
  expect(deleted.stdout).toContain(`kept namespace/ingress-${demo.namespace}: holds lamp/hall`);
  const { metadata } = JSON.parse(await kubectl.run("get", "namespace", demo.namespace, "-o", "json")) as Namespace;
  expect(metadata.labels["team"]).toBe("desktops");
  expect(Object.keys(metadata.annotations ?? {}).filter((name) => name.startsWith("vdi."))).toEqual([]);
  const ours = ["-l", `app.kubernetes.io/managed-by=vdi,app.kubernetes.io/part-of=${demo.namespace}`, "-o", "name"];
  const kinds = "configmaps,secrets,services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,deployments";
  expect(await kubectl.run("get", kinds, "-A", ...ours)).toBe("");
}, 300_000);
