import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { deploymentRig, filesOf } from "./deployment-rig.ts";
import { FakeCluster, Refused, type StoredObject } from "./fake-cluster.ts";

const { makeDirectory, vdi, ...rig } = deploymentRig();
let cluster: FakeCluster;
beforeEach(() => {
  cluster = rig.cluster();
});

describe("vdi deploy", () => {
  it("makes everything, and a second run changes nothing and says so", async () => {
    const directory = makeDirectory("vdi-stp");
    const first = await vdi(directory, ["deploy"]);
    expect(first.stderr).toBe("");
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain("created deployment/xpra-proxy");
    expect(first.stdout).toContain("users go to https://192.0.2.10/");
    expect(cluster.objects.get("/api/v1/nodes/node1")?.metadata.labels).toEqual({ "xpra_run_vdi-stp": "true" });
    const [versions, files] = [cluster.versions(), filesOf(directory)];

    const second = await vdi(directory, ["deploy", "-o", "json"]);
    expect(JSON.parse(second.stdout)).toMatchObject({ unchanged: true, files: [], removed: [] });
    expect(cluster.versions()).toEqual(versions);
    expect(filesOf(directory)).toEqual(files);
    expect((await vdi(directory, ["deploy"])).stdout).toContain("nothing to change");
  });

  it("gives sessions the programs that scripts name by XPRA_TOPDIR_INT, and of the image's own only what was changed", async () => {
    const directory = makeDirectory("vdi-stp");
    const carried = (): string[] =>
      Object.keys(cluster.objects.get("/api/v1/namespaces/vdi-stp/configmaps/xpra-proxy-bin")?.["data"] ?? {}).sort();
    await vdi(directory, ["deploy"]);
    expect(carried()).toEqual(["start-browser", "start-session", "startup-terminal"]);
    expect((await vdi(directory, ["status"])).stdout).not.toContain("goes to every session");
    writeFileSync(join(directory, "to_container/bin/xpra"), "#!/bin/sh\n");
    await vdi(directory, ["deploy"]);
    expect(carried()).toEqual(["start-browser", "start-session", "startup-terminal", "xpra"]);
  });

  it("keeps a copy without secrets", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    const copy = readFileSync(join(directory, "yaml/xpra-proxy.yaml"), "utf8");
    const key = readFileSync(join(directory, "ssl/server.key"), "utf8");
    expect(copy).toContain("kind: Deployment");
    expect(copy).not.toContain(Buffer.from(key).toString("base64").slice(0, 40));
    expect(readFileSync(join(directory, "to_container/etc/xpra-vars.sh"), "utf8")).toContain("XPRA_REGISTRY_SRV");
  });

  it("removes what an earlier version made, and nothing of anybody else", async () => {
    const directory = makeDirectory("vdi-stp", { REPLICAS: "2", XPRA_WORKERS: "node1" });
    writeFileSync(join(directory, "to_container/bin/own"), "#!/bin/sh\n");
    await vdi(directory, ["deploy"]);
    const budget = "/apis/policy/v1/namespaces/ingress-vdi-stp/poddisruptionbudgets/xpra-proxy";
    const maps = "/api/v1/namespaces/vdi-stp/configmaps";
    expect(cluster.objects.has(budget)).toBe(true);
    cluster.put(`${maps}/site`, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "site", namespace: "vdi-stp" } });
    rmSync(join(directory, "to_container/bin"), { recursive: true });
    writeFileSync(
      join(directory, "deploy/vdi.env"),
      readFileSync(join(directory, "deploy/vdi.env"), "utf8")
        .replace("REPLICAS=2", "REPLICAS=1")
        .replace("XPRA_WORKERS=node1", "XPRA_WORKERS=all"),
    );
    const result = await vdi(directory, ["deploy"]);
    expect(result.stdout).toContain("removed poddisruptionbudget/xpra-proxy");
    expect(result.stdout).toContain("removed configmap/xpra-proxy-bin");
    expect(cluster.objects.has(budget)).toBe(false);
    expect(cluster.objects.has(`${maps}/xpra-proxy-bin`)).toBe(false);
    expect(cluster.objects.has(`${maps}/site`)).toBe(true);
    expect(cluster.objects.get("/api/v1/nodes/node1")?.metadata.labels).toEqual({});
  });

  it("refuses the namespace of another directory, and that of a newer vdi", async () => {
    const directory = makeDirectory("vdi-stp");
    await vdi(directory, ["deploy"]);
    const other = makeDirectory("elsewhere", { NAMESPACE: "vdi-stp" });
    const refused = await vdi(other, ["deploy"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("belongs to the deployment directory 'vdi-stp'");
    const path = "/api/v1/namespaces/vdi-stp";
    const namespace = cluster.objects.get(path);
    if (namespace === undefined) throw new Error("no namespace");
    cluster.put(path, {
      ...namespace,
      metadata: { ...namespace.metadata, annotations: { ...namespace.metadata.annotations, "vdi.xpra.org/version": "9.0.0" } },
    });
    expect((await vdi(directory, ["deploy"])).stderr).toContain("written by vdi 9.0.0");
  });

  describe("from a directory of the same name without protected/", () => {
    const users = "/api/v1/namespaces/ingress-vdi-stp/secrets/xpra-proxy-users";
    const ticket = "/api/v1/namespaces/ingress-vdi-stp/secrets/xpra-proxy-ticket";
    const dataOf = (path: string): Record<string, string> => (cluster.objects.get(path)?.["data"] ?? {}) as Record<string, string>;
    const passwdOf = (directory: string): string => join(directory, "protected/users/passwd");
    const alice = "alice:x:20001:20001::/home/alice:/bin/bash\n";

    /** A directory of the same name somewhere else, and what the first deploy left on the cluster. */
    async function secondDirectory(): Promise<string> {
      const first = makeDirectory("vdi-stp");
      mkdirSync(join(first, "protected/users"), { recursive: true, mode: 0o700 });
      writeFileSync(passwdOf(first), alice);
      expect((await vdi(first, ["deploy"])).exitCode).toBe(0);
      return makeDirectory("elsewhere/vdi-stp");
    }

    it("refuses to take the users away, and changes nothing", async () => {
      const second = await secondDirectory();
      const [versions, files] = [cluster.versions(), filesOf(second)];
      for (const argv of [["deploy"], ["deploy", "--dry-run=server"], ["users", "add-demo", "--count", "1"]]) {
        const refused = await vdi(second, argv);
        expect(refused.exitCode).toBe(2);
        expect(refused.stderr).toContain("the cluster has 1 user whom this directory does not know and would remove: alice");
        expect(refused.stderr).toContain("copy protected/ from the directory that was deployed before");
      }
      expect(cluster.versions()).toEqual(versions);
      expect(filesOf(second)).toEqual(files);
    });

    it("takes an empty file at its word, and keeps the proxies' key for tickets", async () => {
      const second = await secondDirectory();
      const key = dataOf(ticket)["key"] ?? "";
      mkdirSync(join(second, "protected/users"), { recursive: true, mode: 0o700 });
      writeFileSync(passwdOf(second), "");
      expect(await vdi(second, ["deploy"])).toMatchObject({ exitCode: 0, stderr: "" });
      expect(dataOf(users)["passwd"]).toBe("");
      expect(dataOf(ticket)["key"]).toBe(key);
      expect(readFileSync(join(second, "protected/ticket.key"), "utf8").trim()).toBe(Buffer.from(key, "base64").toString());
    });

    it("goes on when the same users come from the older system's files", async () => {
      const second = await secondDirectory();
      writeFileSync(join(second, "to_container/etc/demousers-passwd"), alice);
      expect((await vdi(second, ["deploy"])).exitCode).toBe(0);
      expect(Buffer.from(dataOf(users)["passwd"] ?? "", "base64").toString()).toBe(alice);
    });
  });

  it("names what is still CHANGEME and a node that is not there before it touches anything", async () => {
    const directory = makeDirectory("vdi-stp", { DOMNAME: "CHANGEME" });
    const result = await vdi(directory, ["deploy"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("DOMNAME");
    expect(cluster.seen).toEqual([]);
    const workers = await vdi(makeDirectory("other", { XPRA_WORKERS: "node7 node8" }), ["deploy"]);
    expect(workers.exitCode).toBe(2);
    expect(workers.stderr).toContain("node7");
    expect(workers.stderr).toContain("try: take them out of XPRA_WORKERS in deploy/vdi.env");
    expect(cluster.seen.every(({ method }) => method === "GET")).toBe(true);
  });

  it("goes on without a node that is gone while another one is there, and says so", async () => {
    const directory = makeDirectory("vdi-stp", { XPRA_WORKERS: "node1 node7" });
    const { exitCode, stdout } = await vdi(directory, ["deploy", "-o", "json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      workers: { add: ["node1"], remove: [] },
      warnings: expect.arrayContaining([expect.stringMatching(/does not have: node7; sessions run on node1; take it out of XPRA_WORKERS/)]),
    });
  });

  it("changes nothing in a dry run", async () => {
    const directory = makeDirectory("vdi-stp");
    const before = filesOf(directory);
    const versions = cluster.versions();
    for (const how of ["client", "server"]) {
      const result = await vdi(directory, ["deploy", `--dry-run=${how}`]);
      expect(result.exitCode).toBe(0);
      expect(result.stdout).toContain("nothing was changed");
    }
    expect(cluster.versions()).toEqual(versions);
    expect(filesOf(directory)).toEqual(before);
  });

  it("says in the cluster's words what was refused", async () => {
    cluster.onRequest = ({ method, path }) => {
      if (method === "PATCH" && path.includes("/roles/"))
        throw new Refused(403, 'roles is forbidden: User "bob" cannot patch resource "roles"', "Forbidden");
    };
    const result = await vdi(makeDirectory("vdi-stp"), ["deploy"]);
    expect(result.exitCode).toBe(5);
    expect(result.stderr).toContain("role/xpra-proxy-broker in vdi-stp could not be applied");
    expect(result.stderr).toContain('User "bob" cannot patch');
  });

  it("tells the address that the cluster gave, or that there is none yet", async () => {
    const directory = makeDirectory("vdi-stp", { EXTERNALIPS: "", XPRA_SERVICE_TYPE: "LoadBalancer" });
    const first = await vdi(directory, ["deploy"]);
    expect(first.progress).toContainEqual(expect.stringContaining("given the proxies no address yet"));
    expect(first.stdout).not.toContain("users go to");
    const path = "/api/v1/namespaces/ingress-vdi-stp/services/xpra-proxy";
    const status = { loadBalancer: { ingress: [{ ip: "203.0.113.7" }, { hostname: "lb.example.org" }] } };
    cluster.objects.set(path, { ...(cluster.objects.get(path) as StoredObject), status });
    const second = await vdi(directory, ["deploy"]);
    expect(second.progress).not.toContainEqual(expect.stringContaining("no address"));
    expect(second.stdout).toContain("users go to https://203.0.113.7/ or https://lb.example.org/");
  });

  it("names the port of the nodes", async () => {
    cluster.onPatch = (_, body) =>
      body.kind === "Service" ? { ...body, spec: { type: "NodePort", ports: [{ port: 443, nodePort: 30443 }] } } : body;
    const { stdout } = await vdi(makeDirectory("vdi-stp", { EXTERNALIPS: "", XPRA_SERVICE_TYPE: "NodePort" }), ["deploy"]);
    expect(stdout).toContain("users go to https://NODE:30443/ at a node that runs a proxy");
  });

  it("warns once of a Service and of a pod that have the proxies' address and port", async () => {
    const address = "192.0.2.10";
    cluster.put("/api/v1/nodes/node1", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node1" },
      status: { addresses: [{ type: "InternalIP", address }] },
    });
    cluster.put("/api/v1/namespaces/web/services/shop", {
      kind: "Service",
      metadata: { name: "shop", namespace: "web" },
      spec: { externalIPs: [address], ports: [{ port: 443 }] },
    });
    cluster.put("/api/v1/namespaces/web/pods/ingress", {
      kind: "Pod",
      metadata: { name: "ingress", namespace: "web" },
      spec: { nodeName: "node1", containers: [{ ports: [{ hostPort: 443, protocol: "TCP" }] }] },
      status: { phase: "Running", podIP: "10.244.0.9" },
    });
    const directory = makeDirectory("vdi-stp", { EXTERNALIPS: address, XPRA_TRAFFIC_POLICY: "Cluster" });
    const takenIn = (stdout: string) =>
      (JSON.parse(stdout) as { warnings: string[] }).warnings.filter((text) => text.startsWith(`${address} port 443`));
    expect(takenIn((await vdi(directory, ["deploy", "-o", "json"])).stdout)).toEqual([
      expect.stringContaining("that of the service web/shop"),
      expect.stringContaining("that of the pod web/ingress on node node1"),
    ]);
    expect(takenIn((await vdi(directory, ["deploy", "-o", "json"])).stdout)).toEqual([]);
  });

  it("says which labels of a prepared namespace have other values than it needs, and what sets them", async () => {
    const enforce = "pod-security.kubernetes.io/enforce";
    const metadata = { name: "vdi-stp", labels: { [enforce]: "privileged", team: "desktops" } };
    cluster.put("/api/v1/namespaces/vdi-stp", { apiVersion: "v1", kind: "Namespace", metadata });
    cluster.onPatch = (path, body) => {
      if (path !== "/api/v1/namespaces/vdi-stp") return body;
      const causes = [{ field: `.metadata.labels.${enforce}`, message: 'conflict with "kubectl-create" using v1' }];
      throw Object.assign(new Refused(409, "Apply failed with 1 conflict", "Conflict"), { details: { causes } });
    };
    const directory = makeDirectory("vdi-stp");
    const wanted = [`vdi-stp has the label ${enforce}=privileged; needed is restricted`];
    const command = `kubectl label --overwrite namespace vdi-stp ${enforce}=restricted`;
    const result = await vdi(directory, ["deploy", "-o", "json"]);
    expect(result.exitCode).toBe(1);
    const { error } = JSON.parse(result.stderr.trim().split("\n").at(-1) ?? "") as { error: object };
    expect(error).toMatchObject({ why: wanted[0], try: [command] });
    const { stdout } = await vdi(directory, ["check", "--pre", "-o", "json"]);
    const { checks } = JSON.parse(stdout) as { checks: { id: string }[] };
    expect(checks.find(({ id }) => id === "namespaces")).toMatchObject({ status: "failed", problems: wanted, try: [command] });
  });

  it("warns of an address of a node on which no proxy runs, where only the node's own proxies answer", async () => {
    const node = (name: string, address: string) =>
      cluster.put(`/api/v1/nodes/${name}`, {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name },
        spec: { podCIDRs: ["10.244.0.0/24"] },
        status: { addresses: [{ type: "InternalIP", address }] },
      });
    cluster.objects.delete("/api/v1/nodes/node1");
    node("node1", "192.0.2.10");
    node("node2", "192.0.2.11");
    cluster.put("/api/v1/namespaces/ingress-vdi-stp/pods/xpra-proxy-x", {
      kind: "Pod",
      metadata: { name: "xpra-proxy-x", namespace: "ingress-vdi-stp", labels: { app: "xpra-proxy" } },
      spec: { nodeName: "node1" },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
    const warningsWith = async (settings: Record<string, string>) => {
      const { stdout } = await vdi(makeDirectory("vdi-stp", settings), ["deploy", "-o", "json"]);
      const { warnings } = JSON.parse(stdout) as { warnings: string[] };
      return warnings.filter((text) => text.includes("no proxy runs"));
    };
    const both = { EXTERNALIPS: "192.0.2.10 192.0.2.11 192.0.2.77" };
    expect(await warningsWith(both)).toEqual([expect.stringMatching(/^no proxy runs on node node2, which has 192\.0\.2\.11: .*Cluster/)]);
    const { stdout } = await vdi(makeDirectory("vdi-stp", both), ["check", "-o", "json"]);
    const { checks } = JSON.parse(stdout) as { checks: { id: string; problems: string[] }[] };
    expect(checks.find(({ id }) => id === "doors-answer")?.problems).toContainEqual(expect.stringContaining("no proxy runs on node node2"));
    expect(await warningsWith({ ...both, XPRA_TRAFFIC_POLICY: "Cluster" })).toEqual([]);
  });

  it("says so when it may not see when an old namespace is gone", async () => {
    const metadata = { name: "vdi-stp", deletionTimestamp: "2026-01-01T12:00:00Z" };
    cluster.put("/api/v1/namespaces/vdi-stp", { apiVersion: "v1", kind: "Namespace", metadata });
    cluster.onRequest = ({ method, path }) => {
      if (method === "GET" && path === "/api/v1/namespaces")
        throw new Refused(403, 'namespaces is forbidden: User "bob" cannot list resource "namespaces"', "Forbidden");
    };
    const result = await vdi(makeDirectory("vdi-stp"), ["deploy", "--timeout", "60"]);
    expect(result.exitCode).toBe(5);
    expect(result.stderr).toContain('User "bob" cannot list');
  });

  it("keeps a number of proxies that somebody else set, says how to set that of REPLICAS, and warns of none", async () => {
    const directory = makeDirectory("vdi-stp", { REPLICAS: "2" });
    await vdi(directory, ["deploy"]);
    const path = "/apis/apps/v1/namespaces/ingress-vdi-stp/deployments/xpra-proxy";
    const live = cluster.objects.get(path) as StoredObject & { spec: object };
    cluster.put(path, { ...live, spec: { ...live.spec, replicas: 0 } });
    const conflict = { details: { causes: [{ field: ".spec.replicas", message: 'conflict with "kubectl" using apps/v1' }] } };
    cluster.onPatch = (asked, body) => {
      if (asked !== path) return body;
      if ((body["spec"] as { replicas?: number }).replicas !== undefined)
        throw Object.assign(new Refused(409, "conflict", "Conflict"), conflict);
      return { ...body, spec: { ...(body["spec"] as object), replicas: 0 } };
    };
    const { exitCode, stdout, progress } = await vdi(directory, ["deploy", "-o", "json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ warnings: expect.arrayContaining([expect.stringContaining("nobody can sign in")]) });
    expect(progress.join("\n")).toContain("0 replicas, as kubectl set it, are kept");
    expect(progress.join("\n")).toContain("kubectl scale -n ingress-vdi-stp deployment/xpra-proxy --replicas=2");
  });

  it("gives up when the time is over", async () => {
    cluster.rollsOut = false;
    const result = await vdi(makeDirectory("vdi-stp"), ["deploy", "--timeout", "5"]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain("does not come up within 5 s");
    expect(result.stderr).toContain("0 of 1 proxies ready");
  });

  it("waits for as many seconds as anybody may give", async () => {
    expect((await vdi(makeDirectory("vdi-stp"), ["deploy", "--timeout", "2147484"])).exitCode).toBe(0);
  });

  it("ends, interrupted at any request and run again, as an undisturbed run ends", async () => {
    const reference = makeDirectory("vdi-stp");
    await vdi(reference, ["deploy"]);
    const requests = cluster.seen.length;
    const wanted = cluster.snapshot();
    // The same certificate and key, so that the objects can be equal.
    const keep = ["ssl", "protected"].map((name) => [name, join(reference, name)] as const);
    for (let at = 1; at <= requests; at += Math.max(1, Math.floor(requests / 25))) {
      const other = await FakeCluster.start();
      const name = `run-${at}`;
      const directory = join(makeDirectory(join(name, "vdi-stp")));
      for (const [part, from] of keep) cpSync(from, join(directory, part), { recursive: true, preserveTimestamps: true });
      chmodSync(join(directory, "protected"), 0o700);
      const stop = new AbortController();
      other.onRequest = () => {
        if (other.seen.length === at) stop.abort();
      };
      const ports = { connectKube: async () => other.transport };
      const cut = await vdi(directory, ["deploy"], { ports, signal: stop.signal });
      expect([0, 130]).toContain(cut.exitCode);
      other.onRequest = () => {};
      const again = await vdi(directory, ["deploy"], { ports });
      expect(again.exitCode).toBe(0);
      expect(JSON.parse(JSON.stringify(other.snapshot()).replaceAll(directory, reference))).toEqual(wanted);
      await other.stop();
    }
  });
});
