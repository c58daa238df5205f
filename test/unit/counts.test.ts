import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
// @ts-expect-error plain JavaScript: the test command runs it before anything is installed
import { collectCounts } from "../counts.mjs";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function reportOf(
  assertionResults: { fullName: string; status: string; failureMessages?: string[] }[],
  suite: object = { status: "passed" },
): string {
  const file = join(temporaryDirectory("counts"), "report.json");
  writeFileSync(file, JSON.stringify({ testResults: [{ name: "a.test.ts", message: "", ...suite, assertionResults }] }));
  return file;
}

describe("the counts of a test run", () => {
  it("sums passed, failed and skipped tests", () => {
    const file = reportOf([
      { fullName: "a", status: "passed" },
      { fullName: "b", status: "failed", failureMessages: ["\u001b[31mError: no\u001b[39m\n    at b.test.ts:1"] },
      { fullName: "c", status: "pending" },
    ]);
    const counts = collectCounts([{ project: "unit", file }], { c: "needs a second machine" });
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 1, problems: ["unit: b\n    Error: no\n        at b.test.ts:1"] });
  });

  it("takes a skip without a listed reason as a failure", () => {
    const file = reportOf([{ fullName: "c", status: "skipped" }]);
    expect(collectCounts([{ project: "e2e", file }], {}).problems).toEqual(["e2e: skipped without a listed reason: c"]);
  });

  it("takes a missing report, an empty one and a file that cannot be loaded as failures", () => {
    expect(collectCounts([{ project: "unit", file: "/nowhere" }], {}).problems).toHaveLength(1);
    expect(collectCounts([{ project: "unit", file: reportOf([]) }], {}).problems).toEqual(["unit: no test was run"]);
    const broken = reportOf([], { status: "failed", message: "SyntaxError: x" });
    expect(collectCounts([{ project: "unit", file: broken }], {}).failed).toBe(1);
    expect(collectCounts([], {}).problems).toEqual(["no test was run"]);
  });
});
