import type { Figure, Quantity, Target } from "./bench.ts";

/** The spread of a row of samples. */
export type Summary = Readonly<Record<Quantity, number>> & { readonly n: number };

/** Gives the spread; throws when there is no sample, or one that is no number. */
export function summaryOf(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error("there is no sample");
  const wrong = samples.find((sample) => !Number.isFinite(sample));
  if (wrong !== undefined) throw new Error(`${wrong} is no sample`);
  const sorted = [...samples].sort((a, b) => a - b);
  const sum = sorted.reduce((total, sample) => total + sample, 0);
  return {
    n: sorted.length,
    min: percentile(sorted, 0),
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    max: percentile(sorted, 100),
    mean: sum / sorted.length,
    sum,
  };
}

/** By linear interpolation between the two nearest of the sorted samples. */
function percentile(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** How many times the plain way a figure is: pair by pair where they were taken in pairs, else of the two medians. */
export function ratioOf(figure: Figure): Summary | undefined {
  const { plain, samples } = figure;
  if (plain === undefined) return undefined;
  if (!plain.paired) return summaryOf([summaryOf(samples).p50 / summaryOf(plain.samples).p50]);
  if (plain.samples.length !== samples.length) throw new Error(`${figure.what}: ${samples.length} samples, ${plain.samples.length} beside`);
  return summaryOf(samples.map((sample, at) => sample / (plain.samples[at] ?? Number.NaN)));
}

/** What became of a target. */
export interface Verdict {
  readonly target: Target;
  readonly value: number;
  /** The most that it may be, once the plain way is known. */
  readonly limit: number;
  readonly reached: boolean;
}

/** Compares a figure with its targets. */
export function verdictsOf(figure: Figure): readonly Verdict[] {
  const own = summaryOf(figure.samples);
  return (figure.targets ?? []).map((target) => {
    const value = own[target.of];
    if (target.exactly !== undefined) {
      return { target, value, limit: target.exactly, reached: figure.samples.every((sample) => sample === target.exactly) };
    }
    const limit = (target.atMost ?? 0) + (target.timesPlain ?? 0) * plainOf(figure, target);
    return { target, value, limit, reached: value <= limit };
  });
}

function plainOf({ plain, what }: Figure, { timesPlain, of }: Target): number {
  if (timesPlain === undefined) return 0;
  if (plain === undefined) throw new Error(`${what}: there is nothing beside it`);
  return summaryOf(plain.samples)[of];
}
