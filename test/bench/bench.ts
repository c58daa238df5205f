import type { Deployment } from "./deployment.ts";

/** A number that a row of samples comes to. */
export type Quantity = "min" | "p50" | "p95" | "p99" | "max" | "mean" | "sum";

/** What a figure has to reach. */
export interface Target {
  readonly of: Quantity;
  /** In the figure's unit; with `timesPlain` it is added to the multiple. */
  readonly atMost?: number;
  /** At most so many times the same quantity of the plain way. */
  readonly timesPlain?: number;
  /** Exactly this number: for counts. */
  readonly exactly?: number;
}

export type Unit = "ms" | "s" | "MB" | "KB" | "";

/** The same thing done the plain way, in the same run: what the figure is a ratio to. */
export interface Plain {
  readonly what: string;
  readonly samples: readonly number[];
  /** True: the n-th sample was taken right beside the figure's n-th, so that the ratio is taken pair by pair. */
  readonly paired: boolean;
}

/** One measured quantity: a row of the table. */
export interface Figure {
  readonly what: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  readonly plain?: Plain;
  readonly targets?: readonly Target[];
  /** What a reader has to know of this row; a sentence. */
  readonly note?: string;
}

/** What a bench may use. */
export interface World {
  /** True: a few samples only, to see that it works. The figures are worth nothing then. */
  readonly quick: boolean;
  /** The repository. */
  readonly root: string;
  readonly signal: AbortSignal;
  /** A number of samples, by whether the run is quick. */
  count(full: number, quick: number): number;
  /** Says what is being done, on standard error. */
  say(text: string): void;
  /** The end-to-end tests' deployment with two proxies, made at the first call. */
  deployment(): Promise<Deployment>;
  /** Remembers what is to be undone when the bench ends, however it ends; the last one first. */
  defer(undo: () => Promise<unknown>): void;
}

/** One line of what is measured: a module of `benches/`, named like its file, in the list of `benches/index.ts`. */
export interface Bench {
  readonly name: string;
  /** A sentence. */
  readonly what: string;
  /** How it is measured: where the clock stands, what runs beside it. */
  readonly how: string;
  /** What holds it back: a text of whoever has profiled it. */
  readonly heldBackBy: string;
  /** True: it disturbs what else runs on the machine, or takes very long, and is measured only when it is named. */
  readonly onlyByName?: boolean;
  run(world: World): Promise<readonly Figure[]>;
}
