import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSessionFiles } from "../../../src/deployment/deployment-files.ts";
import { ExitCode } from "../../../src/util/exit-code.ts";

let top = "";
beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), "vdi-files-"));
  mkdirSync(path.join(top, "bin"));
  writeFileSync(path.join(top, "bin/tool"), "x", { mode: 0o755 });
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

describe("what travels to the sessions", () => {
  it("is also what links lead to", async () => {
    symlinkSync("tool", path.join(top, "bin/alias"));
    const { bin } = await readSessionFiles(top);
    expect(bin.map((file) => `${file.path} ${Buffer.from(file.content).toString()} ${file.executable}`)).toEqual([
      "alias x true",
      "tool x true",
    ]);
  });

  it.each([
    ["that leads nowhere", "nothing", "it is a link to something that is not there"],
    ["to a directory above it", "..", "it is a link into a circle"],
    ["to itself", "wrong", "it is a link into a circle"],
  ])("is not read past a link %s, which is named", async (_, leadsTo, why) => {
    symlinkSync(leadsTo, path.join(top, "bin/wrong"));
    await expect(readSessionFiles(top)).rejects.toMatchObject({
      what: `${path.join(top, "bin/wrong")} cannot be read`,
      why,
      exitCode: ExitCode.usage,
    });
  });
});
