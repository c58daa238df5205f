import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sessionPod } from "../../src/manifests/session-pod.ts";
import { type BrokerConfig, parseBrokerConfig } from "../../src/session/broker-config.ts";
import type { Demo } from "../start/demo.ts";
import { testDemo } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

let demo: Demo;
let kubectl: Kubectl;
let broker: string;
let settings: BrokerConfig;
let directory: string;
beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  broker = `system:serviceaccount:ingress-${demo.namespace}:xpra-proxy-broker`;
  const text = await kubectl.run(
    "-n",
    `ingress-${demo.namespace}`,
    "get",
    "configmap",
    "xpra-proxy-broker",
    "-o",
    "jsonpath={.data.broker\\.json}",
  );
  settings = parseBrokerConfig(text, "broker.json");
  directory = mkdtempSync(join(tmpdir(), "vdi-broker-access-"));
}, 2_400_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("what the broker may do", () => {
  // Asked with a dry run: the API server decides as it would, and keeps nothing.
  const create = async (change: (pod: Pod) => void): Promise<string> => {
    const pod = sessionPod(settings, {
      name: "allow-list-test",
      user: { name: "alice", uid: 20099, gid: 20099, home: "/home/alice", shell: "/bin/bash", gecos: "", groups: [] },
      type: "desktop",
      display: "desktop",
      script: "default/xpra_startup_desktop.sh",
      image: settings.images["default"] ?? "",
      secret: "abc",
    }) as Pod;
    change(pod);
    const file = join(directory, "pod.json");
    writeFileSync(file, JSON.stringify(pod));
    return kubectl.run("create", "-f", file, "--as", broker, "--dry-run=server", "-o", "name").catch((thrown: unknown) => String(thrown));
  };

  it("makes a session's pod", async () => {
    expect(await create(() => {})).toContain("pod/allow-list-test");
  });

  const volume = (source: object) => (pod: Pod) => void pod.spec.volumes.push({ name: "more", ...source });
  const container = (more: object) => (pod: Pod) => void Object.assign(pod.spec.containers[0] ?? {}, more);
  const security = (more: object) => (pod: Pod) => void Object.assign(pod.spec.containers[0]?.securityContext ?? {}, more);

  it.each<[string, (pod: Pod) => void]>([
    ["another image", container({ image: "busybox" })],
    ["another program", container({ command: ["sh"] })],
    ["a chosen node", (pod) => void Object.assign(pod.spec, { nodeName: "somewhere" })],
    ["the node's network", (pod) => void Object.assign(pod.spec, { hostNetwork: true })],
    ["a foreign toleration", (pod) => void Object.assign(pod.spec, { tolerations: [{ operator: "Exists" }] })],
    ["a Secret as volume", volume({ secret: { secretName: "x" } })],
    ["a Secret in a projected volume", volume({ projected: { sources: [{ secret: { name: "x" } }] } })],
    ["a token", volume({ projected: { sources: [{ serviceAccountToken: { path: "x" } }] } })],
    ["a foreign ConfigMap", volume({ configMap: { name: "x" } })],
    ["a foreign claim", volume({ persistentVolumeClaim: { claimName: "x" } })],
    ["a host directory", volume({ hostPath: { path: "/" } })],
    [
      "a Secret as variable",
      (pod) => void pod.spec.containers[0]?.env?.push({ name: "X", valueFrom: { secretKeyRef: { name: "x", key: "y" } } }),
    ],
    ["another service account", (pod) => void Object.assign(pod.spec, { serviceAccountName: "default" })],
    ["a mounted token", (pod) => void Object.assign(pod.spec, { automountServiceAccountToken: true })],
    ["a system's uid", (pod) => void Object.assign(pod.spec.securityContext ?? {}, { runAsUser: 999 })],
    ["group 0", (pod) => void Object.assign(pod.spec.securityContext ?? {}, { supplementalGroups: [0] })],
    ["another uid for the container", security({ runAsUser: 1 })],
    ["a writable root", security({ readOnlyRootFilesystem: false })],
    ["a capability", security({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } })],
  ])("refuses %s", async (_, change) => {
    expect(await create(change)).toMatch(/forbidden/i);
  });

  it.each([
    ["get", "secrets"],
    ["create", "pods/exec"],
    ["patch", "pods"],
    ["create", "configmaps"],
    ["get", "nodes"],
  ])("may not %s %s", async (verb, resource) => {
    const [name = "", sub] = resource.split("/");
    const answer = await kubectl
      .run("auth", "can-i", verb, name, ...(sub === undefined ? [] : [`--subresource=${sub}`]), "-n", demo.namespace, "--as", broker)
      .catch((thrown: unknown) => String((thrown as { stdout?: unknown }).stdout ?? thrown));
    expect(answer).toContain("no");
  });
});

/** The parts of a pod that a test changes, which are all there. */
type Pod = V1Pod & { spec: NonNullable<V1Pod["spec"]> & { volumes: NonNullable<NonNullable<V1Pod["spec"]>["volumes"]> } };
