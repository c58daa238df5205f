import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aptSources, debianMirrors } from "../../../src/images/debian-mirrors.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-apt-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Stands in for apt-get. */
function program(script: string): string {
  const file = path.join(directory, "apt-get");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const debian = [
  { uri: "https://third.example/apt", suite: "bookworm" },
  { uri: "http://site.example/debian", suite: "bookworm" },
  { uri: "http://site.example/debian", suite: "bookworm-updates" },
  { uri: "http://site.example/security", suite: "bookworm-security" },
];

describe("what this machine's apt asks", () => {
  it("is its main entries, without the last slash", async () => {
    const lines = ["http://site.example/debian/ bookworm main Debian", "http://site.example/debian/ bookworm contrib Debian"];
    expect(await aptSources(program(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}`))).toEqual([
      { uri: "http://site.example/debian", suite: "bookworm" },
    ]);
  });

  it("is nothing of Ubuntu's or of anybody else, whose suites end alike", async () => {
    const lines = ["http://u.example/ubuntu/ noble-updates main Ubuntu", "http://d.example/apt/ bookworm-security main Debian CE"];
    expect(await aptSources(program(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}`))).toEqual([]);
  });

  it.each([
    ["there is no apt", () => path.join(directory, "nothing")],
    ["apt fails", () => program("echo x y main; exit 100")],
  ])("is nothing where %s", async (_, apt) => {
    expect(await aptSources(apt())).toEqual([]);
  });
});

describe("the mirrors of the root file system", () => {
  it("are those of this machine, whoever else offers the same suite", () => {
    expect(debianMirrors({}, debian)).toEqual({ mirror: "http://site.example/debian", securityMirror: "http://site.example/security" });
  });

  it("are the given ones first", () => {
    const given = { mirror: "http://a.example/debian", securityMirror: "http://b.example/security" };
    expect(debianMirrors(given, debian)).toEqual(given);
    expect(debianMirrors({ mirror: given.mirror, securityMirror: "" }, debian).securityMirror).toBe("http://site.example/security");
  });

  const refusal = (run: () => unknown): VdiError => {
    try {
      run();
    } catch (thrown) {
      if (thrown instanceof VdiError) return thrown;
    }
    throw new Error("it was not refused");
  };

  it("are asked for where nobody names them, by the options that are missing", () => {
    expect(refusal(() => debianMirrors({}, []))).toMatchObject({
      what: "no Debian mirror is known",
      why: "none is given, and this machine has no apt that asks Debian's own servers",
      tries: ["vdi images rootfs --mirror URL --security-mirror URL", expect.any(String)],
    });
    const half = refusal(() => debianMirrors({ mirror: "http://a.example/debian" }, [{ uri: "http://u.example/ubuntu", suite: "noble" }]));
    expect(half.what).toBe("no Debian mirror is known for the security updates");
    expect(half.tries[0]).toBe("vdi images rootfs --security-mirror URL");
  });

  it.each(["no-address", "http://a b/", "http://a'b/", 'http://a"b/', "http://a/[x]"])("are never %s", (mirror) => {
    expect(refusal(() => debianMirrors({ mirror, securityMirror: "http://b.example/s" }, [])).what).toContain("is no address");
  });

  it.each(["http://me:hunter2@a.example/ debian", "http://me:hun@hunter2/ter@a.example/ debian", "me:hunter2 @a.example/ debian"])(
    "are refused without the password of %s",
    (mirror) => {
      const { what } = refusal(() => debianMirrors({ mirror, securityMirror: "http://b.example/s" }, []));
      expect(what).toMatch(/^"(http:\/\/)?a\.example\/ debian" is no address/);
    },
  );
});
