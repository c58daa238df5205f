import { describe, expect, it } from "vitest";
import type { Figure } from "../../bench/bench.ts";
import { ratioOf, summaryOf, verdictsOf } from "../../bench/statistics.ts";

const figure = (more: Partial<Figure>): Figure => ({ what: "a start", unit: "ms", samples: [1, 2, 3], ...more });

describe("the spread of samples", () => {
  it("is taken from the sorted row, with interpolation", () => {
    expect(summaryOf([4, 1, 3, 2])).toEqual({ n: 4, min: 1, p50: 2.5, p95: 3.85, p99: 3.97, max: 4, mean: 2.5, sum: 10 });
    expect(summaryOf([7])).toMatchObject({ n: 1, min: 7, p50: 7, p99: 7, max: 7 });
  });

  it("does not hide that nothing was measured", () => {
    expect(() => summaryOf([])).toThrow("no sample");
    expect(() => summaryOf([1, Number.NaN])).toThrow("NaN");
  });
});

describe("a ratio", () => {
  it("is taken pair by pair, so that what met both counts for neither", () => {
    const ratio = ratioOf(figure({ samples: [10, 100, 20], plain: { what: "node", samples: [5, 50, 10], paired: true } }));
    expect(ratio).toMatchObject({ n: 3, min: 2, p50: 2, max: 2 });
  });

  it("is that of the medians where there are no pairs", () => {
    const ratio = ratioOf(figure({ samples: [10, 30, 20], plain: { what: "node", samples: [10, 10], paired: false } }));
    expect(ratio).toMatchObject({ n: 1, p50: 2 });
  });

  it("of rows of different length is a mistake of the bench", () => {
    expect(() => ratioOf(figure({ samples: [1, 2], plain: { what: "node", samples: [1], paired: true } }))).toThrow("2 samples, 1 beside");
  });
});

describe("a target", () => {
  it.each([
    [{ of: "p50", atMost: 2 }, true],
    [{ of: "max", atMost: 2.9 }, false],
    [{ of: "p50", timesPlain: 1.5 }, false],
    [{ of: "p50", timesPlain: 1.5, atMost: 1 }, true],
  ] as const)("%j is judged by what was measured", (target, reached) => {
    const [verdict] = verdictsOf(figure({ targets: [target], plain: { what: "node", samples: [1, 1, 1], paired: true } }));
    expect(verdict?.reached).toBe(reached);
  });

  it("of a count holds for every sample", () => {
    const targets = [{ of: "max", exactly: 50 }] as const;
    expect(verdictsOf(figure({ samples: [50, 50], targets }))[0]?.reached).toBe(true);
    expect(verdictsOf(figure({ samples: [49, 50], targets }))[0]?.reached).toBe(false);
  });

  it("that is a multiple wants something beside it", () => {
    expect(() => verdictsOf(figure({ targets: [{ of: "p50", timesPlain: 2 }] }))).toThrow("nothing beside it");
  });
});
