import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");

interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

/** What `npm publish` would send, of the checkout as it stands. */
function packed(): Packed["files"] {
  const env = { ...process.env, npm_config_ignore_scripts: "true", npm_config_loglevel: "error" };
  const [list] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: root, env, encoding: "utf8" })) as [Packed];
  return list.files;
}

const files = packed();
const isBuilt = (path: string): boolean => path.startsWith("dist/");
/** A file by its purpose: names carry a hash of the content, each page file has its packed forms, and a command's code is in pieces. */
const kindOf = (path: string): string =>
  path
    .replace(/^dist\/chunks\/[\w-]+\.js$/, "dist/chunks/*.js")
    .replace(/\.(?:br|gzip)$/, "")
    .replace(/-[0-9A-Z]{8}(?=\.\w+$)/, "-HASH");

it("the package has every file of its folders that git knows, and none that git does not know", () => {
  const { files: folders } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };
  const always = ["package.json", "README.md", "LICENSE"];
  const wanted = folders.filter((folder) => folder !== "dist").concat(always);
  const known = execFileSync("git", ["ls-files", "--", ...wanted], { cwd: root, encoding: "utf8" })
    .split("\n")
    .filter(Boolean);
  expect(known.length).toBeGreaterThan(50);
  const paths = files.map(({ path }) => path).filter((path) => !isBuilt(path));
  expect(paths.sort()).toEqual(known.sort());
});

it("the package has these built files", () => {
  const built = new Set(files.map(({ path }) => kindOf(path)).filter(isBuilt));
  expect([...built].sort()).toMatchSnapshot();
});

it("what is a program can be run", () => {
  const programs = files.filter(
    ({ path }) => path === "bin/vdi" || path.startsWith("to_container/bin/") || path.endsWith("/start_or_get_pod"),
  );
  expect(programs.length).toBeGreaterThan(5);
  expect(programs.filter(({ mode }) => (mode & 0o111) === 0).map(({ path }) => path)).toEqual([]);
});
