import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeRootfs, rootfsArguments, rootfsEnvironment } from "../../../src/images/make-rootfs.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";
import { distribution } from "../support/run-vdi.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-rootfs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const mirrors = { mirror: "http://mirror.example/debian", securityMirror: "http://ann:secret@mirror.example/security" };

/** Stands in for mmdebstrap: a shell script with the same arguments. */
function program(script: string): string {
  const file = path.join(directory, "fake-mmdebstrap");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

function make(run: string, signal = new AbortController().signal) {
  const shown: string[] = [];
  const progress = { line: (text: string) => shown.push(text), status: (text: string) => shown.push(text), clear: () => undefined };
  const file = path.join(directory, "images/vdi-base/rootfs.tar.gz");
  return {
    shown,
    file,
    done: makeRootfs({ file, mirrors, env: { PATH: process.env["PATH"] }, progress, signal, now: Date.now, program: run }),
  };
}

const target = 'for word; do case "$word" in /*rootfs.tar.gz) target=$word;; esac; done';

describe("making a rootfs", () => {
  it("gives the archive, its size and its digest", async () => {
    const { done, file, shown } = make(program(`${target}\necho "I: downloading packages" >&2\nprintf abc > "$target"`));
    expect(await done).toMatchObject({ file, bytes: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" });
    expect(shown).toContain("mmdebstrap: downloading packages");
    expect(shown[0]).toBe(`making ${file} from http://mirror.example/debian and http://mirror.example/security`);
    expect(readdirSync(path.dirname(file))).toEqual(["rootfs.tar.gz"]);
  });

  it("leaves an older archive alone when it fails, and shows the last lines", async () => {
    const first = make(program(`${target}\nprintf old > "$target"`));
    await first.done;
    const second = make(program(`${target}\nprintf half > "$target"\necho "E: no mirror" >&2\nexit 25`));
    await expect(second.done).rejects.toMatchObject({
      what: "the root file system could not be made",
      why: "E: no mirror\nmmdebstrap ended with exit code 25",
    });
    expect(readFileSync(second.file, "utf8")).toBe("old");
    expect(readdirSync(path.dirname(second.file))).toEqual(["rootfs.tar.gz"]);
  });

  it("removes what was left behind by a process that is gone", async () => {
    const { pid } = spawnSync("true");
    const images = path.join(directory, "images/vdi-base");
    mkdirSync(images, { recursive: true });
    for (const maker of [pid, process.ppid]) writeFileSync(path.join(images, `.unfinished-${maker}-rootfs.tar.gz`), "half");
    await make(program(`${target}\nprintf new > "$target"`)).done;
    expect(readdirSync(images).sort()).toEqual([`.unfinished-${process.ppid}-rootfs.tar.gz`, "rootfs.tar.gz"]);
  });

  it("leaves nothing behind when its terminal goes away", async () => {
    mkdirSync(path.join(directory, "bin"));
    mkdirSync(path.join(directory, "deploy"));
    writeFileSync(path.join(directory, "deploy/vdi.env"), "");
    const images = path.join(directory, "images/vdi-base");
    const run = program(`${target}\nprintf half > "$target"\necho "I: begun" >&2\nsleep 60`);
    renameSync(run, path.join(directory, "bin/mmdebstrap"));
    const vdi = `'${process.execPath}' '${path.join(distribution, "bin/vdi")}' images rootfs --dir '${directory}'`;
    const mirror = "--mirror http://a.example/d --security-mirror http://a.example/s";
    // The terminal's first program ends with it, and then the kernel tells the others. This one stays, to see how vdi ends.
    const watcher = path.join(directory, "watcher");
    writeFileSync(watcher, `trap '' HUP\n${vdi} ${mirror}\necho $? > '${directory}/code'\n`);
    const terminal = spawn("script", ["-qec", `sh '${watcher}'; true`, "/dev/null"], {
      stdio: ["ignore", "ignore", "ignore"],
      env: { ...process.env, PATH: `${path.join(directory, "bin")}:${process.env["PATH"]}` },
    });
    const made = (): string[] => (existsSync(images) ? readdirSync(images) : []);
    await expect.poll(made, { timeout: 20_000 }).toEqual([expect.stringMatching(/^\.unfinished-\d+-rootfs\.tar\.gz$/)]);
    terminal.kill("SIGKILL");
    const code = path.join(directory, "code");
    await expect.poll(() => existsSync(code) && readFileSync(code, "utf8"), { timeout: 20_000 }).toBe("129\n");
    expect(made()).toEqual([]);
  });

  it("says what to install when mmdebstrap is not there", async () => {
    const error = await make(path.join(directory, "nothing")).done.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VdiError);
    expect((error as VdiError).tries[0]).toBe("apt-get install mmdebstrap");
  });

  it("stops with all that it started when it is interrupted", async () => {
    const interrupt = new AbortController();
    const mark = path.join(directory, "mark");
    const { done, file, shown } = make(program(`(sleep 2; touch ${mark}) &\necho "I: begun" >&2\nwait`), interrupt.signal);
    done.catch(() => undefined);
    await expect.poll(() => shown, { timeout: 10_000 }).toContain("mmdebstrap: begun");
    interrupt.abort();
    await expect(done).rejects.toMatchObject({ name: "AbortError" });
    expect(existsSync(file)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(existsSync(mark)).toBe(false);
  });
});

describe("the arguments for mmdebstrap", () => {
  const words = rootfsArguments("/x/rootfs.tar.gz");
  const hooks = (kind: string) => words.filter((word) => word.startsWith(`--${kind}-hook=`)).map((word) => word.slice(kind.length + 8));

  /** Runs hooks of that kind as mmdebstrap does, on a root directory that has these sources. */
  function hook(kind: string, root: string): void {
    const env = { PATH: process.env["PATH"], ...rootfsEnvironment(mirrors) };
    for (const script of hooks(kind)) execFileSync("sh", ["-c", script, "exec", root], { env });
  }

  it("name no server: mmdebstrap's own list is for the image", () => {
    expect(words.slice(-2)).toEqual(["trixie", "/x/rootfs.tar.gz"]);
    expect(words.join("\n")).not.toMatch(/https?:|debian\.org|secret/);
  });

  it.each([
    ["sources.list", 'deb [signed-by="/usr/share/keyrings/x.gpg"] http://own.example/debian trixie main\n'],
    ["sources.list.d/0000main.list", "deb http://own.example/debian trixie main\n"],
  ])("use the mirrors for the making only, with mmdebstrap's %s", (file, text) => {
    const root = path.join(directory, "root");
    mkdirSync(path.join(root, "etc/apt/sources.list.d"), { recursive: true });
    mkdirSync(path.join(root, "var/cache/ldconfig"), { recursive: true });
    const list = path.join(root, "etc/apt", file);
    writeFileSync(list, text);
    hook("setup", root);
    const signed = text.includes("signed-by") ? '[signed-by="/usr/share/keyrings/x.gpg"]' : "";
    expect(readFileSync(path.join(root, "etc/apt/sources.list"), "utf8").split("\n")).toEqual([
      `deb ${signed} http://mirror.example/debian trixie main`,
      `deb ${signed} http://mirror.example/debian trixie-updates main`,
      `deb ${signed} http://ann:secret@mirror.example/security trixie-security main`,
      "",
    ]);
    expect(readdirSync(path.join(root, "etc/apt")).sort()).toEqual(["own", "sources.list"]);
    hook("customize", root);
    expect(readFileSync(list, "utf8")).toBe("deb http://own.example/debian trixie main\n");
    expect(spawnSync("grep", ["-r", "mirror.example", root]).status).toBe(1);
  });
});
