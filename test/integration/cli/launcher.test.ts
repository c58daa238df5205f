import { readFileSync } from "node:fs";
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

  it("loads no package for the version", async () => {
    const { stderr } = await execa(process.execPath, [launcher, "--version"], { env: { NODE_DEBUG: "esm,module" } });
    expect(stderr).not.toMatch(/node_modules/);
  });

  it("ends quietly when its reader has seen enough", async () => {
    const { stderr, exitCode } = await execa("sh", ["-c", `"${process.execPath}" "${launcher}" --help | head -n 1`]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });
});
