import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeDirectories } from "../../../src/util/make-directories.ts";

let top = "";

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "vdi-directories-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

it("makes what is missing with the mode, and leaves what is there", async () => {
  mkdirSync(join(top, "old"));
  chmodSync(join(top, "old"), 0o711);
  await makeDirectories(join(top, "old", "a", "b"), 0o700);
  await makeDirectories(join(top, "old", "a"), 0o755);
  expect(["old", "old/a", "old/a/b"].map((name) => statSync(join(top, name)).mode & 0o777)).toEqual([0o711, 0o700, 0o700]);
});

it("is no failure for those who make the same at once", async () => {
  await Promise.all([1, 2, 3, 4].map(() => makeDirectories(join(top, "a", "b", "c"))));
  expect(statSync(join(top, "a/b/c")).isDirectory()).toBe(true);
});

it("says what is in the way", async () => {
  writeFileSync(join(top, "file"), "");
  await expect(makeDirectories(join(top, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeDirectories(join(top, "file", "a"))).rejects.toMatchObject({ code: "ENOTDIR" });
});
