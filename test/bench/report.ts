import type { Bench, Figure } from "./bench.ts";
import type { Machine } from "./machine.ts";

/** What became of one bench. */
export interface BenchReport extends Pick<Bench, "name" | "what" | "how" | "heldBackBy"> {
  /** When it began, ISO 8601. */
  readonly time: string;
  readonly command: string;
  readonly seconds: number;
  /** Other programs' share of the processors while it was about to begin, 0 to 1. */
  readonly busyBefore: number;
  readonly figures: readonly Figure[];
  /** Why it could not be measured. */
  readonly error?: string;
}

/** A run, as it is kept: `artifacts/bench.json`, `doc/performance.json`. */
export interface Report {
  readonly version: 1;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly benches: readonly BenchReport[];
}

/** Puts new results in the place of older ones of the same name; the order is that of `names`. */
export function mergeReports(older: Report | undefined, newer: Report, names: readonly string[]): Report {
  const known = new Map([...(older?.benches ?? []), ...newer.benches].map((bench) => [bench.name, bench]));
  return { ...newer, benches: names.flatMap((name) => known.get(name) ?? []) };
}

/** Samples as they are kept: four figures are more than any of them is worth. */
export function rounded(report: Report): Report {
  const round = (samples: readonly number[]): number[] => samples.map((sample) => Number(sample.toPrecision(5)));
  return {
    ...report,
    benches: report.benches.map((bench) => ({
      ...bench,
      figures: bench.figures.map((figure) => ({
        ...figure,
        samples: round(figure.samples),
        ...(figure.plain === undefined ? {} : { plain: { ...figure.plain, samples: round(figure.plain.samples) } }),
      })),
    })),
  };
}
