import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runVdi } from "../support/run-vdi.ts";

let directory = "";
beforeAll(() => {
  directory = join(mkdtempSync(join(tmpdir(), "vdi-explain-")), "vdi-stp");
  mkdirSync(join(directory, "deploy"), { recursive: true });
  writeFileSync(
    join(directory, "deploy/vdi.env"),
    "EXTERNALIPS=192.0.2.10\nXPRA_WORKERS=node1 node2\nREPLICAS=many\nIDM_ADMIN_PASSWORD=Z2VoZWlt\nXPRA_MOTTO=hello\nXPRA_MY_TOKEN=geheim\n",
  );
});
afterAll(() => rmSync(join(directory, ".."), { recursive: true, force: true }));

const explain = (name: string, ...more: string[]): ReturnType<typeof runVdi> =>
  runVdi(["config", "explain", name, ...more], { cwd: directory, env: { XPRA_SCREEN: "1920x1080" } });

describe("vdi config explain", () => {
  it("says what a variable is for, its value here, and what it changes", async () => {
    const { stdout, exitCode } = await explain("XPRA_WORKERS");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("value     node1 node2  (deploy/vdi.env:2)");
    expect(stdout).toContain("default   none: you have to decide");
    expect(stdout).toContain("changes   the label of the nodes that run sessions");
    expect(stdout).toContain('example   XPRA_WORKERS="node1 node2"');
    expect(stdout).toContain("see       doc/configuration.md#xpra_workers");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it.each([
    ["XPRA_SCREEN", { value: "1920x1080", from: { kind: "environment" }, status: "used" }],
    ["PORT", { value: "14500", from: { kind: "default" } }],
    ["REPLICAS", { problem: "REPLICAS must be a whole number (it is 'many')", from: { kind: "file", line: 3 } }],
    ["XPRA_STORAGE", { status: "later", usedBy: [] }],
    ["PROXY_DEBUG", { status: "dropped", changes: [] }],
    ["IMAGE_DESKTOP_OFFICE", { status: "image", meaning: expect.stringContaining("desktop-office") }],
    ["XPRA_MOTTO", { status: "own", value: "hello" }],
  ])("knows how it is with %s", async (name, wanted) => {
    const { stdout, exitCode } = await explain(name, "-o", "json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(wanted);
  });

  it.each(["IDM_ADMIN_PASSWORD", "XPRA_MY_TOKEN"])("never shows %s", async (name) => {
    for (const form of ["human", "json"]) {
      const { stdout } = await explain(name, "-o", form);
      expect(stdout).toContain("secret");
      expect(stdout).not.toMatch(/Z2VoZWlt|geheim/);
    }
  });

  it("names what was perhaps meant", async () => {
    const { stderr, exitCode } = await explain("XPRA_WORKER");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("XPRA_WORKER is not a variable of vdi");
    expect(stderr).toContain("try: vdi config explain XPRA_WORKERS");
  });

  it("works where there is no deployment, but not in a named one that is not there", async () => {
    const { stdout, exitCode } = await runVdi(["config", "explain", "REPLICAS"], { cwd: "/" });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("there is no deployment directory here");
    expect((await runVdi(["config", "explain", "REPLICAS", "--dir", "/nonexistent"], { cwd: "/" })).exitCode).toBe(2);
  });
});
