import type { XpraCursor, XpraServerCapabilities } from "xpra-html5-client";
import type { Loss, Manner } from "../model.ts";
import { Clipboard } from "./clipboard.ts";
import { createConnection } from "./connection.ts";
import { connectInput } from "./input.ts";
import { Keyboard } from "./keyboard.ts";
import { findLayout } from "./layout.ts";
import { type Arrangement, WindowSet } from "./window-set.ts";
import { workIfWorker } from "./workers.ts";

workIfWorker();

export { prepareWorkers } from "./workers.ts";

/** Something that the desktop wants the user to know. */
export interface Notice {
  readonly title: string;
  readonly text: string;
  /** An address that the desktop wants to open in the browser. */
  readonly url?: string;
}

/** What is needed to show a desktop. */
export interface DesktopOptions {
  readonly user: string;
  /** The ticket; it is the password on the connection. */
  readonly secret: string;
  readonly display: string;
  /** What is to happen with other clients of the session. */
  readonly manner: Manner;
  /** This page has shown the session already. */
  readonly isComingBack: boolean;
  /** The element that the desktop fills. */
  readonly host: HTMLElement;
  /** Something of the desktop is on the screen. */
  readonly onFirstFrame: () => void;
  /** The connection is over; not called after `close`. */
  readonly onLost: (loss: Loss) => void;
  /** Nothing comes from the desktop for some time, or something comes again. */
  readonly onQuiet: (isQuiet: boolean) => void;
  /** Text was copied on the desktop. */
  readonly onCopied: (text: string) => void;
  readonly onNotice: (notice: Notice) => void;
  /** The user pressed the keys of the page's own menu. */
  readonly onMenuKeys: () => void;
}

/** A desktop on the page. */
export interface Desktop {
  focus(): void;
  /** Shows or hides the keyboard of a phone's or tablet's screen; gives whether it is wanted now. */
  toggleScreenKeyboard(): boolean;
  /** Makes a text the desktop's clipboard. */
  setClipboard(text: string): void;
  /** Leaves the desktop; the session goes on. */
  close(): void;
}

/** A session without windows counts as there when this long nothing was painted. */
const emptySessionMs = 2_000;

/** One identity for all connections of this page, so that a new one replaces its own old one. */
const clientId = crypto.randomUUID();

/** How the windows of a session lay when this page lost it. */
let lost: { readonly session: string; readonly arrangement: Arrangement } | null = null;

function showCursor(host: HTMLElement, cursor: XpraCursor | null): void {
  host.style.cursor = cursor === null ? "default" : `url("${cursor.image}") ${cursor.xhot} ${cursor.yhot}, default`;
}

/** Whether the server shows a whole screen as one window. */
function isDesktopServer(capabilities: XpraServerCapabilities): boolean {
  return (capabilities as unknown as Record<string, unknown>).desktop === true;
}

/** Only plain web addresses are offered; a session must not start other programs of the user. */
function isWebAddress(url: string): boolean {
  return /^https?:\/\//i.test(url);
}

/** Attaches to a session and shows it. */
export async function openDesktop(options: DesktopOptions): Promise<Desktop> {
  const { host } = options;
  let frames = Number(document.body.dataset.frames ?? "0");
  let isShown = false;
  let isOver = false;
  let emptyTimer = 0;
  let resizeTimer = 0;

  function shown(): void {
    if (isShown || isOver) return;
    isShown = true;
    clearTimeout(emptyTimer);
    options.onFirstFrame();
  }

  const connection = await createConnection({
    user: options.user,
    secret: options.secret,
    display: options.display,
    clientId,
    layout: await findLayout(),
    manner: options.manner,
    isComingBack: options.isComingBack,
    onQuiet: options.onQuiet,
    onLost: (loss) => {
      tidy();
      options.onLost(loss);
    },
  });
  const { client } = connection;
  let isFresh = true;
  const session = `${options.user} ${options.display}`;
  const before = options.isComingBack && lost?.session === session ? lost.arrangement : null;
  const windows = new WindowSet(connection, host, before, () => {
    frames += 1;
    document.body.dataset.frames = String(frames);
    shown();
  });
  const clipboard = new Clipboard(connection, options.onCopied);
  const keyboard = new Keyboard(connection);
  const input = connectInput({ connection, windows, clipboard, keyboard, host, onMenuKeys: options.onMenuKeys });
  const resizing = new ResizeObserver(() => {
    if (isFresh) return;
    clearTimeout(resizeTimer);
    resizeTimer = window.setTimeout(() => windows.fit({ w: host.clientWidth, h: host.clientHeight }), 150);
  });

  function tidy(): void {
    isOver = true;
    const { arrangement } = windows;
    if (arrangement !== null) lost = { session, arrangement };
    clearTimeout(emptyTimer);
    clearTimeout(resizeTimer);
    resizing.disconnect();
    input.stop();
  }

  client.on("hello", (capabilities) => {
    isFresh = false;
    // The others have left; from now on one more may join.
    if (options.manner === "take") connection.send(["sharing-toggle", true]);
    keyboard.sendMap();
    windows.setDesktopServer(isDesktopServer(capabilities));
    windows.fit({ w: host.clientWidth, h: host.clientHeight });
  });
  client.on("sessionStarted", () => {
    input.begin();
    void clipboard.takeFromBrowser();
    emptyTimer = window.setTimeout(shown, emptySessionMs);
  });
  client.on("cursor", (cursor) => showCursor(host, cursor));
  client.on("openUrl", (url) => {
    if (isWebAddress(url)) options.onNotice({ title: "The desktop wants to open an address", text: url, url });
  });
  resizing.observe(host);
  connection.open();

  return {
    focus: input.focus,
    toggleScreenKeyboard: input.toggleScreenKeyboard,
    setClipboard: (text) => {
      clipboard.offer(text);
    },
    close: () => {
      tidy();
      connection.close();
      windows.clear();
    },
  };
}
