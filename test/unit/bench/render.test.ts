import { describe, expect, it } from "vitest";
import { number, renderReport } from "../../bench/render.ts";
import { type BenchReport, mergeReports, type Report, rounded } from "../../bench/report.ts";

const bench = (name: string, more: Partial<BenchReport> = {}): BenchReport => ({
  name,
  what: `What ${name} is.`,
  how: "How it is measured.",
  heldBackBy: "Nothing.",
  time: "2026-01-02T03:04:05.678Z",
  command: "npm run bench",
  seconds: 12.3,
  busyBefore: 0,
  figures: [],
  ...more,
});
const report = (...benches: readonly BenchReport[]): Report => ({
  version: 1,
  quick: false,
  machine: { processor: "A", cores: "2" },
  benches,
});

describe("the page of figures", () => {
  it("tells each figure with its spread, what runs beside it, and whether its target is reached", () => {
    const text = renderReport(
      report(
        bench("start", {
          figures: [
            {
              what: "a start",
              unit: "ms",
              samples: [20, 30, 40],
              plain: { what: "node -e 0", samples: [10, 15, 20], paired: true },
              targets: [
                { of: "p50", timesPlain: 1.5, atMost: 40 },
                { of: "max", atMost: 25 },
              ],
            },
          ],
        }),
      ),
    );
    expect(text).toContain("| [a start](#start) | p50 30 ms | at most 1.5 times what runs beside it and 40 ms: 62.5 ms | reached |");
    expect(text).toContain("| [a start](#start) | max 40 ms | at most 25 ms | **not reached** |");
    expect(text).toContain("| a start, ms | 3 | 20 | 30 | 39 | 39.8 | 40 | 2 (2 to 2) |");
    expect(text).toContain("| beside it: node -e 0, ms | 3 | 10 | 15 | 19.5 | 19.9 | 20 | 1 |");
    expect(text).toContain("`npm run bench`, 12 s on 2026-01-02 03:04 UTC.");
    expect(text).not.toContain("quick run");
  });

  it("does not pass over a bench that failed, a quick run, or a busy machine", () => {
    const text = renderReport({ ...report(bench("start", { error: "no cluster", busyBefore: 0.5 })), quick: true });
    expect(text).toContain("| [What start is.](#start) | | | **not measured** |");
    expect(text).toContain("Could not be measured: no cluster");
    expect(text).toContain("A quick run");
    expect(text).toContain("while others used 50 % of the machine");
  });

  it("has numbers of three figures", () => {
    expect([0.123456, 1.5, 12345.6, 100, 99.96].map(number)).toEqual(["0.123", "1.5", "12346", "100", "100"]);
  });
});

describe("a report", () => {
  it("takes new results in the place of old ones, in the order of the list", () => {
    const merged = mergeReports(report(bench("a", { seconds: 1 }), bench("b", { seconds: 1 })), report(bench("b", { seconds: 2 })), [
      "b",
      "a",
      "c",
    ]);
    expect(merged.benches.map(({ name, seconds }) => [name, seconds])).toEqual([
      ["b", 2],
      ["a", 1],
    ]);
  });

  it("keeps no more of a sample than it is worth", () => {
    const figures = [{ what: "x", unit: "ms", samples: [1.23456789], plain: { what: "y", samples: [2.3456789], paired: true } }] as const;
    expect(rounded(report(bench("a", { figures }))).benches[0]?.figures).toEqual([
      { what: "x", unit: "ms", samples: [1.2346], plain: { what: "y", samples: [2.3457], paired: true } },
    ]);
  });
});
