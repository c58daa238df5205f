import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ExitCode } from "../../../src/util/exit-code.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";
import { FakeCluster, type SeenRequest } from "../deployment/fake-cluster.ts";
import { distribution, type RunOptions, type RunResult, runVdi } from "../support/run-vdi.ts";

let top = "";
beforeEach(() => {
  top = path.join(mkdtempSync(path.join(tmpdir(), "vdi-users-")), "vdi-stp");
  mkdirSync(path.join(top, "deploy"), { recursive: true });
  writeFileSync(
    path.join(top, "deploy/vdi.env"),
    "XPRA_REGISTRY_SRV=127.0.0.1:9\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=\n",
  );
});
afterEach(() => rmSync(path.dirname(top), { recursive: true, force: true }));

const noCluster = async (): Promise<never> => {
  throw new VdiError({ what: "no cluster is chosen", exitCode: ExitCode.usage });
};
const users = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
  runVdi(["users", ...argv], { cwd: top, ports: { connectKube: noCluster }, ...options });
const text = (name: string): string => readFileSync(path.join(top, "protected/users", name), "utf8");
const all = (): string => text("passwd") + text("shadow") + text("group");

/** True when the password is that of the user, by openssl's word. */
function isPassword(user: string, password: string): boolean {
  const hash = new RegExp(`^${user}:([^:]*):`, "m").exec(text("shadow"))?.[1] ?? "";
  const salt = hash.split("$")[2] ?? "";
  return execFileSync("openssl", ["passwd", "-6", "-salt", salt, "-stdin"], { input: password, encoding: "utf8" }).trim() === hash;
}

describe("vdi users add-demo", () => {
  it("makes users that fit together, with passwords that are shown once", async () => {
    const { exitCode, stdout, stderr } = await users(["add-demo", "-o", "json"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const data = JSON.parse(stdout) as { users: { name: string; uid: number; password: string }[]; cluster: object };
    expect(data.cluster).toMatchObject({ state: "none" });
    expect(data.users.map(({ name, uid }) => `${name} ${uid}`)).toEqual(
      Array.from({ length: 9 }, (_, index) => `xpra-user0${index + 1} ${20001 + index}`),
    );
    expect(new Set(data.users.map(({ password }) => password)).size).toBe(9);
    expect(text("passwd").split("\n")[0]).toBe("xpra-user01:x:20001:20001:Demo user 01:/home/xpra-user01:/bin/bash");
    expect(text("group").split("\n")[0]).toBe("xpra-user01:x:20001:");
    expect(text("shadow").split("\n")[0]).toMatch(/^xpra-user01:\$6\$[./0-9A-Za-z]{8,16}\$[./0-9A-Za-z]{86}:\d+:0:99999:7:::$/);
    expect(isPassword("xpra-user02", data.users[1]?.password ?? "")).toBe(true);
    for (const name of ["passwd", "shadow", "group"]) expect(statSync(path.join(top, "protected/users", name)).mode & 0o777).toBe(0o600);
    const before = all();
    const again = await users(["add-demo", "--generate"]);
    expect(again.stdout).toContain("9 users were there already");
    expect(all()).toBe(before);
    expect(all()).not.toContain(data.users[0]?.password);
  });

  it("takes the password from standard input, and knows it again", async () => {
    await users(["add-demo", "--count", "2", "--password-stdin"], { stdin: "correct horse\n" });
    expect(isPassword("xpra-user02", "correct horse")).toBe(true);
    const before = all();
    await users(["add-demo", "--count", "2", "--password-stdin"], { stdin: "correct horse" });
    expect(all()).toBe(before);
    const other = await users(["add-demo", "--count", "3", "--password-stdin"], { stdin: "battery staple\n" });
    expect(other.stdout).not.toContain("battery");
    expect(["xpra-user01", "xpra-user03"].map((name) => isPassword(name, "battery staple"))).toEqual([true, true]);
  });

  it.each([
    ["", "there is none"],
    ["qwerty\n", "shorter than 8"],
    ["two lines\nof text\n", "more than one line"],
    ["x".repeat(300), "longer than 200"],
  ])("refuses the password %j", async (stdin, words) => {
    const { exitCode, stderr } = await users(["add-demo", "--password-stdin"], { stdin });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
    if (stdin.trim() !== "") expect(stderr).not.toContain(stdin.trim());
  });

  it.each([[["--count", "0"]], [["--count", "1.5"]], [["--password-stdin", "--generate"]], [["xpra-user01"]]])(
    "refuses %j",
    async (args) => {
      expect((await users(["add-demo", ...args], { stdin: "long enough" })).exitCode).toBe(2);
    },
  );

  it("renews the passwords of the named users only, and of none when one is not there", async () => {
    await users(["add-demo", "--count", "3"]);
    const lines = () => text("shadow").split("\n");
    const before = lines();
    const refused = await users(["add-demo", "--renew", "xpra-user02", "xpra-user04"]);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("there is no demo user xpra-user04")]);
    expect(lines()).toEqual(before);
    const { stdout } = await users(["add-demo", "--renew", "xpra-user02", "-o", "json"]);
    const made = (JSON.parse(stdout) as { users: { name: string; state: string; password: string }[] }).users;
    expect(made.map(({ name, state }) => [name, state])).toEqual([["xpra-user02", "new-password"]]);
    expect(isPassword("xpra-user02", made[0]?.password ?? "")).toBe(true);
    expect(lines().filter((line) => !before.includes(line))).toHaveLength(1);
  });

  it("finishes a run that was interrupted before its passwords were seen", async () => {
    await users(["add-demo", "--count", "1"]);
    rmSync(path.join(top, "protected/users/passwd"));
    expect((await users(["add-demo", "--count", "1"])).stdout).toContain("password ");
  });

  it("keeps what an admin wrote, and refuses ids that belong to somebody else", async () => {
    const dir = path.join(top, "protected/users");
    mkdirSync(dir, { recursive: true });
    writeFileSync(
      path.join(dir, "passwd"),
      "alice:x:5000:5000:Alice:/home/alice:/bin/bash\nxpra-user01:x:1001:1001::/home/xpra-user01:/bin/sh\n",
    );
    writeFileSync(path.join(dir, "group"), "alice:x:5000:\nstaff:x:6000:alice,xpra-user01\n");
    expect((await users(["add-demo", "--count", "2"])).exitCode).toBe(0);
    expect(
      text("passwd")
        .split("\n")
        .map((line) => line.split(":").slice(0, 4).join(":")),
    ).toEqual(["alice:x:5000:5000", "xpra-user01:x:1001:1001", "xpra-user02:x:20002:20002", ""]);
    expect(text("group")).toBe("alice:x:5000:\nstaff:x:6000:alice,xpra-user01\nxpra-user01:x:1001:\nxpra-user02:x:20002:\n");
    writeFileSync(path.join(dir, "passwd"), "bob:x:20001:20001:Bob:/home/bob:/bin/bash\n");
    const refused = await users(["add-demo", "--count", "1"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("bob has the uid 20001 of xpra-user01");
    writeFileSync(path.join(dir, "shadow"), "bob:secrethash\n");
    const broken = await users(["list"]);
    expect(broken.stderr).toContain("protected/users/shadow:1: not a line of shadow(5)");
    expect(broken.stderr).not.toContain("secrethash");
  });

  it("takes an older system's own users, but not its demo users", async () => {
    const etc = path.join(top, "to_container/etc");
    mkdirSync(etc, { recursive: true });
    writeFileSync(
      path.join(etc, "demousers-passwd"),
      "xpra-user01:x:1001:1001::/home/xpra-user01:/bin/bash\ncarol:x:1100:1100::/home/carol:/bin/bash\n",
    );
    writeFileSync(path.join(etc, "demousers-shadow"), "xpra-user01:$6$published$x:1:0:99999:7:::\ncarol:$6$own$y:1:0:99999:7:::\n");
    await users(["add-demo", "--count", "1"]);
    expect(text("passwd")).toContain("carol:x:1100");
    expect(text("passwd")).toContain("xpra-user01:x:20001");
    expect(text("shadow")).toContain("carol:$6$own$y");
    expect(text("shadow")).not.toContain("published");
    // Once taken, they are these files' no more: whoever is removed stays away.
    await users(["remove", "carol", "xpra-user01"]);
    expect((await users(["list"])).stdout).toContain("no users yet");
  });

  it("keeps an older system's users when the first write of all three files fails in its middle", async () => {
    const etc = path.join(top, "to_container/etc");
    mkdirSync(etc, { recursive: true });
    writeFileSync(path.join(etc, "demousers-passwd"), "carol:x:1100:1100::/home/carol:/bin/bash\n");
    writeFileSync(path.join(etc, "demousers-shadow"), "carol:$6$own$y:1:0:99999:7:::\n");
    writeFileSync(path.join(etc, "demousers-group"), "carol:x:1100:\n");
    // Stands in for a full disk: nothing can be written there.
    const shadow = path.join(top, "protected/users/shadow");
    mkdirSync(path.dirname(shadow), { recursive: true });
    symlinkSync("/nowhere/shadow", shadow);
    expect((await users(["add-demo", "--count", "1"])).stderr).toContain(`error: ${shadow} could not be written`);
    expect(readdirSync(path.dirname(shadow)).sort()).toEqual(["group", "shadow"]);
    rmSync(shadow);
    await users(["add-demo", "--count", "1"]);
    expect(text("passwd")).toContain("carol:x:1100");
    expect(text("shadow")).toContain("carol:$6$own$y");
  });

  it("refuses files that are not UTF-8, and leaves them as they are", async () => {
    await users(["add-demo", "--count", "1"]);
    const file = path.join(top, "protected/users/passwd");
    const bytes = Buffer.from(`${text("passwd")}ann:x:1200:1200:J\u00fcrgen:/home/ann:/bin/bash\n`, "latin1");
    writeFileSync(file, bytes);
    for (const words of [["add-demo"], ["remove", "xpra-user01"]]) {
      const { exitCode, stderr } = await users(words);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`error: ${file} is not UTF-8\n  line 2 has bytes that belong to no character\n  try: iconv -f latin1`);
      expect(readFileSync(file).equals(bytes)).toBe(true);
    }
  });

  it("takes no byte order mark into the password, and no password that is not UTF-8", async () => {
    await users(["add-demo", "--count", "1", "--password-stdin"], { stdin: "\ufeffcorrect horse\r\n" });
    expect(isPassword("xpra-user01", "correct horse")).toBe(true);
    const vdi = path.join(distribution, "bin", "vdi");
    const { exitCode, stderr } = await execa(process.execPath, [vdi, "users", "add-demo", "--count", "2", "--password-stdin"], {
      cwd: top,
      env: { KUBECONFIG: path.join(top, "none") },
      input: Buffer.from("correct h\u00f6rse\n", "latin1"),
      reject: false,
    });
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("error: what stands on standard input is not UTF-8"),
    });
    expect(stderr).not.toContain("correct");
    expect(text("passwd")).not.toContain("xpra-user02");
  });

  it("keeps what another admin changes while passwords are made", async () => {
    await users(["add-demo", "--count", "2"]);
    // Somebody removes the second user while the third one's password is being made.
    const programs = path.join(path.dirname(top), "bin");
    mkdirSync(programs);
    const openssl = execFileSync("sh", ["-c", "command -v openssl"], { encoding: "utf8" }).trim();
    const script = `#!/bin/sh\nsed -i /^xpra-user02:/d "${top}"/protected/users/*\nexec "${openssl}" "$@"\n`;
    writeFileSync(path.join(programs, "openssl"), script, { mode: 0o755 });
    vi.stubEnv("PATH", `${programs}:${process.env["PATH"]}`);
    const before = text("shadow");
    const { stdout } = await users(["add-demo", "--count", "3", "-o", "json"]).finally(() => vi.unstubAllEnvs());
    // Asked for as one of three, it is made again as a new one: with another password, that is shown.
    expect(JSON.parse(stdout)).toMatchObject({ users: [{ state: "kept" }, { state: "added" }, { state: "added" }] });
    const line = /^xpra-user02:.*$/m;
    expect(text("shadow").match(line)?.[0]).not.toBe(before.match(line)?.[0]);
  });
});

describe("vdi users list and remove", () => {
  it("show and remove users, and refuse unknown ones before anything is removed", async () => {
    expect((await users(["list"])).stdout).toContain("no users yet");
    await users(["add-demo", "--count", "3"]);
    expect((await users(["remove", "xpra-user01", "nobody"])).stderr).toContain("there is no user nobody");
    expect(text("passwd")).toContain("xpra-user01");
    expect((await users(["remove", "xpra-user01", "xpra-user03"])).exitCode).toBe(0);
    expect(all()).not.toMatch(/xpra-user0[13]/);
    const { stdout } = await users(["list", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ users: [{ name: "xpra-user02", uid: 20002, groups: ["xpra-user02"], hasPassword: true }] });
  });
});

describe("users on the cluster", () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await FakeCluster.start();
  });
  afterEach(() => cluster.stop());
  const onCluster = (argv: readonly string[]): Promise<RunResult> => users(argv, { ports: { connectKube: async () => cluster.transport } });
  const secretPath = "/api/v1/namespaces/ingress-vdi-stp/secrets/xpra-proxy-users";
  const podPath = "/api/v1/namespaces/ingress-vdi-stp/pods/xpra-proxy-1";

  function onTheCluster(name: string): string {
    const secret = cluster.objects.get(secretPath) as unknown as { data: Record<string, string> };
    return Buffer.from(secret.data[name] ?? "", "base64").toString();
  }

  function deployed(directory = "vdi-stp"): void {
    for (const name of ["vdi-stp", "ingress-vdi-stp"]) {
      cluster.put(`/api/v1/namespaces/${name}`, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name, annotations: { "vdi.xpra.org/directory": directory } },
      });
    }
    cluster.put(podPath, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "xpra-proxy-1", namespace: "ingress-vdi-stp", labels: { app: "xpra-proxy" } },
    });
  }

  it("reach running proxies at once, and only when something changed", async () => {
    deployed();
    const first = await onCluster(["add-demo", "--count", "1"]);
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain("the proxies know it within seconds: xpra-proxy-1");
    expect(onTheCluster("shadow")).toBe(text("shadow"));
    expect(cluster.objects.get(podPath)?.metadata.annotations).toHaveProperty(["vdi.xpra.org/refreshed"]);
    const version = cluster.objects.get(podPath)?.metadata.resourceVersion;
    expect((await onCluster(["add-demo", "--count", "1"])).stdout).toContain("the cluster has it already");
    expect(cluster.objects.get(podPath)?.metadata.resourceVersion).toBe(version);
  });

  it("wait for the first deploy where there is none", async () => {
    expect((await onCluster(["add-demo", "--count", "1"])).stdout).toContain("'vdi deploy' brings it to the proxies");
    expect(cluster.objects.has(secretPath)).toBe(false);
  });

  it("still shows new passwords when the cluster refuses, and says that it does", async () => {
    deployed("another-directory");
    const { exitCode, stdout } = await onCluster(["add-demo", "--count", "1"]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain("password ");
    expect(stdout).toContain(
      "the proxies do not know it: the namespace ingress-vdi-stp belongs to the deployment directory 'another-directory'",
    );
    expect(cluster.objects.has(secretPath)).toBe(false);
  });

  it.each([
    ["are read", ({ method, path: asked }: SeenRequest) => method === "GET" && asked === "/api/v1/namespaces/vdi-stp"],
    ["are applied", ({ method, path: asked }: SeenRequest) => method === "PATCH" && asked === secretPath],
  ])("are not given back by a deploy when they are removed as the deploy's own %s", async (_, isMoment) => {
    expect((await users(["add-demo", "--count", "2"])).exitCode).toBe(0);
    cpSync(path.join(distribution, "to_container"), path.join(top, "to_container"), { recursive: true });
    let isRemoved = false;
    cluster.onRequest = (request) => {
      if (isRemoved || !isMoment(request)) return;
      isRemoved = true;
      for (const name of ["passwd", "shadow", "group"])
        writeFileSync(path.join(top, "protected/users", name), text(name).replace(/^xpra-user02:.*\n/m, ""));
    };
    const deployed = await runVdi(["deploy"], { cwd: top, ports: { connectKube: async () => cluster.transport } });
    expect(deployed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(isRemoved).toBe(true);
    expect(onTheCluster("passwd")).toBe(text("passwd"));
    expect(onTheCluster("shadow")).not.toContain("xpra-user02");
  });
});
