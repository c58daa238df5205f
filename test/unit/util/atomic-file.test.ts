import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readUtf8IfThere, writeFileIfChanged } from "../../../src/util/atomic-file.ts";

let top = "";

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "vdi-atomic-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

it("writes only what changes, content or mode", async () => {
  const file = join(top, "new", "file");
  expect(await writeFileIfChanged(file, "one", 0o600)).toBe(true);
  expect(await writeFileIfChanged(file, "one", 0o600)).toBe(false);
  expect(await writeFileIfChanged(file, "one", 0o644)).toBe(true);
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["one", 0o644]);
  expect(readdirSync(join(top, "new"))).toEqual(["file"]);
});

it("leaves a link in its place, and writes what it leads to", async () => {
  mkdirSync(join(top, "shared"));
  writeFileSync(join(top, "shared/file"), "old");
  symlinkSync("shared/file", join(top, "link"));
  expect(await writeFileIfChanged(join(top, "link"), "new", 0o600)).toBe(true);
  expect(lstatSync(join(top, "link")).isSymbolicLink()).toBe(true);
  expect([readFileSync(join(top, "shared/file"), "utf8"), statSync(join(top, "shared/file")).mode & 0o777]).toEqual(["new", 0o600]);
  expect(readdirSync(join(top, "shared"))).toEqual(["file"]);
});

it("refuses to put a file in the place of a link that leads to nothing", async () => {
  const link = join(top, "link");
  symlinkSync("/nowhere/file", link);
  await expect(writeFileIfChanged(link, "new")).rejects.toMatchObject({
    what: `${link} could not be written`,
    why: "it is a link to /nowhere/file, which is not there",
  });
  expect([lstatSync(link).isSymbolicLink(), readdirSync(top)]).toEqual([true, ["link"]]);
});

it("reads text that is written back only when it is UTF-8, and names the line", async () => {
  const file = join(top, "file");
  expect(await readUtf8IfThere(file)).toBe(undefined);
  writeFileSync(file, "\ufeffone # \u00fc\n");
  expect(await readUtf8IfThere(file)).toBe("\ufeffone # \u00fc\n");
  writeFileSync(file, Buffer.from("one\ntwo # \u00fc\nthree", "latin1"));
  const refusal = { what: `${file} is not UTF-8`, why: "line 2 has bytes that belong to no character", exitCode: 2 };
  await expect(readUtf8IfThere(file)).rejects.toMatchObject(refusal);
});

// Nobody else can give files away.
const asRoot = process.getuid?.() === 0 ? describe : () => undefined;

asRoot("written by root", () => {
  const ownerOf = (...at: string[]) => {
    const { uid, gid, mode } = lstatSync(join(top, ...at));
    return [uid, gid, mode & 0o777];
  };

  it("a file keeps its owner", async () => {
    writeFileSync(join(top, "file"), "old");
    chownSync(join(top, "file"), 1234, 5678);
    expect(await writeFileIfChanged(join(top, "file"), "new", 0o640)).toBe(true);
    expect([readFileSync(join(top, "file"), "utf8"), ownerOf("file")]).toEqual(["new", [1234, 5678, 0o640]]);
  });

  it("new files and directories belong to the owner of the directory that they are in", async () => {
    chownSync(top, 1234, 5678);
    await writeFileIfChanged(join(top, "a/b/file"), "new", 0o600);
    expect([ownerOf("a"), ownerOf("a/b"), ownerOf("a/b/file")]).toEqual([
      [1234, 5678, 0o700],
      [1234, 5678, 0o700],
      [1234, 5678, 0o600],
    ]);
  });

  it("root's directories get root's files, and a file of root in another's directory stays root's", async () => {
    await writeFileIfChanged(join(top, "file"), "old");
    chownSync(top, 1234, 5678);
    await writeFileIfChanged(join(top, "file"), "new");
    expect(ownerOf("file").slice(0, 2)).toEqual([0, 0]);
  });
});
