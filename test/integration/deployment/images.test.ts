import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Deployment } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunResult, runVdi } from "../support/run-vdi.ts";
import { makeDeploymentDirectory, writeSettings } from "./deployment-directory.ts";
import { FakeCluster } from "./fake-cluster.ts";

const digest = `sha256:${"a".repeat(64)}`;
let directory = "";
let cluster: FakeCluster;
let registry: http.Server;
let host = "";
let answer: (response: http.ServerResponse) => void;
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "vdi-images-")), "vdi-stp");
  cluster = await FakeCluster.start();
  answer = (response) => void response.writeHead(200, { "docker-content-digest": digest }).end();
  registry = http.createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
  makeDeploymentDirectory(directory, { XPRA_REGISTRY_SRV: host });
});
afterEach(async () => {
  await cluster.stop();
  registry.closeAllConnections();
  await new Promise((resolve) => registry.close(resolve));
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const vdi = (...argv: string[]): Promise<RunResult> =>
  runVdi(argv, { cwd: directory, ports: { connectKube: async () => cluster.transport } });

function proxyImage(): string | undefined {
  const live = cluster.objects.get("/apis/apps/v1/namespaces/ingress-vdi-stp/deployments/xpra-proxy") as unknown as V1Deployment;
  return live.spec?.template.spec?.containers[0]?.image;
}

describe("vdi deploy and the registry", () => {
  it("refuses an image that the registry does not have before it applies anything; a dry run only says so", async () => {
    answer = (response) => void response.writeHead(404).end();
    const versions = cluster.versions();
    const refused = await vdi("deploy");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("2 images of the deployment are not there");
    expect(refused.stderr).toContain(`${host} has no vdi-proxy:latest`);
    expect(refused.stderr).toContain("vdi build-images --push");
    const dry = await vdi("deploy", "--dry-run=server", "-o", "json");
    expect(dry.exitCode).toBe(0);
    expect(JSON.parse(dry.stdout)).toMatchObject({
      warnings: expect.arrayContaining([expect.stringContaining(`${host} has no vdi-proxy:latest`)]),
    });
    expect((await vdi("render")).exitCode).toBe(0);
    expect(cluster.versions()).toEqual(versions);
  });

  it("keeps the digests of the deploy before while the registry cannot be asked, and says so", async () => {
    expect((await vdi("deploy")).exitCode).toBe(0);
    expect(proxyImage()).toBe(`${host}/vdi-proxy@${digest}`);
    const versions = cluster.versions();
    answer = (response) => void response.writeHead(503).end();
    const { exitCode, stdout, progress } = await vdi("deploy");
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("nothing to change") });
    expect(progress).toContain(`${host}/vdi-proxy stays as it was deployed before: ${host}/vdi-proxy@${"a".repeat(12)}`);
    expect(cluster.versions()).toEqual(versions);

    // What a check finds has to be what a deploy would do.
    cluster.put("/version", { metadata: {}, major: "1", minor: "34", gitVersion: "v1.34.4" });
    cluster.posts.set("selfsubjectaccessreviews", () => ({ status: { allowed: true } }));
    const { checks } = JSON.parse((await vdi("check", "-o", "json")).stdout) as {
      checks: { id: string; status: string; problems: string[] }[];
    };
    expect(checks.find(({ id }) => id === "in-step")).toMatchObject({ status: "ok", problems: [] });
    expect(checks.find(({ id }) => id === "image-skew")?.problems).toEqual([]);

    writeSettings(directory, { XPRA_REGISTRY_SRV: host, IMAGE_XPRA_PROXY: `${host}/vdi-proxy:v2` });
    expect((await vdi("deploy")).exitCode).toBe(0);
    expect(proxyImage()).toBe(`${host}/vdi-proxy:v2`);
  });
});
