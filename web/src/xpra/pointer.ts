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
  /** Ends the listening. */
  readonly signal: AbortSignal;
}

/** Hands the user's mouse, fingers and wheel to the session. */
export function connectPointer(options: PointerOptions): void {
  const { connection, windows, clipboard, host, isMac, focus, signal } = options;
  const wheel = new Wheel();
  let touched: RemoteWindow | null = null;

  function sendMove(target: RemoteWindow, at: Place, modifiers: string[]): void {
    connection.send(["pointer-position", target.id, windows.position(target, at), modifiers, []]);
  }

  function sendButton(target: RemoteWindow, button: number, isDown: boolean, at: Place, modifiers: string[]): void {
    connection.send(["button-action", target.id, button, isDown, windows.position(target, at), modifiers, []]);
  }

  function scroll(target: RemoteWindow, at: Place, turned: readonly number[], modifiers: string[]): void {
    for (const button of turned) for (const isDown of [true, false]) sendButton(target, button, isDown, at, modifiers);
  }

  const onTouched = (action: (target: RemoteWindow) => void): void => {
    if (touched !== null) action(touched);
  };
  const touch = new Touch({
    move: (at) => onTouched((target) => sendMove(target, at, [])),
    press: (button, at) => onTouched((target) => sendButton(target, button, true, at, [])),
    release: (button, at) => onTouched((target) => sendButton(target, button, false, at, [])),
    scroll: (deltaX, deltaY, at) => onTouched((target) => scroll(target, at, wheel.turn(deltaX, deltaY, 0), [])),
  });

  function take(event: PointerEvent, target: RemoteWindow): void {
    event.preventDefault();
    focus();
    clipboard.giveToBrowser();
    target.canvas.setPointerCapture(event.pointerId);
    windows.focus(target);
  }

  function onFinger(event: PointerEvent, target: RemoteWindow | null): void {
    if (event.type === "pointerdown" && target !== null) {
      take(event, target);
      touched = target;
      touch.down(event.pointerId, event);
    }
    if (event.type === "pointermove") touch.move(event.pointerId, event);
    if (event.type === "pointerup" || event.type === "pointercancel") touch.up(event.pointerId);
  }

  function onPointer(event: PointerEvent): void {
    const target = windows.windowAt(event.target);
    if (event.pointerType === "touch") {
      onFinger(event, target);
      return;
    }
    if (target === null || event.type === "pointercancel") return;
    if (event.type === "pointerdown") take(event, target);
    const modifiers = modifiersOf(event, isMac);
    if (event.type === "pointermove") sendMove(target, event, modifiers);
    else sendButton(target, event.button + 1, event.type === "pointerdown", event, modifiers);
  }

  function onWheel(event: WheelEvent): void {
    const target = windows.windowAt(event.target);
    if (target === null) return;
    event.preventDefault();
    scroll(target, event, wheel.turn(event.deltaX, event.deltaY, event.deltaMode), modifiersOf(event, isMac));
  }

  for (const name of ["pointerdown", "pointerup", "pointermove", "pointercancel"] as const) {
    host.addEventListener(name, onPointer, { signal });
  }
  host.addEventListener("wheel", onWheel, { signal, passive: false });
  host.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  signal.addEventListener("abort", () => touch.stop());
}
