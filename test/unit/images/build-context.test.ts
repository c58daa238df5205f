import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { list } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contentKey, contextEntries, packContext } from "../../../src/images/build-context.ts";
import { readDockerfile } from "../../../src/images/dockerfile.ts";

let deployment = "";
beforeEach(() => {
  deployment = mkdtempSync(path.join(tmpdir(), "vdi-context-"));
});
afterEach(() => rmSync(deployment, { recursive: true }));

function write(at: string, text = at, mode = 0o644): void {
  const file = path.join(deployment, at);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

function entries(dockerfile = "FROM scratch\nCOPY . /") {
  return contextEntries({
    directory: path.join(deployment, "images/a"),
    deployment,
    sources: readDockerfile(dockerfile).sources,
    file: "images/a/Dockerfile",
  });
}
const paths = (dockerfile?: string): string[] => entries(dockerfile).map((entry) => entry.path);

describe("the context of an image", () => {
  it("is the directory without the Dockerfile and its templates", () => {
    for (const name of ["Dockerfile", "Dockerfile.ejs", ".dockerignore", ".unfinished-7-rootfs.tar.gz", "x", "d/Dockerfile"])
      write(`images/a/${name}`, "");
    expect(paths()).toEqual(["d", "d/Dockerfile", "x"]);
  });

  it("keeps to .dockerignore: comments, wildcards, directories, exceptions", () => {
    for (const name of ["a.log", "keep.log", "d/b.log", "secret/x", "secret/public/y", "z"]) write(`images/a/${name}`);
    write("images/a/.dockerignore", "# logs\n**/*.log\r\n!keep.log\n/secret\n!secret/public\n");
    expect(paths()).toEqual(["d", "keep.log", "secret/public", "secret/public/y", "z"]);
  });

  it("takes to_container/ from the deployment directory: just what is copied", () => {
    write("images/a/x");
    for (const name of ["bin/one", "bin/two", "etc/deep/f", "addon/m.py", "addon/__pycache__/m.pyc", "other"])
      write(`to_container/${name}`);
    expect(paths("FROM a\nCOPY to_container/bin/one to_container/etc/ to_container/addon/*.py /x/")).toEqual([
      "to_container",
      "to_container/addon",
      "to_container/addon/m.py",
      "to_container/bin",
      "to_container/bin/one",
      "to_container/etc",
      "to_container/etc/deep",
      "to_container/etc/deep/f",
      "x",
    ]);
  });

  it.each(["to_container/nothing", "to_container/../vdi.env", "to_container/bin/../../x"])(
    "refuses %s with the line that names it",
    (source) => {
      write("images/a/x");
      write("to_container/bin/f");
      write("vdi.env");
      expect(() => entries(`FROM a\nCOPY ${source} /`)).toThrow(/images\/a\/Dockerfile:2 copies/);
    },
  );

  it("leaves a rootfs out, unless the Dockerfile unpacks it itself", () => {
    write("images/a/rootfs.tar.xz");
    expect(paths()).toEqual([]);
    expect(paths("FROM scratch\nADD rootfs.tar.xz /")).toEqual(["rootfs.tar.xz"]);
  });
});

describe("the content key", () => {
  const key = (over: { dockerfile?: string; buildArgs?: Record<string, string>; bases?: Record<string, string> } = {}): Promise<string> =>
    contentKey({ entries: entries(), dockerfile: "FROM a", buildArgs: { A: "1" }, bases: { a: "one" }, ...over });

  it("changes with bytes, mode, names, link targets, the Dockerfile, arguments and bases, and not with times", async () => {
    write("images/a/x", "1");
    symlinkSync("x", path.join(deployment, "images/a/link"));
    const seen = [await key()];
    const differs = async (over?: Parameters<typeof key>[0]): Promise<void> => {
      const next = await key(over);
      expect(seen).not.toContain(next);
      seen.push(next);
    };
    utimesSync(path.join(deployment, "images/a/x"), 1, 1);
    expect(await key()).toBe(seen[0]);
    await differs({ dockerfile: "FROM b" });
    await differs({ buildArgs: { A: "2" } });
    await differs({ buildArgs: {} });
    await differs({ bases: { a: "two" } });
    write("images/a/x", "2");
    await differs();
    chmodSync(path.join(deployment, "images/a/x"), 0o755);
    await differs();
    write("images/a/y", "");
    await differs();
    rmSync(path.join(deployment, "images/a/link"));
    symlinkSync("y", path.join(deployment, "images/a/link"));
    await differs();
    mkdirSync(path.join(deployment, "images/a/empty"));
    await differs();
  });

  it("does not depend on the order of arguments", async () => {
    write("images/a/x");
    expect(await key({ buildArgs: { A: "1", B: "2" } })).toBe(await key({ buildArgs: { B: "2", A: "1" } }));
  });
});

describe("the archive of a context", () => {
  it("has the files under their names in the context, with modes, links and long names", async () => {
    write("images/a/x", "content", 0o750);
    // A second name of the same file is a file too.
    linkSync(path.join(deployment, "images/a/x"), path.join(deployment, "images/a/hard"));
    symlinkSync("x", path.join(deployment, "images/a/soft"));
    const long = `${"d".repeat(90)}/${"f".repeat(120)}`;
    write(`images/a/${long}`);
    write("images/a/@odd", "not an archive");
    write("to_container/bin/tool", "tool", 0o755);
    write("rendered", "FROM scratch");
    const found: Record<string, unknown> = {};
    const reader = list({
      onReadEntry: (entry) => {
        found[entry.path] = [entry.type, entry.mode === undefined ? 0 : entry.mode & 0o777, entry.linkpath ?? ""];
      },
    });
    const archive = packContext(entries("FROM a\nCOPY . /\nCOPY to_container/bin/tool /"), path.join(deployment, "rendered"));
    for await (const chunk of archive) reader.write(chunk as Buffer);
    await new Promise<void>((resolve) => {
      reader.on("end", resolve);
      reader.end();
    });
    expect(found).toMatchObject({
      Dockerfile: ["File", 0o644, ""],
      x: ["File", 0o750, ""],
      hard: ["File", 0o750, ""],
      soft: ["SymbolicLink", expect.anything(), "x"],
      "@odd": ["File", 0o644, ""],
      [long]: ["File", 0o644, ""],
      "to_container/bin/tool": ["File", 0o755, ""],
    });
    expect(Object.keys(found).some((name) => name.startsWith("/"))).toBe(false);
  });
});
