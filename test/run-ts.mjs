// Runs a TypeScript file of the tests with its arguments: `node test/run-ts.mjs test/start/start.ts --fresh`.
// Node 20 does not read TypeScript by itself.
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: node test/run-ts.mjs FILE [ARGUMENT…]\n");
  process.exit(2);
}
// Inside node_modules, so that the bundle still finds the packages that it leaves outside.
const cache = join(fileURLToPath(new URL("..", import.meta.url)), "node_modules", ".cache-run-ts-");
const directory = await mkdtemp(cache);
try {
  const outfile = join(directory, "main.mjs");
  await build({
    entryPoints: [resolve(file)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    // The bundle stands elsewhere: the file's own place is what it means by import.meta.dirname.
    define: { "import.meta.dirname": JSON.stringify(resolve(file, "..")) },
    logLevel: "error",
  });
  process.argv = [process.argv[0], resolve(file), ...args];
  await import(pathToFileURL(outfile).href);
} finally {
  await rm(directory, { recursive: true, force: true });
}
