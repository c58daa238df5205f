import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");

const sources = execFileSync("git", ["ls-files", "*.ts", "*.mjs", "*.py", "*.sh", "*.ejs"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

it("no source file is longer than 400 lines: it wants to be two", () => {
  const long = sources
    .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length - 1 }))
    .filter(({ lines }) => lines > 400);
  expect(sources.length).toBeGreaterThan(50);
  expect(long).toEqual([]);
});
