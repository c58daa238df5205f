import type { Clipboard } from "./clipboard.ts";
import type { Connection } from "./connection.ts";
import { KeyGate } from "./key-gate.ts";
import type { Keyboard } from "./keyboard.ts";
import { PasteWait } from "./paste-wait.ts";
import { connectPointer } from "./pointer.ts";
import { filler, typedBetween } from "./touch-text.ts";
import type { WindowSet } from "./window-set.ts";

/**
 * How long a paste key waits for the browser to hand over its clipboard, which takes a busy machine its time: without it the key
 * pastes what was there before.
 */
const browserWaitMs = 500;

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

/** The user's keys and pointer on a desktop. */
export interface Input {
  /** Gives the keyboard to the desktop. */
  focus(): void;
  /** The session is shown: lets go of the mouse buttons that were held when an earlier connection ended. */
  begin(): void;
  /** Shows or hides the keyboard of a phone's or tablet's screen; gives whether it is wanted now. */
  toggleScreenKeyboard(): boolean;
  stop(): void;
}

/** Whether a key press means "paste", so that the browser has to see it too. It goes by the letter; where there is none, by the place. */
function isPaste(event: KeyboardEvent): boolean {
  if (event.altKey) return false;
  const letter = event.key.toLowerCase();
  const isV = /^[a-z]$/.test(letter) ? letter === "v" : event.code === "KeyV";
  return ((event.ctrlKey || event.metaKey) && isV) || (event.shiftKey && event.code === "Insert");
}

/** Whether a key press opens the page's own menu: Ctrl, Alt, Shift and M, by its letter or its place. */
function isMenu(event: KeyboardEvent): boolean {
  return event.ctrlKey && event.altKey && event.shiftKey && (event.key.toLowerCase() === "m" || event.code === "KeyM");
}

/** What browsers call a key that an input method has taken, where they say it nowhere else. */
const takenByInputMethod = 229;

/** Keys that the browser makes a text of by itself: parts of a composition, dead keys, keys of a screen. */
function isComposed(event: KeyboardEvent): boolean {
  // On a Mac the first key of a composition, and in Safari the last one, has its plain name.
  if (event.isComposing || event.keyCode === takenByInputMethod) return true;
  return event.key === "Process" || event.key === "Unidentified" || event.key === "Dead";
}

function makeKeyTarget(): HTMLTextAreaElement {
  const area = document.createElement("textarea");
  area.className = "key-target";
  area.setAttribute("aria-label", "Your desktop. All keys go to it; Control, Alt, Shift and M together open the menu.");
  area.autocapitalize = "off";
  area.autocomplete = "off";
  area.spellcheck = false;
  // A tap on the desktop is a click; the keyboard of a screen comes by the menu only.
  area.inputMode = navigator.maxTouchPoints > 0 ? "none" : "text";
  return area;
}

/**
 * Hands the user's keys, mouse and wheel to the session.
 *
 * The keys arrive in a text area that nobody sees: browsers hand over their clipboard and the
 * results of input methods to such an element only.
 */
export function connectInput(options: InputOptions): Input {
  const { connection, windows, clipboard, keyboard, host } = options;
  const { isMac } = keyboard;
  const listeners = new AbortController();
  const { signal } = listeners;
  const area = makeKeyTarget();
  const pressed = new Map<string, KeyboardEvent>();
  /** Keys whose press has been sent already. */
  const sent = new Set<string>();
  const gate = new KeyGate();
  const pasteWait = new PasteWait();
  let isPasting = false;
  let isInsertKey = false;
  let isComposing = false;
  let isScreenKeyboard = false;
  let text = "";

  function sendKey(event: KeyboardEvent, isDown: boolean): void {
    if (isDown) sent.add(event.code);
    else sent.delete(event.code);
    keyboard.send(windows.focused, event, isDown);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (isMenu(event)) {
      event.preventDefault();
      releaseKeys();
      options.onMenuKeys();
      return;
    }
    if (isComposed(event)) return;
    // F11 stays the browser's: it is the way out of a full screen.
    if (event.code === "F11") return;
    // A key that repeats while others wait would be pressed after its release.
    if (event.repeat && gate.isClosed) {
      event.preventDefault();
      return;
    }
    clipboard.giveToBrowser();
    const isPasteKey = isPaste(event) && !gate.isClosed;
    if (isPasteKey) {
      isInsertKey = event.code === "Insert";
      isPasting = true;
      gate.close(browserWaitMs);
    } else {
      event.preventDefault();
    }
    pressed.set(event.code, event);
    gate.pass(() => {
      sendKey(event, true);
      if (!isPasteKey) return;
      isPasting = false;
      // The program asks for the text only when it sees the key: what is typed next must not arrive before it.
      gate.close(pasteWait.sent(event, performance.now()));
    });
  }

  function onKeyUp(event: KeyboardEvent): void {
    // A Mac tells nothing of keys that are let go while Command is down.
    if (isMac && event.key === "Meta") releaseKeys();
    if (!pressed.delete(event.code)) return;
    event.preventDefault();
    if (sent.has(event.code)) sendKey(event, false);
    else gate.pass(() => sendKey(event, false));
  }

  function releaseKeys(): void {
    for (let turn = 0; gate.isClosed && turn < 3; turn++) gate.open();
    for (const event of pressed.values()) sendKey(event, false);
    pressed.clear();
  }

  function type(typed: string): void {
    gate.pass(() => keyboard.type(windows.focused, typed));
  }

  function resetText(): void {
    text = isScreenKeyboard ? filler : "";
    area.value = text;
  }

  /** The keyboard of a screen shows what is typed only as a change of the text. */
  function followText(): void {
    const { erase, text: typed } = typedBetween(text, area.value);
    text = area.value;
    type("\b".repeat(erase) + typed);
    if (!isComposing) resetText();
  }

  function onInput(event: Event): void {
    if (isScreenKeyboard) {
      followText();
      return;
    }
    if (isComposing) return;
    if (event instanceof InputEvent && event.inputType === "insertText" && event.data !== null) type(event.data);
    resetText();
  }

  function onComposition(event: CompositionEvent): void {
    isComposing = event.type === "compositionstart";
    if (isComposing) return;
    if (isScreenKeyboard) followText();
    else type(event.data);
    resetText();
  }

  function onPaste(event: ClipboardEvent): void {
    event.preventDefault();
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    clipboard.offer(pasted);
    if (isInsertKey) clipboard.offerPrimary(pasted);
    if (isPasting) gate.open();
  }

  area.addEventListener("keydown", onKeyDown, { signal });
  area.addEventListener("keyup", onKeyUp, { signal });
  area.addEventListener("blur", releaseKeys, { signal });
  area.addEventListener("compositionstart", onComposition, { signal });
  area.addEventListener("compositionend", onComposition, { signal });
  area.addEventListener("input", onInput, { signal });
  area.addEventListener("paste", onPaste, { signal });
  clipboard.onFetched = () => {
    if (!isPasting && gate.isClosed) gate.close(pasteWait.fetched(performance.now()));
  };
  const focus = () => area.focus({ preventScroll: true });
  const inOrder = (action: () => void) => gate.pass(action);
  const pointer = connectPointer({ connection, windows, clipboard, host, isMac, focus, inOrder, signal });
  window.addEventListener("focus", () => void clipboard.takeFromBrowser(), { signal });
  host.addEventListener("pointerenter", () => void clipboard.takeFromBrowser(), { signal });
  host.append(area);

  return {
    focus,
    begin: pointer.releaseHeld,
    toggleScreenKeyboard: () => {
      isScreenKeyboard = !isScreenKeyboard;
      area.inputMode = isScreenKeyboard ? "text" : "none";
      resetText();
      // A browser looks at the mode when the element gets the keyboard.
      area.blur();
      focus();
      return isScreenKeyboard;
    },
    stop: () => {
      gate.open();
      clipboard.onFetched = () => undefined;
      listeners.abort();
      area.remove();
    },
  };
}
