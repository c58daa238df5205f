/** Lets keys through in their order, and holds them back while something else has to come first. */
export class KeyGate {
  #waiting: (() => void)[] | null = null;
  #timer = 0;

  /** Whether keys are held back. */
  get isClosed(): boolean {
    return this.#waiting !== null;
  }

  /** Does something now, or when everything before it has been let through. */
  pass(action: () => void): void {
    if (this.#waiting === null) action();
    else this.#waiting.push(action);
  }

  /** Holds back what comes from now on, until `open` or for this long. */
  close(mostMs: number): void {
    clearTimeout(this.#timer);
    this.#waiting ??= [];
    this.#timer = window.setTimeout(() => this.open(), mostMs);
  }

  /** Lets through what has waited; an action in between may close the gate again for those behind it. */
  open(): void {
    clearTimeout(this.#timer);
    const actions = this.#waiting ?? [];
    this.#waiting = null;
    for (const action of actions) this.pass(action);
  }
}
