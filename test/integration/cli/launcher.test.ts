import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { distribution } from "../support/run-vdi.ts";

const launcher = join(distribution, "bin", "vdi");

describe("the launcher", () => {
  it("prints the version", async () => {
    const { version } = JSON.parse(readFileSync(join(distribution, "package.json"), "utf8")) as { version: string };
    expect((await execa(process.execPath, [launcher, "--version"])).stdout).toBe(version);
  });

  it("needs no package for the version", async () => {
    // A copy without node_modules: whatever were loaded from there would not be found.
    const copy = mkdtempSync(join(tmpdir(), "vdi-launcher-"));
    for (const part of ["bin", "dist", "package.json"]) cpSync(join(distribution, part), join(copy, part), { recursive: true });
    const { stdout } = await execa(process.execPath, [join(copy, "bin", "vdi"), "--version"]);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
    rmSync(copy, { recursive: true });
  });

  it("ends quietly when its reader has seen enough", async () => {
    const { stderr, exitCode } = await execa("sh", ["-c", `"${process.execPath}" "${launcher}" --help | head -n 1`]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  it("comes to its own end when nobody reads what it says on standard error", async () => {
    const child = spawn(process.execPath, [launcher, "dploy"], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.destroy();
    expect(await once(child, "exit")).toEqual([2, null]);
  });
});
