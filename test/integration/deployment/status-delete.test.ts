import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { runVdi } from "../support/run-vdi.ts";
import { deploymentRig, filesOf } from "./deployment-rig.ts";
import { type FakeCluster, Refused } from "./fake-cluster.ts";

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

  it("leaves a namespace that somebody prepared, free for another directory", async () => {
    const path = "/api/v1/namespaces/vdi-stp";
    cluster.put(path, { apiVersion: "v1", kind: "Namespace", metadata: { name: "vdi-stp", labels: { team: "desktops" } } });
    // As the API server does: what somebody else has set stays.
    cluster.onPatch = (at, body) => {
      const { labels, annotations } = cluster.objects.get(at)?.metadata ?? {};
      const metadata = {
        ...body.metadata,
        labels: { ...labels, ...body.metadata.labels },
        annotations: { ...annotations, ...body.metadata.annotations },
      };
      return { ...body, metadata };
    };
    expect((await vdi(makeDirectory("vdi-stp"), ["deploy"])).exitCode).toBe(0);
    const again = await vdi(makeDirectory("vdi-stp"), ["deploy"]);
    expect(again.stdout).toContain("nothing to change");
    const { exitCode, stdout } = await vdi(makeDirectory("vdi-stp"), ["delete", "--yes"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("kept namespace/vdi-stp: somebody made it before the first deploy");
    expect(cluster.objects.get(path)?.metadata).toMatchObject({ labels: { team: "desktops" } });
    expect(Object.keys(cluster.objects.get(path)?.metadata.annotations ?? {})).not.toContain("vdi.xpra.org/directory");
    expect(cluster.objects.has("/api/v1/namespaces/ingress-vdi-stp")).toBe(false);
    expect([...cluster.objects.keys()].filter((each) => each.startsWith(`${path}/`))).toEqual([]);
    expect((await vdi(makeDirectory("vdi-stp"), ["delete", "--yes"])).stdout).toContain("namespace/vdi-stp: vdi did not make it");
    expect((await vdi(makeDirectory("other", { NAMESPACE: "vdi-stp" }), ["deploy"])).exitCode).toBe(0);
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

  it("keeps a namespace that holds an object of a kind that the site added, or that may", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    for (const singular of ["lamp", "broken"]) {
      cluster.put(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${singular}s.example.org`, {
        metadata: { name: `${singular}s.example.org` },
        spec: {
          group: "example.org",
          scope: "Namespaced",
          names: { plural: `${singular}s`, singular },
          versions: [
            { name: "v1alpha1", served: false },
            { name: "v1", served: true },
          ],
        },
      });
    }
    const metadata = { name: "hall", namespace: "vdi-stp" };
    cluster.put("/apis/example.org/v1/namespaces/vdi-stp/lamps/hall", { apiVersion: "example.org/v1", kind: "Lamp", metadata });
    cluster.onRequest = ({ path }) => {
      if (path.endsWith("/brokens")) throw new Refused(500, "conversion webhook failed");
    };
    const { stdout } = await vdi(directory, ["delete", "--yes"]);
    expect(stdout).toContain("kept namespace/vdi-stp: holds lamp/hall, brokens.example.org, which cannot be read now");
    expect(cluster.objects.has("/api/v1/namespaces/vdi-stp")).toBe(true);
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
