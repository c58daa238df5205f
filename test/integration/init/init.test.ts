import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { differencesOf } from "../../../src/init/differences.ts";
import { type InitOptions, type InitResult, initDeployment } from "../../../src/init/init-deployment.ts";
import { runVdi } from "../support/run-vdi.ts";

let top = "";
beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), "vdi-init-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function write(file: string, text: string, mode = 0o644): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** A small distribution; each text is a file's content. */
function makeDistribution(version = "one"): string {
  const dir = path.join(top, `dist-${version}`);
  write(path.join(dir, "images/vdi-base/Dockerfile.ejs"), `FROM x # ${version}\n`);
  write(path.join(dir, "images/vdi-base/rootfs.tar.xz"), "large");
  write(path.join(dir, "images/vdi-base/.unfinished-1-rootfs.tar.gz"), "half");
  write(path.join(dir, "to_container/bin/tool"), `#!/bin/sh\necho ${version}\n`, 0o755);
  write(path.join(dir, "to_container/etc/same"), "same\n");
  write(path.join(dir, "to_container/xpra-addon/__pycache__/x.pyc"), "cache");
  write(path.join(dir, "dist/to_container/www/index.html"), `<p>${version}\n`);
  write(path.join(dir, "doc/page.md"), `page ${version}\n`);
  mkdirSync(path.join(dir, "to_mount"), { recursive: true });
  symlinkSync(`../to_container/${version}`, path.join(dir, "to_mount/bin_ro"));
  return dir;
}

function init(more: Partial<InitOptions> & { readonly lines?: string[] } = {}): Promise<InitResult> {
  return initDeployment({
    directory: path.join(top, "vdi-stp"),
    distribution: path.join(top, "dist-one"),
    version: "1.0.0",
    force: false,
    values: new Map(),
    interactive: false,
    progress: { line: (text) => more.lines?.push(text), status: () => {}, clear: () => {} },
    signal: new AbortController().signal,
    confirm: async () => false,
    now: () => 0,
    ...more,
  });
}

/** Every file below a directory: its mode and content, or where a link leads. */
function snapshot(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    const file = path.join(dir, name);
    const status = lstatSync(file);
    if (status.isFile()) found[name] = `${(status.mode & 0o777).toString(8)} ${status.mtimeMs} ${readFileSync(file, "utf8")}`;
    else found[name] = `${(status.mode & 0o777).toString(8)}`;
  }
  return found;
}

const at = (name: string): string => path.join(top, "vdi-stp", name);
const modeOf = (name: string): number => statSync(at(name)).mode & 0o777;

describe("initDeployment", () => {
  it("lays out everything, with the modes that a deployment needs", async () => {
    makeDistribution();
    const result = await init();
    expect(result).toMatchObject({
      isNew: true,
      namespace: "vdi-stp",
      undecided: ["XPRA_REGISTRY_SRV", "EXTERNALIPS", "DOMNAME", "XPRA_WORKERS"],
    });
    expect(result.added).toEqual([
      "doc/page.md",
      "images/vdi-base/Dockerfile.ejs",
      "to_container/bin/tool",
      "to_container/etc/same",
      "to_container/www/index.html",
      "to_mount/bin_ro",
    ]);
    expect(readdirSync(at("")).sort()).toEqual(["deploy", "doc", "images", "protected", "ssl", "to_container", "to_mount", "yaml"]);
    expect([modeOf("protected"), modeOf("ssl"), modeOf("yaml"), modeOf("to_container"), modeOf("to_container/bin")]).toEqual([
      0o700, 0o700, 0o700, 0o755, 0o755,
    ]);
    expect([modeOf("to_container/bin/tool"), modeOf("to_container/etc/same"), modeOf("deploy/vdi.env")]).toEqual([0o755, 0o644, 0o600]);
    expect(readFileSync(at("deploy/vdi.env"), "utf8")).toMatch(/^XPRA_REGISTRY_SRV=CHANGEME$/m);
  });

  it("changes nothing when it is run again", async () => {
    makeDistribution();
    await init();
    const before = snapshot(at(""));
    const again = await init();
    expect(snapshot(at(""))).toEqual(before);
    expect(again).toMatchObject({ isNew: false, added: [], updated: [], removed: [], kept: [], news: [] });
  });

  it("brings a newer version, and leaves alone what the admin changed", async () => {
    makeDistribution();
    await init();
    write(at("to_container/bin/tool"), "mine\n", 0o755);
    write(at("to_container/etc/same"), "mine too\n");
    write(at("to_container/bin/own"), "own\n");
    write(at("deploy/vdi.env"), "DOMNAME=example.org\n");
    rmSync(at("doc/page.md"));
    const distribution = makeDistribution("two");
    rmSync(path.join(distribution, "dist/to_container/www/index.html"));
    write(path.join(distribution, "to_container/etc/new"), "new\n");
    const result = await init({ distribution, version: "1.1.0" });
    expect(result).toMatchObject({
      isNew: false,
      added: ["to_container/etc/new"],
      updated: ["images/vdi-base/Dockerfile.ejs", "to_mount/bin_ro"],
      removed: ["to_container/www/index.html"],
      kept: ["to_container/bin/tool", "to_container/etc/same"],
      news: ["to_container/bin/tool"],
      keptAway: ["doc/page.md"],
    });
    expect(result.newVariables).toContain("REPLICAS");
    expect(readFileSync(at("to_container/bin/tool"), "utf8")).toBe("mine\n");
    expect(readFileSync(at("to_container/bin/own"), "utf8")).toBe("own\n");
    expect(readFileSync(at("deploy/vdi.env"), "utf8")).toBe("DOMNAME=example.org\n");
    expect(existsSync(at("to_container/www"))).toBe(false);
    // It goes on telling until the admin has decided, and an older vdi may not take it back.
    expect((await init({ distribution, version: "1.1.0" })).news).toEqual(["to_container/bin/tool"]);
    await expect(init()).rejects.toThrow(/newer vdi/);
  });

  it("replaces with --force only what it has shown, and keeps the admin's", async () => {
    makeDistribution();
    await init();
    write(at("to_container/bin/tool"), "mine\n", 0o755);
    await expect(init({ force: true, interactive: true })).rejects.toThrow(/nothing was replaced/);
    expect(readFileSync(at("to_container/bin/tool"), "utf8")).toBe("mine\n");
    const lines: string[] = [];
    const result = await init({ force: true, lines });
    expect(lines.join("\n")).toContain("to_container/bin/tool");
    expect(result.replaced).toEqual(["to_container/bin/tool"]);
    expect(readFileSync(at("to_container/bin/tool"), "utf8")).toContain("echo one");
    expect(readFileSync(at(`${result.backup}/to_container/bin/tool`), "utf8")).toBe("mine\n");
  });

  it.each([
    ["", []],
    [" with a value of its own", [["REPLICAS", "2"]]],
  ] as const)("keeps what was written into vdi.env while it asked%s", async (_, values) => {
    makeDistribution();
    await init();
    write(at("to_container/bin/tool"), "mine\n", 0o755);
    const confirm = async (): Promise<boolean> => {
      appendFileSync(at("deploy/vdi.env"), "XPRA_MINE=later\n");
      return true;
    };
    await init({ force: true, interactive: true, values: new Map(values), confirm });
    const text = readFileSync(at("deploy/vdi.env"), "utf8");
    expect(text).toMatch(/^XPRA_MINE=later$/m);
    for (const [name, value] of values) expect(text).toContain(`\n${name}=${value}\n`);
    expect(modeOf("deploy/vdi.env")).toBe(0o600);
  });

  it("replaces with --force also when protected/ is a file system of its own", async () => {
    makeDistribution();
    await init();
    // The one that every Linux has beside that of /tmp.
    const other = mkdtempSync("/dev/shm/vdi-init-");
    try {
      cpSync(at("protected"), other, { recursive: true });
      rmSync(at("protected"), { recursive: true });
      symlinkSync(other, at("protected"));
      write(at("to_container/bin/tool"), "mine\n", 0o755);
      rmSync(at("to_mount/bin_ro"));
      symlinkSync("elsewhere", at("to_mount/bin_ro"));
      const { backup, replaced } = await init({ force: true });
      expect(replaced).toEqual(["to_container/bin/tool", "to_mount/bin_ro"]);
      expect(readFileSync(at("to_container/bin/tool"), "utf8")).toContain("echo one");
      expect([readFileSync(at(`${backup}/to_container/bin/tool`), "utf8"), modeOf(`${backup}/to_container/bin/tool`)]).toEqual([
        "mine\n",
        0o755,
      ]);
      expect(readlinkSync(at(`${backup}/to_mount/bin_ro`))).toBe("elsewhere");
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  // Nobody but root can give files away.
  (process.getuid?.() === 0 ? it : () => undefined)("leaves nothing of root's in somebody's directory", async () => {
    makeDistribution();
    chownSync(top, 1234, 5678);
    await init();
    write(at("to_container/bin/tool"), "mine\n", 0o755);
    lchownSync(at("to_container/bin/tool"), 1234, 5678);
    await init({ force: true, values: new Map([["REPLICAS", "2"]]) });
    const names = ["", ...readdirSync(at(""), { recursive: true, encoding: "utf8" })];
    expect(names.filter((name) => lstatSync(at(name)).uid !== 1234 || lstatSync(at(name)).gid !== 5678)).toEqual([]);
  });

  it("leaves a vdi.env that is not UTF-8 as it is, and refuses to write values into it", async () => {
    makeDistribution();
    const distribution = makeDistribution("two");
    await init();
    const bytes = Buffer.from("DOMNAME=example.org # M\u00fcnchen\n", "latin1");
    writeFileSync(at("deploy/vdi.env"), bytes);
    const before = snapshot(at(""));
    const refused = init({ distribution, values: new Map([["REPLICAS", "2"]]) });
    await expect(refused).rejects.toMatchObject({ what: `${at("deploy/vdi.env")} is not UTF-8`, exitCode: 2 });
    expect(snapshot(at(""))).toEqual(before);
    expect((await init({ distribution })).updated).toContain("to_container/bin/tool");
    expect(readFileSync(at("deploy/vdi.env")).equals(bytes)).toBe(true);
  });

  it("goes on where it was interrupted, wherever that was", async () => {
    makeDistribution();
    const distribution = makeDistribution("two");
    for (let steps = 0; ; steps++) {
      rmSync(at(""), { recursive: true, force: true });
      let left = steps;
      const interrupt = {
        throwIfAborted: () => {
          if (left-- === 0) throw new DOMException("stop", "AbortError");
        },
      } as AbortSignal;
      const isDone = await init({ signal: interrupt }).then(
        () => true,
        () => false,
      );
      // A newer version finishes it: nothing counts as the admin's.
      const result = await init({ distribution, version: "1.1.0" });
      expect(result.kept).toEqual([]);
      expect(result.keptAway).toEqual([]);
      expect(await differencesOf(at(""), distribution)).toEqual([]);
      expect(readFileSync(at("doc/page.md"), "utf8")).toBe("page two\n");
      if (isDone) break;
      expect(steps).toBeLessThan(20);
    }
  });

  it("fills in values, and refuses wrong ones before it touches anything", async () => {
    makeDistribution();
    await expect(init({ values: new Map([["REPLICAS", "two"]]) })).rejects.toThrow(/REPLICAS must be a whole number/);
    await expect(init({ values: new Map([["NONSENSE", "x"]]) })).rejects.toThrow(/NONSENSE is not a variable/);
    await expect(init({ values: new Map([["IDM_ADMIN_PASSWORD", "eA=="]]) })).rejects.toThrow(/cannot be given on the command line/);
    expect(existsSync(at(""))).toBe(false);
    const result = await init({
      values: new Map([
        ["DOMNAME", "example.org"],
        ["REPLICAS", "2"],
      ]),
    });
    expect(result.undecided).toEqual(["XPRA_REGISTRY_SRV", "EXTERNALIPS", "XPRA_WORKERS"]);
    expect(readFileSync(at("deploy/vdi.env"), "utf8")).toMatch(/^DOMNAME=example\.org$[\s\S]*^REPLICAS=2$/m);
  });

  it("refuses places where a deployment cannot be", async () => {
    const distribution = makeDistribution();
    await expect(init({ directory: path.join(distribution, "vdi-stp") })).rejects.toThrow(/inside the distribution/);
    symlinkSync(distribution, path.join(top, "link"));
    await expect(init({ directory: path.join(top, "link/vdi-stp") })).rejects.toThrow(/inside the distribution/);
    await expect(init({ directory: path.join(top, "Vdi_Stp") })).rejects.toThrow(/cannot be a deployment directory's name/);
    await expect(init({ directory: path.join(top, "a".repeat(55)) })).rejects.toThrow(/at most 54/);
    write(path.join(top, "other/file"), "x");
    await expect(init({ directory: path.join(top, "other") })).rejects.toThrow(/is not empty/);
    expect(readdirSync(path.join(top, "other"))).toEqual(["file"]);
    write(path.join(top, "plain"), "x");
    await expect(init({ directory: path.join(top, "plain") })).rejects.toThrow(/cannot be used as a directory/);
  });
});

describe("differencesOf", () => {
  it("tells which files the images do not have", async () => {
    const distribution = makeDistribution();
    await init();
    expect(await differencesOf(at(""), distribution)).toEqual([]);
    write(at("to_container/bin/own"), "own\n");
    chmodSync(at("to_container/bin/tool"), 0o644);
    rmSync(at("to_container/etc/same"));
    expect(await differencesOf(at(""), distribution)).toEqual([
      { path: "bin/own", state: "added" },
      { path: "bin/tool", state: "changed" },
      { path: "etc/same", state: "missing" },
    ]);
    expect(await differencesOf(at(""), distribution, "etc")).toEqual([{ path: "etc/same", state: "missing" }]);
  });
});

describe("vdi init and vdi config", () => {
  it("lead from nothing to a checked configuration", async () => {
    const made = await runVdi(["init", "vdi-stp", "--set", "DOMNAME=example.org"], { cwd: top });
    expect(made).toMatchObject({ exitCode: 0, stderr: "" });
    expect(made.stdout).toContain("still CHANGEME in deploy/vdi.env: XPRA_REGISTRY_SRV, EXTERNALIPS, XPRA_WORKERS");
    const checked = await runVdi(["config", "check"], { cwd: at("to_container") });
    expect(checked.exitCode).toBe(2);
    expect(checked.stdout).toMatch(/deploy\/vdi\.env:\d+: XPRA_WORKERS is still CHANGEME/);
    await runVdi(
      ["init", at(""), "--set", "XPRA_REGISTRY_SRV=reg:5000", "--set", "EXTERNALIPS=192.0.2.1 192.0.2.2", "--set", "XPRA_WORKERS="],
      { cwd: "/" },
    );
    expect(await runVdi(["config", "check", "--dir", at("")], { cwd: "/" })).toMatchObject({ exitCode: 0 });
    const env = { PORT: "15000", IDM_ADMIN_PASSWORD: "aHVudGVyMg==" };
    const shown = await runVdi(["config", "show", "-o", "json"], { cwd: at(""), env });
    expect(shown.stdout).not.toContain("aHVudGVyMg");
    const { variables } = JSON.parse(shown.stdout) as { variables: { name: string }[] };
    expect(variables.find(({ name }) => name === "PORT")).toEqual({ name: "PORT", value: "15000", from: { kind: "environment" } });
    expect(variables.find(({ name }) => name === "IDM_ADMIN_PASSWORD")).toEqual({
      name: "IDM_ADMIN_PASSWORD",
      secret: true,
      from: { kind: "environment" },
    });
    expect((await runVdi(["config", "show", "NONSENSE"], { cwd: at("") })).exitCode).toBe(2);
  });

  it("say what is next after files came, and nothing when none did", async () => {
    const steps = (first: readonly string[]): string => ["next:", `cd ${at("")}`, ...first, "vdi check --pre", "vdi deploy"].join("\n  ");
    const values = ["XPRA_REGISTRY_SRV=reg:5000", "EXTERNALIPS=192.0.2.1", "DOMNAME=example.org", "XPRA_WORKERS=all"];
    const made = await runVdi(["init", "vdi-stp", ...values.flatMap((value) => ["--set", value])], { cwd: top });
    expect(made.stdout).toContain(steps(["vdi build-images --push", "vdi users add-demo --generate"]));
    expect((await runVdi(["init", at("")])).stdout).not.toContain("next:");
    // What a deployment of an older version does not have yet.
    rmSync(at("protected/distribution.json"));
    rmSync(at("to_container/bin/start-browser"));
    const updated = await runVdi(["init", at("")]);
    expect(updated.stdout).toContain("to_container/bin/start-browser: added");
    expect(updated.stdout).toContain(steps(["vdi build-images --push"]));
  });
});
