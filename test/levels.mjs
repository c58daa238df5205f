import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectCounts } from "./counts.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const artifacts = join(root, "artifacts");

/**
 * One run of levels of tests: its steps, and what became of them. `finish()` says all of that and gives whether everything
 * passed. Plain JavaScript: it runs before `npm ci`.
 */
export function startRun() {
  const started = Date.now();
  const failures = [];
  const reports = [];

  /**
   * Runs a step to its end; a failing one is remembered, and the next ones still run. Its output is shown as it comes, or when it
   * has ended, for one that runs beside another.
   */
  function step(name, command, args, { env = {}, isBeside = false } = {}) {
    const at = Date.now();
    const title = `\n=== ${name}\n`;
    if (!isBeside) process.stdout.write(title);
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", ...(isBeside ? ["pipe", "pipe"] : ["inherit", "inherit"])],
    });
    const output = [title];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => output.push(data));
    return new Promise((resolve) => {
      const end = (problem) => {
        if (problem !== undefined) failures.push(`${name} (${problem})`);
        if (isBeside) for (const data of output) process.stdout.write(data);
        const seconds = Math.round((Date.now() - at) / 1000);
        process.stdout.write(`=== ${name}: ${problem === undefined ? "done" : "FAILED"} after ${seconds} s\n`);
        resolve(problem === undefined);
      };
      child.once("error", (error) => end(error.message));
      child.once("close", (code, signal) => end(code === 0 ? undefined : `exit code ${code ?? signal}`));
    });
  }

  function vitest(project, options) {
    const report = join(artifacts, `${project}.json`);
    mkdirSync(artifacts, { recursive: true });
    // The one of an earlier run would be counted again where this run writes none.
    rmSync(report, { force: true });
    reports.push({ project, file: report });
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    return step(`${project} tests`, "npx", ["vitest", "run", "--project", project, ...reporters], options);
  }

  async function build() {
    const isInstalled = existsSync(join(root, "node_modules", ".package-lock.json")) || (await step("npm ci", "npm", ["ci"]));
    return isInstalled && (await step("build", "npm", ["run", "build"]));
  }

  function setUpEndToEnd() {
    return step("set-up of the end-to-end tests", process.execPath, ["test/run-ts.mjs", "test/e2e/set-up.ts"]);
  }

  /** After `setUpEndToEnd`. */
  function endToEnd() {
    // Most of the time those on the cluster wait for something: the others have the processors then.
    const env = { VDI_E2E_SETUP: "done" };
    return Promise.all([vitest("e2e", { env }), vitest("e2e-engine", { env, isBeside: true })]);
  }

  function finish() {
    const allowedSkips = JSON.parse(readFileSync(join(root, "test", "allowed-skips.json"), "utf8"));
    const counts = collectCounts(reports, allowedSkips);
    const problems = [...failures, ...counts.problems];
    const minutes = Math.round((Date.now() - started) / 60000);
    const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
    process.stdout.write(`\n${minutes} minutes\n`);
    for (const problem of problems) process.stdout.write(`FAILED: ${problem}\n`);
    process.stdout.write(`${line}\n`);
    return { isGreen: problems.length === 0, line: `${line}, ${minutes} minutes` };
  }

  return { step, vitest, build, setUpEndToEnd, endToEnd, finish };
}
