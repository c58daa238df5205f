import { chmodSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { proxySelector } from "../../../src/manifests/deployment-names.ts";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";
import { writeSettings } from "./deployment-directory.ts";
import { deploymentRig } from "./deployment-rig.ts";
import { FakeCluster, Refused } from "./fake-cluster.ts";

const rig = deploymentRig();
let cluster: FakeCluster;
beforeEach(() => {
  cluster = rig.cluster();
});

const policyPath = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/vdi-vdi-stp-sessions";
const brokerPath = "/api/v1/namespaces/ingress-vdi-stp/configmaps/xpra-proxy-broker";
const proxyPath = "/api/v1/namespaces/ingress-vdi-stp/pods/xpra-proxy-1";
const accountPath = "/api/v1/namespaces/vdi-stp/serviceaccounts/vdi-session";
const binPath = "/api/v1/namespaces/vdi-stp/configmaps/xpra-proxy-bin";
const [oldImage, newImage] = ["registry.test/old", "registry.test/new"];

function makeDirectory(name = "vdi-stp"): string {
  return rig.makeDirectory(name, { IMAGE_DEFAULT: oldImage });
}

function deploy(directory: string, on = cluster, options: RunOptions = {}): Promise<RunResult> {
  return runVdi(["deploy"], { cwd: directory, ports: { connectKube: async () => on.transport }, ...options });
}

function putProxy(on = cluster): void {
  const metadata = { name: "xpra-proxy-1", namespace: "ingress-vdi-stp", labels: proxySelector({ deployName: "xpra-proxy" }) };
  on.put(proxyPath, { apiVersion: "v1", kind: "Pod", metadata });
}

function policyText(on = cluster): string {
  return JSON.stringify(on.objects.get(policyPath)?.["spec"]);
}

const markOf = (on = cluster): string | undefined => on.objects.get(proxyPath)?.metadata.annotations?.["vdi.xpra.org/refreshed"];

describe("vdi deploy with another session image", () => {
  it("lets the brokers make sessions of both until they have been told, and of the new one alone in the end", async () => {
    const directory = makeDirectory();
    await deploy(directory);
    putProxy();
    writeSettings(directory, { IMAGE_DEFAULT: newImage });
    const steps: string[] = [];
    cluster.onRequest = ({ method, path }) => {
      if (method !== "PATCH") return;
      // What the policy says before this request is carried out.
      const allowed = [oldImage, newImage].filter((image) => policyText().includes(image));
      if (path === brokerPath || path === proxyPath || path === policyPath) steps.push(`${path.split("/").at(-1)}: ${allowed}`);
    };
    const result = await deploy(directory);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    const both = `${oldImage},${newImage}`;
    expect(steps).toEqual([
      `vdi-vdi-stp-sessions: ${oldImage}`,
      `xpra-proxy-broker: ${both}`,
      `xpra-proxy-1: ${both}`,
      `vdi-vdi-stp-sessions: ${both}`,
    ]);
    expect(policyText()).not.toContain(oldImage);
    expect(policyText()).not.toContain("variables");
    expect(result.stdout.match(/changed validatingadmissionpolicy\/vdi-vdi-stp-sessions/g)).toHaveLength(1);
    cluster.onRequest = () => {};
    const versions = cluster.versions();
    expect((await deploy(directory)).stdout).toContain("nothing to change");
    expect(cluster.versions()).toEqual(versions);
  });

  it("ends as undisturbed when it is interrupted anywhere and run again: the proxies told, the policy narrow", async () => {
    const reference = makeDirectory();
    const prepare = async (directory: string, on: FakeCluster): Promise<number> => {
      await deploy(directory, on);
      putProxy(on);
      writeSettings(directory, { IMAGE_DEFAULT: newImage });
      return on.seen.length;
    };
    const before = await prepare(reference, cluster);
    await deploy(reference);
    const wanted = cluster.snapshot();
    const writes = cluster.seen.flatMap(({ method, path }, at) => (at >= before && method !== "GET" ? [{ at: at - before, path }] : []));
    // Around what matters: each at the request itself, and at the next one.
    const points = writes.filter(({ path }) => [policyPath, brokerPath, proxyPath].includes(path)).flatMap(({ at }) => [at + 1, at + 2]);
    expect(points).toHaveLength(8);
    await Promise.all(
      points.map(async (point) => {
        const other = await FakeCluster.start();
        const directory = makeDirectory(join(`run-${point}`, "vdi-stp"));
        // The same certificate and key, so that the objects can be equal.
        for (const part of ["ssl", "protected"])
          cpSync(join(reference, part), join(directory, part), { recursive: true, preserveTimestamps: true });
        chmodSync(join(directory, "protected"), 0o700);
        const begun = await prepare(directory, other);
        const stop = new AbortController();
        other.onRequest = () => {
          if (other.seen.length === begun + point) stop.abort();
        };
        await deploy(directory, other, { signal: stop.signal });
        other.onRequest = () => {};
        expect((await deploy(directory, other)).exitCode).toBe(0);
        const found = JSON.parse(JSON.stringify(other.snapshot()).replaceAll(directory, reference)) as Record<string, unknown>;
        // The mark names versions, which no two runs share.
        expect({ ...found, [proxyPath]: wanted[proxyPath] }, `interrupted at request ${point}`).toEqual(wanted);
        const { metadata } = other.objects.get(brokerPath) ?? {};
        expect(markOf(other), `interrupted at request ${point}`).toMatch(new RegExp(`^${metadata?.resourceVersion}-`));
        await other.stop();
      }),
    );
  }, 180_000);

  it("tells the proxies of what an interrupted deploy had changed, also where the policy stays", async () => {
    const directory = makeDirectory();
    await deploy(directory);
    putProxy();
    await deploy(directory);
    const told = markOf();
    expect(told).toBeDefined();
    writeSettings(directory, { IMAGE_DEFAULT: oldImage, XPRA_SCREEN: "1920x1080" });
    cluster.onRequest = ({ method, path }) => {
      if (method === "PATCH" && path === proxyPath) throw new Refused(500, "away");
    };
    expect((await deploy(directory)).exitCode).not.toBe(0);
    cluster.onRequest = () => {};
    expect(markOf()).toBe(told);
    expect((await deploy(directory)).exitCode).toBe(0);
    expect(markOf()).not.toBe(told);
  });
});

describe("vdi deploy with another PORT", () => {
  const networkPath = "/apis/networking.k8s.io/v1/namespaces/vdi-stp/networkpolicies/sessions";
  const ports = (): unknown => {
    const spec = cluster.objects.get(networkPath)?.["spec"] as { ingress: { ports: { port: number }[] }[] } | undefined;
    return spec?.ingress[0]?.ports.map(({ port }) => port);
  };
  const podPath = "/api/v1/namespaces/vdi-stp/pods/alice-desktop";
  const session = (): void => {
    const metadata = { name: "alice-desktop", namespace: "vdi-stp", labels: sessionLabels("vdi-stp", "desktop") };
    const spec = { containers: [{ name: "session", ports: [{ containerPort: 14500 }] }] };
    cluster.put(podPath, { apiVersion: "v1", kind: "Pod", metadata, spec, status: { phase: "Running" } });
  };

  it("lets proxies reach the sessions of before while they live, also one that started meanwhile, and no longer", async () => {
    const directory = makeDirectory();
    await deploy(directory);
    putProxy();
    expect(ports()).toEqual([14500]);
    writeSettings(directory, { IMAGE_DEFAULT: oldImage, PORT: "14600" });
    const steps: unknown[] = [];
    cluster.onRequest = ({ method, path }) => {
      if (method !== "PATCH" || path !== brokerPath) return;
      steps.push(ports());
      session();
    };
    expect(await deploy(directory)).toMatchObject({ exitCode: 0, stderr: "" });
    cluster.onRequest = () => {};
    expect(steps).toEqual([[14500, 14600]]);
    expect(ports()).toEqual([14500, 14600]);
    expect((await deploy(directory)).stdout).toContain("nothing to change");
    cluster.objects.delete(podPath);
    await deploy(directory);
    expect(ports()).toEqual([14600]);
  });

  it("lets in the new one alone where nobody has a session", async () => {
    const directory = makeDirectory();
    await deploy(directory);
    writeSettings(directory, { IMAGE_DEFAULT: oldImage, PORT: "14600" });
    await deploy(directory);
    expect(ports()).toEqual([14600]);
  });
});

describe("vdi deploy without a ConfigMap that sessions mount", () => {
  const session = (phase: string): void => {
    const path = "/api/v1/namespaces/vdi-stp/pods/alice-desktop";
    const metadata = { name: "alice-desktop", namespace: "vdi-stp", labels: sessionLabels("vdi-stp", "desktop") };
    const volumes = [{ name: "dir-bin", projected: { sources: [{ configMap: { name: "xpra-proxy-bin" } }] } }];
    cluster.put(path, { apiVersion: "v1", kind: "Pod", metadata, spec: { volumes, containers: [] }, status: { phase } });
  };

  it("keeps it while a session has not ended, says so, and removes it later", async () => {
    const directory = makeDirectory();
    writeFileSync(join(directory, "to_container/bin/own"), "#!/bin/sh\n");
    await deploy(directory);
    session("Pending");
    rmSync(join(directory, "to_container/bin"), { recursive: true });
    const kept = await deploy(directory);
    expect(kept).toMatchObject({ exitCode: 0, stderr: "" });
    expect(kept.progress).toContain("configmap/xpra-proxy-bin stays while sessions use it: a later vdi deploy removes it");
    expect(cluster.objects.has(binPath)).toBe(true);
    cluster.objects.delete("/api/v1/namespaces/vdi-stp/pods/alice-desktop");
    session("Succeeded");
    expect((await deploy(directory)).stdout).toContain("removed configmap/xpra-proxy-bin");
    expect(cluster.objects.has(binPath)).toBe(false);
  });
});

describe("vdi deploy on a cluster that adds to every pod", () => {
  it("takes up a default class, and a pull secret that comes while it waits", async () => {
    const directory = makeDirectory();
    cluster.put("/apis/scheduling.k8s.io/v1/priorityclasses/usual", {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name: "usual" },
      value: 0,
      globalDefault: true,
    });
    // As OpenShift does for a new service account.
    cluster.onRequest = ({ method, path }) => {
      const account = cluster.objects.get(accountPath);
      if (method === "PATCH" && path.endsWith("/deployments/xpra-proxy") && account !== undefined)
        cluster.put(accountPath, { ...account, imagePullSecrets: [{ name: "dockercfg-x2" }] });
    };
    expect(await deploy(directory)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(policyText()).toContain('object.spec.priorityClassName in [\\"\\", \\"usual\\"]');
    expect(policyText()).toContain('s.name in [\\"dockercfg-x2\\"]');
    expect(policyText()).not.toContain("variables");
  });

  it("goes on where it may not read the classes", async () => {
    cluster.onRequest = ({ path }) => {
      if (path.includes("/priorityclasses")) throw new Refused(403, "priorityclasses is forbidden", "Forbidden");
    };
    expect(await deploy(makeDirectory())).toMatchObject({ exitCode: 0, stderr: "" });
    expect(policyText()).toContain('object.spec.priorityClassName in [\\"\\"]');
  });
});
