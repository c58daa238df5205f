import type { SessionRuntime } from "../session/session-runtime.ts";

/** A runtime that watches by itself, as a broker has it. */
export interface RunningRuntime extends SessionRuntime {
  /** Fulfilled after the signal's abort; rejected on a bug of ours, after which the memory is not to be trusted. */
  readonly done: Promise<void>;
  /** How many sessions are known, by state. */
  count(): Readonly<Record<string, number>>;
}
