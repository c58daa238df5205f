/** Pixels of small steps that make one notch. */
const notch = 60;
/** From this many pixels on a step comes from a wheel; browsers give 50 to 130 for one notch. */
const wheelStep = 40;
const usualWheelNotch = 110;
const lineHeight = 20;
const pageHeight = 400;
const mostNotchesAtOnce = 10;

/** X11's buttons for the wheel. */
const buttons = { up: 4, down: 5, left: 6, right: 7 } as const;

/** Turns the browser's scroll distances into notches; what is left over counts for the next time. */
export class Wheel {
  #x = 0;
  #y = 0;

  /**
   * The X11 buttons to click for a wheel event, in order.
   *
   * A touchpad sends many small steps and a wheel few large ones; both end in whole notches.
   */
  turn(deltaX: number, deltaY: number, mode: number): number[] {
    const unit = mode === 1 ? lineHeight : mode === 2 ? pageHeight : 1;
    const clicks: number[] = [];
    this.#y = this.#take(this.#y, deltaY * unit, buttons.down, buttons.up, clicks);
    this.#x = this.#take(this.#x, deltaX * unit, buttons.right, buttons.left, clicks);
    return clicks;
  }

  #take(rest: number, delta: number, forward: number, backward: number, clicks: number[]): number {
    const isWheel = Math.abs(delta) >= wheelStep;
    // A change of direction drops what was left of the other one.
    const sum = isWheel || Math.sign(rest) === -Math.sign(delta) ? delta : rest + delta;
    const whole = isWheel ? Math.max(1, Math.round(Math.abs(sum) / usualWheelNotch)) : Math.floor(Math.abs(sum) / notch);
    const count = Math.min(mostNotchesAtOnce, whole);
    for (let index = 0; index < count; index++) clicks.push(sum > 0 ? forward : backward);
    return isWheel ? 0 : sum - Math.sign(sum) * count * notch;
  }
}
