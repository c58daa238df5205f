/** A connection that says nothing for so long is shown as interrupted: the server pings every five seconds. */
const quietMs = 8_000;
/** And for so long is given up. */
const deadMs = 20_000;
/** How long the answer may take when there is a reason for doubt: the computer slept, the network changed. */
const probeMs = 5_000;
const tickMs = 1_000;
/** Ticks that are so far apart mean that the page was asleep, and what has come in meanwhile is not handled yet. */
const sleptMs = 10_000;

/** What a watched connection is asked and told. */
export interface LivenessOptions {
  /** Sends something that the other side has to answer. */
  ping(): void;
  /** The connection has become quiet, or is alive again. */
  onQuiet(isQuiet: boolean): void;
  /** Nobody is there any more. */
  onDead(): void;
}

/** Times of two clocks: one that never jumps, and one that goes on while the computer sleeps. */
export interface Clock {
  steadyMs(): number;
  wallMs(): number;
}

const ownClock: Clock = { steadyMs: () => performance.now(), wallMs: () => Date.now() };

/**
 * Watches whether the other side of a connection is there. A browser by itself notices a network that drops everything only after
 * a quarter of an hour.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #clock: Clock;
  #heardMs: number;
  #tickedMs: number;
  #probeEndsMs: number | null = null;
  #isQuiet = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: LivenessOptions, clock: Clock = ownClock) {
    this.#options = options;
    this.#clock = clock;
    this.#heardMs = clock.steadyMs();
    this.#tickedMs = clock.wallMs();
  }

  start(): void {
    this.#heardMs = this.#clock.steadyMs();
    this.#tickedMs = this.#clock.wallMs();
    this.#timer = setInterval(() => this.tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something has come from the other side. */
  heard(): void {
    this.#heardMs = this.#clock.steadyMs();
    this.#probeEndsMs = null;
    this.#setQuiet(false);
  }

  /** There is a reason for doubt: an answer is wanted soon. */
  probe(): void {
    if (this.#timer === undefined || this.#probeEndsMs !== null) return;
    this.#probeEndsMs = this.#clock.steadyMs() + probeMs;
    this.#options.ping();
  }

  /** Looks at the clock; called by the own timer. */
  tick(): void {
    const wallMs = this.#clock.wallMs();
    const slept = wallMs - this.#tickedMs > sleptMs;
    this.#tickedMs = wallMs;
    if (slept && this.#probeEndsMs === null) {
      this.probe();
      return;
    }
    const nowMs = this.#clock.steadyMs();
    if (this.#probeEndsMs !== null) {
      if (nowMs < this.#probeEndsMs) return;
    } else if (nowMs - this.#heardMs < deadMs) {
      if (nowMs - this.#heardMs >= quietMs) this.#setQuiet(true);
      return;
    }
    this.stop();
    this.#options.onDead();
  }

  #setQuiet(isQuiet: boolean): void {
    if (isQuiet === this.#isQuiet) return;
    this.#isQuiet = isQuiet;
    this.#options.onQuiet(isQuiet);
  }
}
