import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, "")
    .replaceAll(" ", "-");
}

function isThere(reference: string): boolean {
  const [file = "", anchor] = reference.split("#");
  const headings = readFileSync(join(root, file), "utf8").matchAll(/^#+ (.+)$/gm);
  return anchor === undefined || [...headings].some(([, heading = ""]) => anchorOf(heading) === anchor);
}

it("every chapter that an error refers to is there", () => {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const references = sources.flatMap((file) =>
    [...readFileSync(join(root, "src", file), "utf8").matchAll(/see: "(doc\/[^"]+)"/g)].map(([, reference = ""]) => reference),
  );
  expect(references.length).toBeGreaterThan(10);
  expect(references.filter((reference) => !isThere(reference))).toEqual([]);
});
