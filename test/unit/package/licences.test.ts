import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly license?: string }>>;
}

// Licences that what we ship may depend on. A GPL is not among them: only the addon, inside Xpra, is under one.
const allowed = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "BlueOak-1.0.0", "Python-2.0", "Unlicense"]);

/** The licence by the lock file, else by the package's own word in the form that npm had before 2014. */
function licenceOf(path: string, entry: { readonly license?: string }): string {
  if (entry.license !== undefined) return entry.license;
  const manifest = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")) as { licenses?: { type: string }[] };
  return manifest.licenses?.map(({ type }) => type).join(" OR ") ?? "none named";
}

function isAllowed(licence: string): boolean {
  // "(MIT OR GPL-3.0-or-later)" leaves us the choice.
  return licence
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((choice) => allowed.has(choice));
}

it("every package that we ship with has a licence of the list", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lockfile;
  const shipped = Object.entries(lock.packages).filter(([path, entry]) => path !== "" && entry.dev !== true);
  expect(shipped.length).toBeGreaterThan(10);
  const licences = shipped.map(([path, entry]) => ({ path, licence: licenceOf(path, entry) }));
  expect(licences.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
});
