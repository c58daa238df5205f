import { existsSync, readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

/** What a failure says at first, without colours: enough to know its kind at the end of a long output. */
function firstLines(message, lines = 12, width = 300) {
  const plain = stripVTControlCharacters(message).split("\n");
  return plain.slice(0, lines).map((line) => line.slice(0, width));
}

/**
 * Sums the JSON reports of vitest. A report that is missing, a project without any test, a failed test
 * and a skip that `allowedSkips` (full test name -> reason) does not name each become an entry of `problems`; that of a failed
 * test has the first lines of its message below its name.
 *
 * @param {{ project: string, file: string }[]} reports
 * @param {Record<string, string>} allowedSkips
 */
export function collectCounts(reports, allowedSkips) {
  const counts = { passed: 0, failed: 0, skipped: 0, problems: [] };
  if (reports.length === 0) counts.problems.push("no test was run");
  for (const { project, file } of reports) {
    if (!existsSync(file)) {
      counts.problems.push(`${project}: no report was written`);
      continue;
    }
    const report = JSON.parse(readFileSync(file, "utf8"));
    const tests = report.testResults.flatMap((suite) => suite.assertionResults);
    if (tests.length === 0) counts.problems.push(`${project}: no test was run`);
    for (const suite of report.testResults) {
      // A file that cannot even be loaded has no test to fail.
      if (suite.status === "failed" && !suite.assertionResults.some((test) => test.status === "failed")) {
        counts.failed += 1;
        counts.problems.push(`${project}: ${suite.name}: ${suite.message.split("\n")[0]}`);
      }
    }
    for (const test of tests) {
      if (test.status === "passed") counts.passed += 1;
      else if (test.status === "failed") {
        counts.failed += 1;
        counts.problems.push([`${project}: ${test.fullName}`, ...firstLines(test.failureMessages?.[0] ?? "")].join("\n    "));
      } else {
        counts.skipped += 1;
        const reason = allowedSkips[test.fullName];
        if (reason === undefined) counts.problems.push(`${project}: skipped without a listed reason: ${test.fullName}`);
        else process.stdout.write(`SKIPPED: ${test.fullName}: ${reason}\n`);
      }
    }
  }
  return counts;
}
