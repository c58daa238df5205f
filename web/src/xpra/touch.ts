/** A place on the page. */
export interface Place {
  readonly clientX: number;
  readonly clientY: number;
}

/** What fingers do to a desktop. Buttons are those of X11. */
export interface TouchActions {
  move(at: Place): void;
  press(button: number, at: Place): void;
  release(button: number, at: Place): void;
  /** Distances in pixels, as a wheel's event has them. */
  scroll(deltaX: number, deltaY: number, at: Place): void;
}

/** So long a finger rests until it means the right button. */
const restMs = 550;
/** So far, in pixels, a finger may tremble while it rests or taps. */
const tremble = 10;
const left = 1;
const right = 3;

type State = "idle" | "resting" | "dragging" | "scrolling" | "done";

/** Makes a pointer of fingers: a tap clicks, a finger drags, a long rest is the right button, two fingers scroll. */
export class Touch {
  readonly #actions: TouchActions;
  readonly #fingers = new Map<number, Place>();
  #state: State = "idle";
  #start: Place = { clientX: 0, clientY: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(actions: TouchActions) {
    this.#actions = actions;
  }

  down(id: number, at: Place): void {
    this.#fingers.set(id, at);
    if (this.#fingers.size === 2 && this.#state === "resting") this.#become("scrolling");
    if (this.#fingers.size > 1) return;
    this.#become("resting");
    this.#start = at;
    this.#actions.move(at);
    this.#timer = setTimeout(() => this.#click(right), restMs);
  }

  move(id: number, at: Place): void {
    const before = this.#fingers.get(id);
    if (before === undefined) return;
    this.#fingers.set(id, at);
    if (this.#state === "resting" && Math.hypot(at.clientX - this.#start.clientX, at.clientY - this.#start.clientY) > tremble) {
      this.#become("dragging");
      this.#actions.press(left, this.#start);
    }
    if (this.#state === "dragging") this.#actions.move(at);
    // Each finger moves half of what both move together; the content follows them.
    if (this.#state === "scrolling") {
      this.#actions.scroll((before.clientX - at.clientX) / 2, (before.clientY - at.clientY) / 2, this.#start);
    }
  }

  up(id: number): void {
    const at = this.#fingers.get(id);
    if (at === undefined) return;
    this.#fingers.delete(id);
    if (this.#state === "resting") this.#click(left);
    if (this.#state === "dragging") {
      this.#actions.release(left, at);
      this.#become("done");
    }
    if (this.#fingers.size === 0) this.#become("idle");
  }

  /** The system has taken the finger for itself: what was pressed is let go, and nothing is clicked. */
  cancel(id: number): void {
    if (this.#fingers.has(id) && this.#state === "resting") this.#become("done");
    this.up(id);
  }

  /** Lets go of everything. */
  stop(): void {
    for (const id of [...this.#fingers.keys()]) this.cancel(id);
  }

  #click(button: number): void {
    this.#become("done");
    this.#actions.press(button, this.#start);
    this.#actions.release(button, this.#start);
  }

  #become(state: State): void {
    clearTimeout(this.#timer);
    this.#state = state;
  }
}
