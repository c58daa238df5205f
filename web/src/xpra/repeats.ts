/** So long a window's pictures that fail are asked for again; a server repeats one within a second. */
const patienceMs = 5_000;
/** So long without a failure, and the next one has nothing to do with those before. */
const calmMs = 10_000;

/** Decides whether a picture that could not be painted is worth another try: one that never can be must not be sent for ever. */
export class Repeats {
  #firstMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** A picture could not be painted; returns whether the server is to send it again. */
  mayAsk(nowMs: number): boolean {
    if (nowMs - this.#lastMs > calmMs) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    return nowMs - this.#firstMs < patienceMs;
  }
}
