// `npm start`: installs the packages that the rest needs, then runs it. Plain JavaScript: it runs before `npm ci`.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(`${root}node_modules/.package-lock.json`)) {
  process.stderr.write("installing the npm packages\n");
  run("npm", ["ci", "--no-fund", "--no-audit"]);
}
run("npm", ["run", "--silent", "build"]);
run(process.execPath, ["test/run-ts.mjs", "test/start/start.ts", ...process.argv.slice(2)]);
