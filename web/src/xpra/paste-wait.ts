/** Control and V alone mean something else in many programs, whose user must not be held up for long. */
const mostMaybeMs = 700;

/** What is surely a paste: on a busy machine, or a slow line, fetching takes its time. */
const mostSurelyMs = 3_000;

/** A program that fetches the text once more has done so by then. */
const mostAgainMs = 500;

/**
 * How long the keys after a paste key wait until a program has fetched the text; all times in milliseconds.
 * Some fetch it once to look at it and again to take it, and some look at it now and then for as long as they run.
 */
export class PasteWait {
  #sentAt = 0;
  #until = 0;

  /** The key goes to the desktop now: how long the keys after it wait if nothing is fetched. */
  sent({ ctrlKey, shiftKey }: Pick<KeyboardEvent, "ctrlKey" | "shiftKey">, now: number): number {
    const most = ctrlKey && !shiftKey ? mostMaybeMs : mostSurelyMs;
    this.#sentAt = now;
    this.#until = now + most + mostAgainMs;
    return most;
  }

  /** A program has the text: how long they wait from now on. The line has to be crossed again for a second time. */
  fetched(now: number): number {
    const again = Math.min(mostAgainMs, 50 + 1.5 * (now - this.#sentAt));
    return Math.max(0, Math.min(again, this.#until - now));
  }
}
