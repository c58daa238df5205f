// Bundles the page: `node web/build.mjs [DIRECTORY]`, or `buildPage()` from another script.
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: ["chrome109", "firefox115", "safari16.4"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
};

/** The name of the built file that came from an entry. */
function builtName(result, entry) {
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint === entry) return basename(path);
  }
  throw new Error(`esbuild made no file from ${entry}`);
}

/** The client library, and what it was bundled with. */
const libraries = ["xpra-html5-client", "brotli", "events", "lodash-es", "lz4js", "node-forge", "pako", "typed-emitter"];

/** Our own words and the licences of all software in the page. */
async function notices() {
  const parts = [await readFile(join(here, "notices.txt"), "utf8")];
  for (const name of libraries) {
    const directory = join(root, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
    const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? "" : await readFile(join(directory, file), "utf8");
    parts.push(`==== ${name} ${version} (${typeof license === "string" ? license : "see below"})\n\n${text}`);
  }
  return parts.join("\n");
}

/** Puts the compressed forms beside each file, under the names that Xpra's web server looks for. */
async function compress(directory) {
  const names = await readdir(directory, { recursive: true });
  const worthIt = names.filter((name) => [".js", ".css", ".html", ".svg", ".txt"].includes(extname(name)));
  await Promise.all(
    worthIt.map(async (name) => {
      const content = await readFile(join(directory, name));
      const quality = { [constants.BROTLI_PARAM_QUALITY]: content.length > 200_000 ? 9 : 11 };
      await writeFile(join(directory, `${name}.br`), await promisify(brotliCompress)(content, { params: quality }));
      await writeFile(join(directory, `${name}.gzip`), await promisify(gzip)(content, { level: 9 }));
    }),
  );
}

/** Builds the page into a directory, which is emptied first. */
export async function buildPage(outdir = join(root, "dist/to_container/www")) {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const app = "web/src/app.ts";
  const style = "web/app.css";
  const page = await build({
    ...common,
    outdir,
    entryPoints: [app, style],
    format: "esm",
    splitting: true,
    external: ["/icons/*"],
  });
  const html = (await readFile(join(here, "index.html"), "utf8"))
    .replace("@APP_CSS@", builtName(page, style))
    .replace("@APP_JS@", builtName(page, app));
  await writeFile(join(outdir, "index.html"), html);
  await cp(join(here, "icons"), join(outdir, "icons"), { recursive: true });
  await writeFile(join(outdir, "notices.txt"), await notices());
  await compress(outdir);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPage(process.argv[2]);
}
