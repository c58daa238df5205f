import type { Clipboard } from "./clipboard.ts";
import type { Connection } from "./connection.ts";
import type { Keyboard } from "./keyboard.ts";
import { modifiersOf } from "./modifiers.ts";
import { Wheel } from "./wheel.ts";
import type { WindowSet } from "./window-set.ts";

/** How long a paste key waits for the browser to hand over its clipboard. */
const pasteWaitMs = 200;

/** What this module needs to know. */
export interface InputOptions {
  readonly connection: Connection;
  readonly windows: WindowSet;
  readonly clipboard: Clipboard;
  readonly keyboard: Keyboard;
  readonly host: HTMLElement;
  /** The user asked for the page's own menu by keyboard. */
  readonly onMenuKeys: () => void;
}

/** Whether a key press means "paste", so that the browser has to see it too. */
function isPaste(event: KeyboardEvent): boolean {
  if (event.altKey) return false;
  return ((event.ctrlKey || event.metaKey) && event.code === "KeyV") || (event.shiftKey && event.code === "Insert");
}

/** Whether a key press opens the page's own menu: Ctrl, Alt, Shift and M. */
function isMenu(event: KeyboardEvent): boolean {
  return event.ctrlKey && event.altKey && event.shiftKey && event.code === "KeyM";
}

function makeKeyTarget(): HTMLTextAreaElement {
  const area = document.createElement("textarea");
  area.className = "key-target";
  area.setAttribute("aria-label", "Your desktop. All keys go to it; Control, Alt, Shift and M together open the menu.");
  area.autocapitalize = "off";
  area.autocomplete = "off";
  area.spellcheck = false;
  return area;
}

/**
 * Hands the user's keys, mouse and wheel to the session.
 *
 * The keys arrive in a text area that nobody sees: browsers hand over their clipboard and the
 * results of input methods to such an element only. Returns how to focus and how to stop.
 */
export function connectInput(options: InputOptions): { focus(): void; stop(): void } {
  const { connection, windows, clipboard, keyboard, host } = options;
  const { isMac } = keyboard;
  const listeners = new AbortController();
  const { signal } = listeners;
  const area = makeKeyTarget();
  const wheel = new Wheel();
  const pressed = new Map<string, KeyboardEvent>();
  let held: (() => void)[] | null = null;
  let holdTimer = 0;
  let isInsertKey = false;
  let composed = false;

  function sendKey(event: KeyboardEvent, isDown: boolean): void {
    keyboard.send(windows.focused, event, isDown);
  }

  function release(): void {
    clearTimeout(holdTimer);
    const actions = held ?? [];
    held = null;
    for (const action of actions) action();
  }

  function whenPasted(action: () => void): void {
    if (held === null) action();
    else held.push(action);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (isMenu(event)) {
      event.preventDefault();
      releaseKeys();
      options.onMenuKeys();
      return;
    }
    if (event.isComposing || event.key === "Process" || event.key === "Unidentified") return;
    // F11 stays the browser's: it is the way out of a full screen.
    if (event.code === "F11") return;
    clipboard.giveToBrowser();
    if (isPaste(event) && held === null) {
      held = [];
      isInsertKey = event.code === "Insert";
      holdTimer = window.setTimeout(release, pasteWaitMs);
    } else {
      event.preventDefault();
    }
    pressed.set(event.code, event);
    whenPasted(() => sendKey(event, true));
  }

  function onKeyUp(event: KeyboardEvent): void {
    // A Mac tells nothing of keys that are let go while Command is down.
    if (isMac && event.key === "Meta") releaseKeys();
    if (!pressed.delete(event.code)) return;
    event.preventDefault();
    whenPasted(() => sendKey(event, false));
  }

  function releaseKeys(): void {
    release();
    for (const event of pressed.values()) sendKey(event, false);
    pressed.clear();
  }

  function type(text: string): void {
    keyboard.type(windows.focused, text);
  }

  area.addEventListener("keydown", onKeyDown, { signal });
  area.addEventListener("keyup", onKeyUp, { signal });
  area.addEventListener("blur", releaseKeys, { signal });
  area.addEventListener(
    "compositionstart",
    () => {
      composed = true;
    },
    { signal },
  );
  area.addEventListener(
    "compositionend",
    (event) => {
      composed = false;
      type(event.data);
      area.value = "";
    },
    { signal },
  );
  area.addEventListener(
    "input",
    (event) => {
      const text = event instanceof InputEvent ? event.data : null;
      if (composed) return;
      if (text !== null && event instanceof InputEvent && event.inputType === "insertText") type(text);
      area.value = "";
    },
    { signal },
  );
  area.addEventListener(
    "paste",
    (event) => {
      event.preventDefault();
      const text = event.clipboardData?.getData("text/plain") ?? "";
      clipboard.offer(text);
      if (isInsertKey) clipboard.offerPrimary(text);
      release();
    },
    { signal },
  );

  function onPointer(event: PointerEvent): void {
    const target = windows.windowAt(event.target);
    if (target === null) return;
    if (event.type === "pointerdown") {
      event.preventDefault();
      area.focus({ preventScroll: true });
      clipboard.giveToBrowser();
      target.canvas.setPointerCapture(event.pointerId);
      windows.focus(target);
    }
    const modifiers = modifiersOf(event, isMac);
    const position = windows.position(target, event);
    if (event.type === "pointermove") {
      connection.send(["pointer-position", target.id, position, modifiers, []]);
      return;
    }
    connection.send(["button-action", target.id, event.button + 1, event.type === "pointerdown", position, modifiers, []]);
  }

  function onWheel(event: WheelEvent): void {
    const target = windows.windowAt(event.target);
    if (target === null) return;
    event.preventDefault();
    const modifiers = modifiersOf(event, isMac);
    const position = windows.position(target, event);
    for (const button of wheel.turn(event.deltaX, event.deltaY, event.deltaMode)) {
      connection.send(["button-action", target.id, button, true, position, modifiers, []]);
      connection.send(["button-action", target.id, button, false, position, modifiers, []]);
    }
  }

  for (const name of ["pointerdown", "pointerup", "pointermove"] as const) {
    host.addEventListener(name, onPointer, { signal });
  }
  host.addEventListener("wheel", onWheel, { signal, passive: false });
  host.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  window.addEventListener("focus", () => void clipboard.takeFromBrowser(), { signal });
  host.addEventListener("pointerenter", () => void clipboard.takeFromBrowser(), { signal });
  host.append(area);

  return {
    focus: () => area.focus({ preventScroll: true }),
    stop: () => {
      release();
      listeners.abort();
      area.remove();
    },
  };
}
