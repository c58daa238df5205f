import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { VdiError } from "../../../src/util/vdi-error.ts";
import { addHome, changeMachine, directory, docker, engine, home, kept, local, on, up } from "./rig.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("vdi local up", () => {
  it("makes all that is needed, and says the password once", async () => {
    const first = await up();
    expect(first.address).toBe("https://localhost:8443/");
    expect(first.users).toEqual(["xpra-user01", "xpra-user02", "xpra-user03"]);
    expect(first.password).toBe(kept("protected/demo-password").trim());
    expect(statSync(path.join(directory(), "protected/demo-password")).mode & 0o777).toBe(0o600);
    expect(first.built).toEqual(["vdi-base", "vdi-proxy", "vdi-xfce4"]);
    expect([...on.containers].map(([name, { running }]) => `${name} ${running}`)).toEqual([
      "vdi-vdi-local-files false",
      "vdi-vdi-local-broker true",
      "vdi-vdi-local-proxy true",
    ]);
    expect(on.text("vdi-vdi-local-users", "passwd")).toContain("xpra-user01:x:20001:");
    expect(on.text("vdi-vdi-local-ssl", "server.crt")).toContain("BEGIN CERTIFICATE");
    expect(on.text("vdi-vdi-local-session_types", "default/xpra_startup_desktop.sh")).toContain("#!");
    expect(kept("deploy/vdi.env")).toMatch(/^XPRA_REGISTRY_SRV=localhost\/vdi-local$/m);
  });

  it("changes nothing the second time", async () => {
    await up();
    on.writes.length = 0;
    engine.elsewhere.clear();
    const second = await up();
    expect(on.writes).toEqual([]);
    expect(second).toMatchObject({ built: [], changes: [] });
    expect(second.password).toBeUndefined();
  });

  it("brings only what changed", async () => {
    await up();
    on.volumes.get("vdi-vdi-local-etc")?.files.set("old.sh", { path: "old.sh", content: Buffer.from("x"), mode: 0o555 });
    const second = await up("--port", "9443");
    expect(second.address).toBe("https://localhost:9443/");
    expect(second.changes.map(({ name }) => name)).toEqual(["vdi-vdi-local-etc", "vdi-vdi-local-proxy"]);
    expect([...(on.volumes.get("vdi-vdi-local-etc")?.files.keys() ?? [])]).not.toContain("old.sh");
    // The port is kept.
    expect((await up()).changes).toEqual([]);
  });

  it("leaves a vdi.env that is not UTF-8 as it is, and refuses to write into it", async () => {
    await up();
    const file = path.join(directory(), "deploy/vdi.env");
    const bytes = Buffer.concat([readFileSync(file), Buffer.from("# M\u00fcnchen\n", "latin1")]);
    writeFileSync(file, bytes);
    expect((await up()).changes).toEqual([]);
    for (const words of [
      ["up", "--port", "9443"],
      ["export", "vdi-stp"],
    ]) {
      const { exitCode, stderr } = await local(words);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`error: ${file} is not UTF-8`) });
    }
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(existsSync(path.join(home, "vdi-stp"))).toBe(false);
  });

  it("builds no image for a session type", async () => {
    await up();
    const types = path.join(directory(), "to_container/session_types/default");
    writeFileSync(path.join(types, "xpra_startup_office.sh"), "#!/bin/bash\n# title: Office\n", { mode: 0o755 });
    rmSync(path.join(types, "xpra_startup_seamless.sh"));
    const second = await up();
    expect(second.built).toEqual([]);
    expect(second.changes.map(({ name }) => name)).toContain("vdi-vdi-local-session_types");
  });

  it("goes on where it was interrupted", async () => {
    const interrupt = new AbortController();
    engine.build = async ({ reference }, _, closed) => {
      if (!reference.endsWith("vdi-xfce4")) return undefined;
      interrupt.abort();
      await closed;
      return { error: "context canceled" };
    };
    const cut = await local(["up"], { signal: interrupt.signal });
    expect(cut.exitCode).toBe(130);
    engine.build = async () => undefined;
    const second = await up();
    // The images that are built at the same time may have been cut as well.
    expect(second.built).toContain("vdi-xfce4");
    expect(second.built).not.toContain("vdi-base");
    expect(second.password).toBe(kept("protected/demo-password").trim());
  });

  it("starts a proxy again that stood still while a session's network went", async () => {
    await up();
    const proxy = on.containers.get("vdi-vdi-local-proxy");
    if (proxy !== undefined) Object.assign(proxy, { running: false, lostNetwork: "0123456789ab" });
    expect((await up()).changes).toEqual([{ kind: "container", name: "vdi-vdi-local-proxy", outcome: "changed" }]);
    expect(on.containers.get("vdi-vdi-local-proxy")).toMatchObject({ running: true });
  });

  it("names a busy port before anything is built", async () => {
    changeMachine({ portProblem: async () => "another program has it" });
    const { exitCode, stderr } = await local(["up"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("error: nothing can listen on 127.0.0.1:8443\n  another program has it\n  try: vdi local up --port 9443");
    expect(engine.builds).toEqual([]);
    expect(on.writes).toEqual([]);
    // What did not work is not kept.
    expect((await local(["up", "--port", "9443"])).stderr).toContain("127.0.0.1:9443");
    expect(kept("deploy/vdi.env")).not.toContain("9443");
  });

  it("changes the address while its own proxy has the port", async () => {
    await up();
    changeMachine({ portProblem: async () => "another program has it" });
    expect((await up("--listen", "0.0.0.0")).changes.map(({ name }) => name)).toContain("vdi-vdi-local-proxy");
    expect((await up("--listen", "127.0.0.1")).changes.map(({ name }) => name)).toContain("vdi-vdi-local-proxy");
    // Nothing of its own is on this one.
    expect((await local(["up", "--listen", "192.0.2.10"])).stderr).toContain("nothing can listen on 192.0.2.10:8443");
  });

  it("leaves the addresses of a cluster alone in a directory that was made for one", async () => {
    await up();
    const file = path.join(directory(), "deploy/vdi.env");
    const cluster = kept("deploy/vdi.env")
      .replace(/^XPRA_REGISTRY_SRV=.*$/m, "XPRA_REGISTRY_SRV=registry.example.org")
      .replace(/^EXTERNALIPS=.*$/m, "EXTERNALIPS=192.0.2.77");
    writeFileSync(file, cluster);
    await up("--listen", "192.0.2.10");
    expect(kept("deploy/vdi.env")).toMatch(/^EXTERNALIPS=192\.0\.2\.77$/m);
    expect(kept("deploy/vdi.env")).toMatch(/^XPRA_LOCAL_LISTEN=192\.0\.2\.10$/m);
  });

  it("needs no openssl where there are users", async () => {
    await up();
    vi.stubEnv("PATH", "/nonexistent");
    expect((await up()).changes).toEqual([]);
  });

  it("leaves alone users who have the demo users' ids", async () => {
    const users = path.join(directory(), "protected/users");
    await up();
    writeFileSync(path.join(users, "passwd"), "bob:x:20001:20001::/home/bob:/bin/bash\n");
    writeFileSync(path.join(users, "shadow"), "bob:$6$salt$hash:20000:0:99999:7:::\n");
    writeFileSync(path.join(users, "group"), "bob:x:20001:\n");
    expect((await up()).users).toEqual(["bob"]);
  });

  it("says what an engine says that has no room, and goes on when there is some", async () => {
    await up();
    await local(["down"]);
    on.failures.set("POST /containers/create", "mkdir /var/lib/docker/overlay2/1: no space left on device");
    const { exitCode, stderr } = await local(["up"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("no space left on device");
    expect(stderr).toContain("docker system prune");
    on.failures.clear();
    await up();
  });

  it("hands on why there is no engine", async () => {
    changeMachine({
      prepareEngine: async (_, mayInstall) => {
        throw new VdiError({ what: "this machine lacks docker.io", why: mayInstall ? "only root can" : "--no-install forbids it" });
      },
    });
    const { exitCode, stderr } = await local(["up", "--no-install"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("this machine lacks docker.io\n  --no-install forbids it");
  });

  it("takes over nothing of a stranger", async () => {
    on.volumes.set("vdi-vdi-local-ssl", { labels: {}, files: new Map() });
    const { exitCode, stderr } = await local(["up"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("the volume vdi-vdi-local-ssl is not one of vdi's");
  });

  it("refuses an address that is none", async () => {
    const { exitCode, stderr } = await local(["up", "--listen", "everywhere", "--port", "99999"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--listen must be an IPv4 address");
    expect(stderr).toContain("--port must be between 1 and 65535");
  });
});

describe("vdi local down", () => {
  it("leaves nothing but homes", async () => {
    await up();
    addHome();
    const { exitCode, stdout } = await local(["down", "-o", "json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ homesKept: ["vdi-vdi-local-home-xpra-user01"], networks: ["vdi-vdi-local"] });
    const left = ["vdi-vdi-local-owner", "vdi-vdi-local-home-xpra-user01"];
    expect([on.containers.size, on.networks.size, [...on.volumes.keys()]]).toEqual([0, 0, left]);
    expect((await local(["down"])).stdout).toContain("nothing was up");
  });

  it("asks before homes go", async () => {
    await up();
    addHome();
    expect((await local(["down", "--homes"])).exitCode).toBe(2);
    expect(on.containers.size).toBe(3);
    expect((await local(["down", "--homes"], { answer: true })).exitCode).toBe(0);
    expect(on.volumes.size).toBe(0);
  });
});

describe("what is up", () => {
  it("is told by status, with exit code 3 when it is not", async () => {
    expect((await local(["status"])).stderr).toContain("there is nothing on this machine yet");
    await up();
    const { exitCode, stdout } = await local(["status"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("vdi-local on Docker 20.10.24: up\naddress      https://localhost:8443/");
    expect(stdout).toContain("38 MiB");
    const broker = on.containers.get("vdi-vdi-local-broker");
    if (broker !== undefined) broker.running = false;
    expect((await local(["status"])).exitCode).toBe(3);
  });

  it("knows changed users without a new container", async () => {
    await up();
    on.writes.length = 0;
    const { exitCode, stdout } = await local(["users", "add-demo", "--count", "4"]);
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("the proxy knows it from the next sign-in"),
    });
    expect(on.writes).toEqual(["PUT /containers/vdi-vdi-local-files/archive"]);
    await local(["users", "remove", "xpra-user01"]);
    expect(on.text("vdi-vdi-local-users", "shadow")).not.toContain("xpra-user01");
    expect((await local(["users", "list"])).stdout).toContain("xpra-user04");
    // As `docker system prune` does: this one never runs.
    on.containers.delete("vdi-vdi-local-files");
    expect((await local(["users", "remove", "xpra-user02"])).exitCode).toBe(0);
    expect(on.text("vdi-vdi-local-users", "shadow")).not.toContain("xpra-user02");
  });

  it("shows the passwords that were made also when it is interrupted on the way to the proxy", async () => {
    await up();
    const interrupt = new AbortController();
    const connectEngine = async (): Promise<typeof docker> => {
      interrupt.abort();
      return docker;
    };
    const { exitCode, stdout } = await local(["users", "add-demo", "--count", "4"], { signal: interrupt.signal, ports: { connectEngine } });
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/xpra-user04 {2}uid 20004 {2}added {2}password \S+/);
    expect(stdout).toContain("interrupted: the proxy may not know it yet");
  });

  it("has its address opened, or printed", async () => {
    await up();
    expect((await local(["open"])).stdout).toBe("https://localhost:8443/\n");
  });
});

describe("vdi local export", () => {
  it("writes what a cluster gets, and says what is to be decided", async () => {
    await up();
    const { exitCode, stdout } = await local(["export", "vdi-stp", "--set", "DOMNAME=example.org", "-o", "json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ users: 3, ownFiles: [], undecided: ["XPRA_REGISTRY_SRV", "EXTERNALIPS"] });
    const target = path.join(home, "vdi-stp");
    expect(readFileSync(path.join(target, "protected/users/shadow"), "utf8")).toBe(kept("protected/users/shadow"));
    expect((await local(["export", "vdi-stp"])).exitCode).toBe(2);
  });

  it("goes on where it was interrupted", async () => {
    await up();
    // No file: the export ends in its middle.
    const rootfs = path.join(home, "vdi-local/images/vdi-base/rootfs.tar.gz");
    mkdirSync(rootfs);
    expect((await local(["export", "vdi-stp"])).exitCode).not.toBe(0);
    rmSync(rootfs, { recursive: true });
    expect((await local(["export", "vdi-stp"])).exitCode).toBe(0);
    expect(readFileSync(path.join(home, "vdi-stp/protected/users/shadow"), "utf8")).toBe(kept("protected/users/shadow"));
    expect((await local(["export", "vdi-stp"])).exitCode).toBe(2);
  });
});
