import { describe, expect, it } from "vitest";
import { missingPackages } from "../../../src/local/packages.ts";
import { waitUntilThere } from "../../../src/util/wait-until-there.ts";
import { otherAccess, ownAccess } from "../../cluster/access.ts";
import { isGoNewEnough } from "../../cluster/go-toolchain.ts";
import { clusterLayout, partNames } from "../../cluster/layout.ts";
import { clusterParts, partEnvironment } from "../../cluster/parts.ts";
import { testNeeds } from "../../machine/packages.ts";

describe("where the test cluster is kept", () => {
  it("is one directory, with control groups named after it", () => {
    const layout = clusterLayout({ VDI_CLUSTER_DIR: "/srv/a" });
    const { cgroup, ...paths } = layout;
    for (const path of Object.values(paths)) expect(path).toMatch(/^\/srv\/a(\/|$)/);
    expect(cgroup).toMatch(/^vdi-test-[0-9a-f]{8}$/);
    expect(clusterLayout({ VDI_CLUSTER_DIR: "/srv/b" }).cgroup).not.toBe(cgroup);
  });

  it("has sockets that are short enough for the kernel under the default directory", () => {
    expect(`${clusterLayout({}).containerdSocket}.ttrpc`.length).toBeLessThan(108);
  });
});

describe("another cluster", () => {
  it("is used when the environment names its context", () => {
    expect(otherAccess({}, "/root/.kube/config")).toBeUndefined();
    expect(otherAccess({ VDI_E2E_CONTEXT: "" }, "/root/.kube/config")).toBeUndefined();
    const env = { VDI_E2E_CONTEXT: "lab", VDI_E2E_REGISTRY: "registry.lab", VDI_E2E_ADDRESS: "192.0.2.7" };
    expect(otherAccess(env, "/root/.kube/config")).toEqual({
      kubeconfig: "/root/.kube/config",
      context: "lab",
      registry: "registry.lab",
      serviceAddress: "192.0.2.7",
    });
  });

  it("has no audit log that we could read; our own has", () => {
    expect(otherAccess({ VDI_E2E_CONTEXT: "lab" }, "")).not.toHaveProperty("auditLog");
    expect(ownAccess(clusterLayout({ VDI_CLUSTER_DIR: "/srv/a" })).auditLog).toBe("/srv/a/logs/audit.log");
  });
});

describe("the parts", () => {
  const parts = clusterParts(clusterLayout({ VDI_CLUSTER_DIR: "/srv/a" }));

  it("are told from strangers by a path of the run directory in each command line", () => {
    expect(Object.keys(parts).sort()).toEqual([...partNames].sort());
    for (const { args } of Object.values(parts)) expect(args.some((word) => word.includes("/srv/a/run/"))).toBe(true);
  });

  it("do not use a web proxy among themselves; only what pulls images does", () => {
    const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "intra" };
    expect(partEnvironment(parts["kube-apiserver"], env)).not.toHaveProperty("HTTPS_PROXY");
    const containerd = partEnvironment(parts.containerd, env);
    expect(containerd["HTTPS_PROXY"]).toBe("http://proxy:3128");
    expect(containerd["NO_PROXY"]).toMatch(/^intra,localhost,127\.0\.0\.0\/8,/);
  });
});

describe("the compiler", () => {
  it.each([
    ["go1.19.8", false],
    ["go1.23.12", false],
    ["go1.24.0", true],
    ["go1.26.8", true],
    ["go2.0", true],
    ["devel", false],
  ])("%s is new enough: %s", (version, enough) => {
    expect(isGoNewEnough(version)).toBe(enough);
  });
});

describe("the packages of the machine", () => {
  it("are none when everything is there, whoever installed it", async () => {
    expect(await missingPackages(testNeeds, async () => true)).toEqual([]);
    const withoutDebianDocker = await missingPackages(testNeeds, async (file) => file !== "/usr/sbin/dockerd");
    expect(withoutDebianDocker).toEqual([]);
  });

  it("are exactly those that are missing", async () => {
    expect(await missingPackages(testNeeds, async (file) => !file.includes("Xvfb") && file !== "/usr/bin/openssl")).toEqual([
      "openssl",
      "xvfb",
    ]);
  });
});

describe("waiting", () => {
  it("says what it last saw, with the end of the log", async () => {
    const wait = waitUntilThere(
      { what: "the node", timeoutMs: 20, everyMs: 5, tail: async () => "kubelet: no such file" },
      async () => "not ready",
    );
    await expect(wait).rejects.toMatchObject({
      what: "the node was not there after 0 s",
      why: "last seen: not ready\nkubelet: no such file",
      exitCode: 4,
    });
  });

  it("ends with the signal", async () => {
    const stop = new AbortController();
    const wait = waitUntilThere({ what: "the node", timeoutMs: 60_000 }, async () => "not ready", stop.signal);
    stop.abort();
    await expect(wait).rejects.toMatchObject({ name: "AbortError" });
  });
});
