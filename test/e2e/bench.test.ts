import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { renderReport } from "../bench/render.ts";
import type { Report } from "../bench/report.ts";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { kubectlFor } from "./support/kubectl.ts";

const root = join(import.meta.dirname, "..", "..");

let demo: Demo;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "vdi-bench-"));
  demo = await testDemo();
}, 2_400_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

// What the figures are is nobody's business here: that they are taken and told, and that nothing is left behind.
it("a quick bench measures on the deployment, tells what it found, and cleans up", async () => {
  const file = join(directory, "bench.json");
  const { exitCode, stderr } = await execa(
    process.execPath,
    [join("test", "run-ts.mjs"), join("test", "bench", "run.ts"), "--quick", "--json", file, "existing-session", "version"],
    { cwd: root, reject: false, timeout: 170_000 },
  );
  expect(exitCode, stderr).toBe(0);
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  expect(report.benches.map(({ name }) => name)).toEqual(["existing-session", "version"]);
  expect(report.benches.flatMap(({ figures }) => figures).every(({ samples }) => samples.length > 0)).toBe(true);
  const page = renderReport(report);
  expect(page).toMatch(/session runs, through the broker, ms \| 10 \|/);
  expect(page).toMatch(/beside it: node -e 0, ms/);
  expect(page).not.toContain("not measured");
  expect(await kubectlFor(demo.kubeconfig).sessionPods(demo.namespace)).toEqual([]);
  const { users } = JSON.parse((await vdi(demo, "users", "list", "-o", "json")).stdout) as { users: unknown[] };
  expect(users).toHaveLength(3);
});
