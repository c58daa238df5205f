// Runs a TypeScript file of the tests with its arguments: `node test/run-ts.mjs test/cluster/cluster.ts status`.
// Node 20 does not read TypeScript by itself.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("usage: node test/run-ts.mjs FILE [ARGUMENT…]\n");
  process.exit(2);
}
// The bundle stands elsewhere: by import.meta.dirname each file means its own place.
const ownPlaces = {
  name: "own-places",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll("import.meta.dirname", JSON.stringify(dirname(path))),
      loader: "ts",
    }));
  },
};

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
    plugins: [ownPlaces],
    logLevel: "error",
  });
  process.argv = [process.argv[0], resolve(file), ...args];
  await import(pathToFileURL(outfile).href);
} finally {
  await rm(directory, { recursive: true, force: true });
}
