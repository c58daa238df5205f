import type { Clipboard } from "./clipboard.ts";
import type { Connection } from "./connection.ts";
import { modifiersOf } from "./modifiers.ts";
import type { RemoteWindow } from "./remote-window.ts";
import { type Place, Touch } from "./touch.ts";
import { Wheel } from "./wheel.ts";
import type { WindowSet } from "./window-set.ts";

/** What this module needs to know. */
export interface PointerOptions {
  readonly connection: Connection;
  readonly windows: WindowSet;
  readonly clipboard: Clipboard;
  readonly host: HTMLElement;
  readonly isMac: boolean;
  /** Gives the keyboard to the desktop. */
  readonly focus: () => void;
  /** Does something after the keys that are held back. */
  readonly inOrder: (action: () => void) => void;
  /** Ends the listening. */
  readonly signal: AbortSignal;
}

/** The bits of an event's `buttons`, and X11's numbers of these buttons: 4 to 7 are the wheel. */
const buttonNumbers: readonly (readonly [number, number])[] = [
  [1, 1],
  [4, 2],
  [2, 3],
  [8, 8],
  [16, 9],
];

/** Where the mouse was last: a window, and the place as Xpra wants it. */
interface Spot {
  readonly id: number;
  readonly position: readonly number[];
}

/** What was held when a connection ended. Xpra lets go of a lost client's keys, and not of its buttons. */
let heldAtEnd: { readonly buttons: number; readonly spot: Spot } | null = null;

/** Hands the user's mouse, fingers and wheel to the session. */
export function connectPointer(options: PointerOptions): { releaseHeld(): void } {
  const { connection, windows, clipboard, host, isMac, focus, inOrder, signal } = options;
  const wheel = new Wheel();
  let touched: RemoteWindow | null = null;
  let held = 0;
  let spot: Spot | null = null;

  function spotOn(target: RemoteWindow, at: Place): Spot {
    return { id: target.id, position: windows.position(target, at) };
  }

  function sendMove({ id, position }: Spot, modifiers: string[]): void {
    connection.send(["pointer-position", id, position, modifiers, []]);
  }

  function sendButton({ id, position }: Spot, button: number, isDown: boolean, modifiers: string[]): void {
    inOrder(() => connection.send(["button-action", id, button, isDown, position, modifiers, []]));
  }

  /** Presses and lets go of what differs from what is held. Browsers tell a second button only as a change of `buttons`. */
  function hold(buttons: number, modifiers: string[]): void {
    const changed = buttons ^ held;
    held = buttons;
    for (const [bit, button] of buttonNumbers) {
      if (spot !== null && (changed & bit) !== 0) sendButton(spot, button, (buttons & bit) !== 0, modifiers);
    }
  }

  function scroll(at: Spot, turned: readonly number[], modifiers: string[]): void {
    for (const button of turned) for (const isDown of [true, false]) sendButton(at, button, isDown, modifiers);
  }

  const onTouched = (action: (target: RemoteWindow) => void): void => {
    if (touched !== null) action(touched);
  };
  const touch = new Touch({
    move: (at) => onTouched((target) => sendMove(spotOn(target, at), [])),
    press: (button, at) => onTouched((target) => sendButton(spotOn(target, at), button, true, [])),
    release: (button, at) => onTouched((target) => sendButton(spotOn(target, at), button, false, [])),
    scroll: (deltaX, deltaY, at) => onTouched((target) => scroll(spotOn(target, at), wheel.turn(deltaX, deltaY, 0), [])),
  });

  function take(event: PointerEvent, target: RemoteWindow): void {
    event.preventDefault();
    focus();
    clipboard.giveToBrowser();
    target.canvas.setPointerCapture(event.pointerId);
    // Keys that are held back are for the window before.
    inOrder(() => windows.focus(target));
  }

  function onFinger(event: PointerEvent, target: RemoteWindow | null): void {
    if (event.type === "pointerdown" && target !== null) {
      take(event, target);
      touched = target;
      touch.down(event.pointerId, event);
    }
    if (event.type === "pointermove") touch.move(event.pointerId, event);
    if (event.type === "pointerup") touch.up(event.pointerId);
    if (event.type === "pointercancel") touch.cancel(event.pointerId);
  }

  function onPointer(event: PointerEvent): void {
    const target = windows.windowAt(event.target);
    if (event.pointerType === "touch") {
      onFinger(event, target);
      return;
    }
    if (target === null) onBackground(event);
    const modifiers = modifiersOf(event, isMac);
    if (target !== null) {
      if (event.type === "pointerdown") take(event, target);
      spot = spotOn(target, event);
      if (event.type === "pointermove") sendMove(spot, modifiers);
    }
    // Nothing is pressed beside the windows; what was pressed on one that has gone is let go there.
    const allowed = target === null ? held : ~0;
    hold(event.type === "pointercancel" ? 0 : event.buttons & allowed, modifiers);
  }

  /** Beside the windows a click must not take the keyboard from the desktop. */
  function onBackground(event: PointerEvent): void {
    if (event.type !== "pointerdown" || event.target !== host) return;
    event.preventDefault();
    focus();
  }

  function onWheel(event: WheelEvent): void {
    const target = windows.windowAt(event.target);
    if (target === null) return;
    event.preventDefault();
    scroll(spotOn(target, event), wheel.turn(event.deltaX, event.deltaY, event.deltaMode), modifiersOf(event, isMac));
  }

  for (const name of ["pointerdown", "pointerup", "pointermove", "pointercancel"] as const) {
    host.addEventListener(name, onPointer, { signal });
  }
  host.addEventListener("wheel", onWheel, { signal, passive: false });
  host.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  signal.addEventListener("abort", () => {
    touch.stop();
    if (held !== 0 && spot !== null) heldAtEnd = { buttons: held, spot };
  });

  return {
    releaseHeld: () => {
      for (const [bit, button] of buttonNumbers) {
        if (heldAtEnd !== null && (heldAtEnd.buttons & bit) !== 0) sendButton(heldAtEnd.spot, button, false, []);
      }
      heldAtEnd = null;
    },
  };
}
