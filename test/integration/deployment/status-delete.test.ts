import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { runVdi } from "../support/run-vdi.ts";
import { deploymentRig, filesOf } from "./deployment-rig.ts";
import type { FakeCluster } from "./fake-cluster.ts";

const { makeDirectory, vdi, ...rig } = deploymentRig();
let cluster: FakeCluster;
beforeEach(() => {
  cluster = rig.cluster();
});

describe("vdi status, delete, render", () => {
  it("tells of own files and of those of another version beside each other", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    writeFileSync(join(directory, "to_container/bin/own"), "#!/bin/sh\n");
    // As laid out by a version that had no such program yet.
    rmSync(join(directory, "to_container/bin/start-browser"));
    writeFileSync(join(directory, "protected/distribution.json"), JSON.stringify({ version: 1, vdi: "0.0.1", files: {} }));
    const { stdout } = await vdi(directory, ["status"]);
    expect(stdout).toMatch(/bin\/own +added +goes to every session/);
    expect(stdout).toMatch(/\d+ files? of to_container (is|are) of another version of vdi/);
  });

  it("tells how it is, and takes it away again", async () => {
    const directory = makeDirectory("vdi-stp");
    expect((await vdi(directory, ["status"])).exitCode).toBe(3);
    const empty = cluster.snapshot();
    await vdi(directory, ["deploy"]);
    const status = await vdi(directory, ["status"]);
    expect(status.exitCode).toBe(0);
    expect(status.stdout).toContain("1 of 1 proxies ready");
    expect(status.stdout).toContain("192.0.2.10");
    const unanswered = await vdi(directory, ["delete"]);
    expect(unanswered.exitCode).toBe(2);
    expect(unanswered.stderr).toContain("--yes");
    expect((await vdi(directory, ["delete"], { answer: false })).exitCode).toBe(1);
    const files = filesOf(directory);
    expect((await vdi(directory, ["delete", "--yes"])).exitCode).toBe(0);
    expect(cluster.snapshot()).toEqual({
      ...empty,
      "/api/v1/nodes/node1": { ...(empty["/api/v1/nodes/node1"] as object), metadata: { name: "node1", labels: {} } },
    });
    expect(filesOf(directory)).toEqual(files);
    expect((await vdi(directory, ["delete", "--yes"])).stdout).toContain("nothing to delete");
  });

  it("keeps a namespace that holds a claim", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    const claim = "/api/v1/namespaces/vdi-stp/persistentvolumeclaims/homes";
    cluster.put(claim, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: "homes",
        namespace: "vdi-stp",
        labels: { "app.kubernetes.io/managed-by": "vdi", "app.kubernetes.io/part-of": "vdi-stp" },
      },
    });
    const result = await vdi(directory, ["delete", "--yes"]);
    expect(result.stdout).toContain("kept namespace/vdi-stp: holds persistentvolumeclaim/homes");
    expect(cluster.objects.has(claim)).toBe(true);
  });

  it("keeps a namespace that holds what a site made, whatever it is", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    const metadata = { name: "site", namespace: "vdi-stp" };
    cluster.put("/api/v1/namespaces/vdi-stp/resourcequotas/site", { apiVersion: "v1", kind: "ResourceQuota", metadata });
    cluster.put("/apis/batch/v1/namespaces/vdi-stp/cronjobs/site", { apiVersion: "batch/v1", kind: "CronJob", metadata });
    const result = await vdi(directory, ["delete", "--yes"]);
    expect(result.stdout).toContain("kept namespace/vdi-stp: holds resourcequota/site, cronjob/site");
    expect(cluster.objects.has("/api/v1/namespaces/vdi-stp")).toBe(true);
  });

  it("renders without a cluster and without writing", async () => {
    const directory = makeDirectory("vdi-stp");
    const before = filesOf(directory);
    const result = await runVdi(["render", "-o", "json"], { cwd: directory });
    expect(result.exitCode).toBe(0);
    expect((JSON.parse(result.stdout) as { kind: string }[]).some(({ kind }) => kind === "Deployment")).toBe(true);
    expect(filesOf(directory)).toEqual(before);
  });
});
