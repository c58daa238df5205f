import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeRootfs, rootfsArguments } from "../../../src/images/make-rootfs.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-rootfs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

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
  return { shown, file, done: makeRootfs({ file, env: { PATH: process.env["PATH"] }, progress, signal, now: Date.now, program: run }) };
}

const target = 'for word; do case "$word" in /*rootfs.tar.gz) target=$word;; esac; done';

describe("making a rootfs", () => {
  it("gives the archive, its size and its digest", async () => {
    const { done, file, shown } = make(program(`${target}\necho "I: downloading packages" >&2\nprintf abc > "$target"`));
    expect(await done).toMatchObject({ file, bytes: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" });
    expect(shown).toContain("mmdebstrap: downloading packages");
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

  it("says what to install when mmdebstrap is not there", async () => {
    const error = await make(path.join(directory, "nothing")).done.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VdiError);
    expect((error as VdiError).tries[0]).toBe("apt-get install mmdebstrap");
  });

  it("stops with all that it started when it is interrupted", async () => {
    const interrupt = new AbortController();
    const mark = path.join(directory, "mark");
    const { done, file } = make(program(`(sleep 2; touch ${mark}) &\necho "I: begun" >&2\nwait`), interrupt.signal);
    setTimeout(() => interrupt.abort(), 300);
    await expect(done).rejects.toMatchObject({ name: "AbortError" });
    expect(existsSync(file)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 2200));
    expect(existsSync(mark)).toBe(false);
  });
});

describe("the arguments for mmdebstrap", () => {
  it("use a mirror of the site without writing it into the image", () => {
    const words = rootfsArguments("/x/rootfs.tar.gz", "http://mirror.example/debian", "http://mirror.example/security");
    expect(words.slice(-5)).toEqual([
      "trixie",
      "/x/rootfs.tar.gz",
      "deb http://mirror.example/debian trixie main",
      "deb http://mirror.example/debian trixie-updates main",
      "deb http://mirror.example/security trixie-security main",
    ]);
    expect(words.slice(0, -5).join("\n")).not.toContain("mirror.example");
    expect(words.find((word) => word.includes("sources.list"))).toContain("http://deb.debian.org/debian trixie main");
  });
});
