// `npm test`: all levels with their own set-up, from a clean checkout on. Plain JavaScript: it runs before `npm ci`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectCounts } from "./counts.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const artifacts = join(root, "artifacts");
mkdirSync(artifacts, { recursive: true });

const started = Date.now();
const failures = [];
const reports = [];

/** Runs one step with its output shown; a failing step is remembered and the next ones still run. */
function step(name, command, args) {
  const at = Date.now();
  process.stdout.write(`\n=== ${name}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const seconds = Math.round((Date.now() - at) / 1000);
  if (status !== 0) failures.push(`${name} (${error?.message ?? `exit code ${status}`})`);
  process.stdout.write(`=== ${name}: ${status === 0 ? "done" : "FAILED"} after ${seconds} s\n`);
  return status === 0;
}

function vitest(project) {
  const report = join(artifacts, `${project}.json`);
  reports.push({ project, file: report });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  step(`${project} tests`, "npx", ["vitest", "run", "--project", project, ...reporters]);
}

const ready = existsSync(join(root, "node_modules", ".package-lock.json")) || step("npm ci", "npm", ["ci"]);
if (ready && step("build", "npm", ["run", "build"])) {
  step("check", "npm", ["run", "check"]);
  vitest("unit");
  vitest("integration");
  vitest("e2e");
}

const allowedSkips = JSON.parse(readFileSync(join(root, "test", "allowed-skips.json"), "utf8"));
const counts = collectCounts(reports, allowedSkips);
for (const line of counts.problems) failures.push(line);
process.stdout.write(`\n${Math.round((Date.now() - started) / 60000)} minutes\n`);
for (const line of failures) process.stdout.write(`FAILED: ${line}\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
