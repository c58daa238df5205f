import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { runVdi } from "../support/run-vdi.ts";
import { deploymentRig, filesOf } from "./deployment-rig.ts";
import { type FakeCluster, Refused, type SeenRequest } from "./fake-cluster.ts";

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

  describe("where somebody prepared a namespace", () => {
    const path = "/api/v1/namespaces/vdi-stp";
    const ingress = "/api/v1/namespaces/ingress-vdi-stp";
    const annotations = () => Object.keys(cluster.objects.get(path)?.metadata.annotations ?? {}).sort();
    beforeEach(() => {
      cluster.put(path, { apiVersion: "v1", kind: "Namespace", metadata: { name: "vdi-stp", labels: { team: "desktops" } } });
      // As the API server does: what somebody else has set stays.
      cluster.onPatch = (at, body) => {
        const { labels, annotations } = cluster.objects.get(at)?.metadata ?? {};
        const merged = { labels: { ...labels, ...body.metadata.labels }, annotations: { ...annotations, ...body.metadata.annotations } };
        return { ...body, metadata: { ...body.metadata, ...merged } };
      };
    });
    /** Has requests of one kind refused once. */
    const refuseOnce = (isMeant: (request: SeenRequest) => boolean) => {
      cluster.onRequest = (request) => {
        if (!isMeant(request)) return;
        cluster.onRequest = () => undefined;
        throw new Refused(500, "interrupted here");
      };
    };

    it("leaves it, free for another directory", async () => {
      const directory = makeDirectory("vdi-stp");
      expect((await vdi(directory, ["deploy"])).exitCode).toBe(0);
      expect((await vdi(directory, ["deploy"])).stdout).toContain("nothing to change");
      const { exitCode, stdout } = await vdi(directory, ["delete", "--yes"]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("kept namespace/vdi-stp: somebody made it before the first deploy");
      expect(cluster.objects.get(path)?.metadata).toMatchObject({ labels: { team: "desktops" } });
      expect(annotations()).toEqual([]);
      expect(cluster.objects.has(ingress)).toBe(false);
      expect([...cluster.objects.keys()].filter((each) => each.startsWith(`${path}/`))).toEqual([]);
      expect((await vdi(directory, ["delete", "--yes"])).stdout).toContain("namespace/vdi-stp: vdi did not make it");
      expect((await vdi(makeDirectory("other", { NAMESPACE: "vdi-stp" }), ["deploy"])).exitCode).toBe(0);
    });

    it("knows it after a deploy and a delete that were interrupted", async () => {
      const directory = makeDirectory("vdi-stp");
      const isApplied = ({ method, path: at, query }: SeenRequest) => method === "PATCH" && at === path && query.has("fieldValidation");
      refuseOnce(isApplied);
      expect((await vdi(directory, ["deploy"])).exitCode).toBe(1);
      expect(annotations()).toEqual(["vdi.xpra.org/prepared"]);
      expect((await vdi(directory, ["deploy"])).exitCode).toBe(0);
      refuseOnce(({ method, path: at }) => method === "PATCH" && at === path);
      expect((await vdi(directory, ["delete", "--yes"])).exitCode).toBe(1);
      expect((await vdi(directory, ["delete", "--yes"])).stdout).toContain("somebody made it before the first deploy");
      expect(annotations()).toEqual([]);
    });

    it("takes everything of its own out of it when the record is gone with the other namespace", async () => {
      const directory = makeDirectory("vdi-stp");
      expect((await vdi(directory, ["deploy"])).exitCode).toBe(0);
      for (const each of cluster.objects.keys()) if (`${each}/`.includes("/namespaces/ingress-vdi-stp/")) cluster.objects.delete(each);
      expect((await vdi(directory, ["delete", "--yes"])).exitCode).toBe(0);
      expect([...cluster.objects.keys()].filter((each) => each.startsWith(path) || each.includes("validatingadmission"))).toEqual([path]);
    });
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
    const resources = ["lamp", "secret-lamp", "broken"].map((singularResource) => ({
      resource: `${singularResource}s`,
      singularResource,
      scope: "Namespaced",
      verbs: ["create", "list"],
    }));
    const versions = [
      { version: "v1", resources },
      { version: "v1beta1", resources },
    ];
    const metrics = { resource: "pods", singularResource: "pod", scope: "Namespaced", verbs: ["get", "list"] };
    cluster.put("/apis", {
      metadata: {},
      items: [
        { metadata: { name: "example.org" }, versions },
        { metadata: { name: "metrics.k8s.io" }, versions: [{ version: "v1", resources: [metrics] }] },
        {
          metadata: { name: "apps" },
          versions: [{ version: "v1", resources: [{ ...metrics, resource: "replicasets", verbs: ["create", "list"] }] }],
        },
      ],
    });
    const metadata = { name: "hall", namespace: "vdi-stp" };
    cluster.put("/apis/example.org/v1/namespaces/vdi-stp/lamps/hall", { apiVersion: "example.org/v1", kind: "Lamp", metadata });
    cluster.onRequest = ({ path }) => {
      if (path.endsWith("/brokens")) throw new Refused(500, "conversion webhook failed");
      if (path.endsWith("/secret-lamps")) throw new Refused(403, "forbidden", "Forbidden");
    };
    const { stdout } = await vdi(directory, ["delete", "--yes"]);
    expect(stdout).toContain(
      "kept namespace/vdi-stp: holds lamp/hall, secret-lamps.example.org perhaps, which you may not list, brokens.example.org perhaps, which cannot be read now",
    );
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
