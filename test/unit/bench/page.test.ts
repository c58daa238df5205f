import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { renderReport } from "../../bench/render.ts";
import type { Report } from "../../bench/report.ts";

const doc = join(import.meta.dirname, "..", "..", "..", "doc");
const data = join(doc, "performance.json");
const page = join(doc, "performance.md");

it("doc/performance.md tells what is in doc/performance.json, and of no quick run", () => {
  expect(existsSync(page)).toBe(existsSync(data));
  if (!existsSync(data)) return;
  const report = JSON.parse(readFileSync(data, "utf8")) as Report;
  expect(report.quick).toBe(false);
  expect(readFileSync(page, "utf8"), "npm run bench -- --render writes it anew").toBe(renderReport(report));
});
