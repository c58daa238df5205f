import { describe, expect, it } from "vitest";
import { commands } from "../../../src/commands/index.ts";
import { runVdi } from "../support/run-vdi.ts";

describe("help", () => {
  it("of vdi lists the commands", async () => {
    const { stdout, exitCode } = await runVdi(["--help"]);
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot("golden/vdi.txt");
  });

  it.each(commands.map((command) => command.path))("of %s %s is as it was", async (...path) => {
    const words = path.filter((word) => word !== undefined);
    const { stdout, exitCode } = await runVdi([...words, "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Examples:");
    expect(
      stdout.split("\n").filter((line) => line.length > 80),
      "lines that a terminal of 80 columns would break",
    ).toEqual([]);
    await expect(stdout).toMatchFileSnapshot(`golden/${words.join("-")}.txt`);
  });
});

describe("the command line", () => {
  it("refuses an unknown command and an unknown option with exit code 2", async () => {
    const unknown = await runVdi(["dploy"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain("dploy");
    expect(unknown.stdout).toBe("");
    expect((await runVdi(["deploy", "--frobnicate"])).exitCode).toBe(2);
  });

  it("has no two commands of the same name", () => {
    const names = commands.map((command) => command.path.join(" "));
    expect(new Set(names).size).toBe(names.length);
  });
});
