import { describe, expect, it } from "vitest";
import { type LocalPlan, planLocal, type WantedContainer } from "../../../src/local/plan.ts";
import { partsWith } from "./parts.ts";

const plan = planLocal(partsWith());
const mounts = ({ options }: WantedContainer): readonly string[] =>
  (options.HostConfig?.Mounts ?? []).map(({ Source, Target, ReadOnly }) => `${Source} ${Target}${ReadOnly === true ? " ro" : ""}`);
const files = (of: LocalPlan, volume: string): readonly string[] =>
  (of.volumes.find(({ config }) => config?.volume === volume)?.config?.files ?? []).map(({ path, mode }) => `${path} ${mode.toString(8)}`);
const definitions = (of: LocalPlan): readonly string[] => [of.files, of.broker, of.proxy].map(({ definition }) => definition);

describe("a deployment on one machine", () => {
  it("has secrets in volumes that only root may read, and nowhere else", () => {
    expect(files(plan, "ssl")).toEqual(["server.crt 444", "server.key 400"]);
    expect(files(plan, "ticket")).toEqual(["key 400"]);
    expect(files(plan, "users")).toEqual(["passwd 444", "group 444", "shadow 400"]);
    const containers = JSON.stringify([plan.files, plan.broker, plan.proxy]);
    for (const secret of ["PRIV-8f3", "TCK-41a", "HASH-77"]) expect(containers).not.toContain(secret);
  });

  it("gives the engine to the broker alone, and the broker no network", () => {
    expect(mounts(plan.broker)).toContain("/var/run/docker.sock /var/run/docker.sock");
    expect([...mounts(plan.proxy), ...mounts(plan.files)].join()).not.toContain("docker.sock");
    expect(plan.broker.options.HostConfig?.NetworkMode).toBe("none");
    expect(plan.broker.options.HostConfig).toMatchObject({ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], ReadonlyRootfs: true });
  });

  it("confines the proxy as the cluster does", () => {
    expect(plan.proxy.options.HostConfig).toMatchObject({
      CapDrop: ["ALL"],
      CapAdd: ["SETUID", "SETGID", "KILL"],
      SecurityOpt: ["no-new-privileges"],
      GroupAdd: ["65533"],
      ReadonlyRootfs: true,
      Memory: 2 ** 31,
      PortBindings: { "8443/tcp": [{ HostIp: "127.0.0.1", HostPort: "8443" }] },
    });
    expect(mounts(plan.proxy)).toEqual([
      "vdi-vdi-local-ssl /etc/xpra/ssl ro",
      "vdi-vdi-local-ticket /etc/xpra/ticket ro",
      "vdi-vdi-local-users /var/lib/extrausers ro",
      "vdi-vdi-local-socket /run/vdi ro",
    ]);
  });

  it("tells the broker of the engine, and of nothing that only a cluster has", () => {
    const json = plan.volumes.find(({ config }) => config?.volume === "broker")?.config?.files[0]?.content ?? Buffer.from("");
    const broker = JSON.parse(Buffer.from(json).toString()) as Record<string, unknown>;
    expect(broker["docker"]).toEqual({
      socket: "/var/run/docker.sock",
      network: "10.213.0.0/16",
      directories: ["session_types", "etc"],
      pidsLimit: 4096,
      identityDirectory: "/var/lib/vdi/identity",
    });
    expect(broker).toMatchObject({ namespace: "vdi-local", startsAtOnce: 4, images: { default: "localhost/vdi-local/vdi-xfce4" } });
    expect(Object.keys(broker)).not.toContain("kubernetes");
  });

  it("is the same for the same parts", () => {
    expect(planLocal(partsWith())).toEqual(plan);
  });

  it("limits sign-ins by address only where addresses can be told", () => {
    const limited = (lines: string): boolean => (planLocal(partsWith(lines)).proxy.options.Env ?? []).includes("VDI_LIMIT_BY_ADDRESS=yes");
    expect(limited("")).toBe(false);
    expect(limited("XPRA_LOCAL_LISTEN=192.0.2.10")).toBe(true);
  });
});

describe("what makes a container anew", () => {
  const changed = (of: LocalPlan): readonly string[] =>
    ["files", "broker", "proxy"].filter((_, at) => definitions(of)[at] !== definitions(plan)[at]);

  it.each([
    ["a new image", partsWith("", { imageIds: new Map([["localhost/vdi-local/vdi-proxy", "sha256:2"]]) }), ["files", "broker", "proxy"]],
    ["another port", partsWith("XPRA_LOCAL_PORT=9443"), ["proxy"]],
    ["a new certificate", partsWith("", { certificate: "OTHER" }), ["proxy"]],
    ["other users", partsWith("", { users: { passwd: "", shadow: "", group: "" } }), []],
    ["another limit of the sessions", partsWith("XPRA_SESSION_MEMORY_LIMIT=4Gi"), []],
    ["another socket of the engine", partsWith("", { engineSocket: "/run/user/1000/docker.sock" }), ["broker"]],
  ])("%s", (_, parts, wanted) => {
    expect(changed(planLocal(parts))).toEqual(wanted);
  });
});
