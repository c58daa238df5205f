// Makes everything that is not written by hand: dist/main.js (the CLI), the broker's single file, the page.

import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";
import { copyReaderLicence, kubeconfigReader } from "./build/kubeconfig-reader.mjs";

const root = new URL(".", import.meta.url).pathname;

await rm(`${root}dist`, { recursive: true, force: true });
await mkdir(`${root}dist/to_container/bin`, { recursive: true });

await build({
  entryPoints: [`${root}src/main.ts`],
  outdir: `${root}dist`,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  chunkNames: "chunks/[name]-[hash]",
  plugins: [kubeconfigReader],
  // Its form for browsers is the same code in modules that can be bundled: 70 files less to load.
  alias: { yaml: `${root}node_modules/yaml/browser/index.js` },
  logLevel: "warning",
});
await copyReaderLicence(`${root}dist`);
await copyFile(`${root}node_modules/yaml/LICENSE`, `${root}dist/yaml.LICENSE.txt`);

const hook = `${root}dist/to_container/bin/start_or_get_pod`;
await build({
  entryPoints: [`${root}src/broker/start_or_get_pod.ts`],
  outfile: hook,
  bundle: true,
  minify: true,
  // The stack of a bug stands in the broker's log, and is to be read.
  keepNames: true,
  // CommonJS: a file without an ending is loaded as such wherever it is copied to.
  format: "cjs",
  platform: "node",
  target: "node20",
  banner: { js: "#!/usr/bin/env node" },
  logLevel: "warning",
});
await chmod(hook, 0o755);

if (existsSync(`${root}web/build.mjs`)) {
  const { buildPage } = await import("./web/build.mjs");
  await buildPage(`${root}dist/to_container/www`);
}
