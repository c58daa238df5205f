// `npm start`: installs the npm packages, builds vdi, then `vdi local up`; with --kubernetes the one-node cluster instead, with a
// deployment on it. Plain JavaScript: it runs before `npm ci`.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const args = process.argv.slice(2);

function run(command, words, cwd = root) {
  const { status } = spawnSync(command, words, { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 130);
}

/** When something below it changed last; a removed file changes its directory. */
function changedAt(path) {
  if (!existsSync(path)) return 0;
  const facts = statSync(path);
  if (!facts.isDirectory()) return facts.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== "node_modules");
  return Math.max(facts.mtimeMs, ...names.map((name) => changedAt(join(path, name))));
}

if (!existsSync(`${root}node_modules/.package-lock.json`)) {
  process.stderr.write("installing the npm packages\n");
  run("npm", ["ci", "--no-fund", "--no-audit"]);
}
// A start with nothing to do shall be over in seconds.
const sources = ["src", "web", "build", "build.mjs", "package.json", "node_modules/.package-lock.json"].map((name) =>
  changedAt(join(root, name)),
);
const built = existsSync(`${root}dist/main.js`) && existsSync(`${root}dist/to_container/www`) ? statSync(`${root}dist/main.js`).mtimeMs : 0;
if (Math.max(...sources) >= built) run("npm", ["run", "--silent", "build"]);

if (args.includes("--kubernetes")) {
  run(process.execPath, ["test/run-ts.mjs", "test/start/start.ts", ...args.filter((word) => word !== "--kubernetes")]);
} else {
  run(process.execPath, ["bin/vdi", "local", "up", ...args]);
}
