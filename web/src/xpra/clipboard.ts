import type { Connection } from "./connection.ts";

const utf8Targets = ["UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "TEXT", "STRING"];

/** The longest text that is passed on, in characters. */
const longestText = 4 * 1024 * 1024;

/**
 * The longest text that is handed over only when a program asks for it, in characters. A longer one goes to the desktop at once: Xpra
 * waits 2.5 s for the answer, which a slow line may need for it.
 */
const longestOnDemand = 64 * 1024;

/** Reads the text of a clipboard packet; null when it holds something else. */
export function clipboardText(type: unknown, format: unknown, data: unknown): string | null {
  if (typeof type !== "string" || !/text|string/i.test(type) || format !== 8) return null;
  if (typeof data === "string") return data;
  if (!(data instanceof Uint8Array)) return null;
  const encoding = /^STRING$|latin|8859-1/i.test(type) ? "latin1" : "utf-8";
  return new TextDecoder(encoding).decode(data);
}

/** A text as it is passed on. On Windows browsers give lines their system's ends, whatever they were given. */
function passedOn(text: string): string {
  return text.replaceAll("\r\n", "\n").slice(0, longestText);
}

/** The clipboard of the desktop and that of the browser, kept equal as far as the browser allows. */
export class Clipboard {
  readonly #connection: Connection;
  readonly #onCopied: (text: string) => void;
  #text = "";
  #primary = "";
  #waiting: string | null = null;
  #requests = 0;
  /** Called when a program of the desktop has fetched the text, which it may do more than once. */
  onFetched: () => void = () => undefined;

  constructor(connection: Connection, onCopied: (text: string) => void) {
    this.#connection = connection;
    this.#onCopied = onCopied;
    connection.handle("clipboard-token", (selection, _targets, target, type, format, _encoding, data) => {
      if (selection !== "CLIPBOARD") return;
      const text = clipboardText(type, format, data);
      if (text !== null) this.#copied(text);
      else if (target === undefined) this.#ask();
    });
    connection.handle("clipboard-contents", (_id, _selection, type, format, _encoding, data) => {
      const text = clipboardText(type, format, data);
      if (text !== null) this.#copied(text);
    });
    connection.handle("clipboard-contents-none", () => undefined);
    connection.handle("clipboard-request", (id, selection, target) => {
      this.#answer(id, selection);
      if (target !== "TARGETS") this.onFetched();
    });
    connection.handle("set-clipboard-enabled", () => undefined);
  }

  /** Gives a text from the browser to the desktop. Returns whether it was news. */
  offer(given: string): boolean {
    const text = passedOn(given);
    if (text === "" || text === passedOn(this.#text)) return false;
    this.#text = text;
    this.#waiting = null;
    this.#send("CLIPBOARD", this.#text);
    return true;
  }

  /**
   * Gives a text to the other clipboard of X11, the one that Shift and Insert paste in terminals.
   * A text that it had before is not given again: what the user selected on the desktop since stays.
   */
  offerPrimary(given: string): void {
    const text = passedOn(given);
    if (text === "" || text === this.#primary) return;
    this.#primary = text;
    this.#send("PRIMARY", this.#primary);
  }

  /** Reads the browser's clipboard where the user has allowed it for good; never asks. */
  async takeFromBrowser(): Promise<void> {
    // What was copied on the desktop is newer than what the browser has, which did not take it.
    if (this.#waiting !== null) {
      this.giveToBrowser();
      return;
    }
    try {
      const name = "clipboard-read" as PermissionName;
      const permission = await navigator.permissions.query({ name });
      if (permission.state === "granted") this.offer(await navigator.clipboard.readText());
    } catch {
      // Browsers without this permission hand the text over in their paste event instead.
    }
  }

  /** Tries again to hand over a copied text; to be called while a click or a key is handled. */
  giveToBrowser(): void {
    if (this.#waiting !== null) this.#write(this.#waiting);
  }

  #copied(text: string): void {
    this.#text = text;
    this.#onCopied(text);
    this.#write(text);
  }

  #write(text: string): void {
    this.#waiting = text;
    navigator.clipboard?.writeText(text).then(
      () => {
        if (this.#waiting === text) this.#waiting = null;
      },
      () => undefined,
    );
  }

  #ask(): void {
    this.#requests += 1;
    this.#connection.send(["clipboard-request", this.#requests, "CLIPBOARD", "UTF8_STRING"]);
  }

  /** Says that there is a text. What the user does not paste stays in the browser, and of what is pasted it is known when. */
  #send(selection: "CLIPBOARD" | "PRIMARY", text: string): void {
    const isAlong = text.length > longestOnDemand;
    const contents = isAlong
      ? ["UTF8_STRING", "UTF8_STRING", 8, "bytes", new TextEncoder().encode(text)]
      : ["", "", 8, "bytes", new Uint8Array()];
    this.#connection.send(["clipboard-token", selection, utf8Targets, ...contents, true, true, true]);
  }

  #answer(id: unknown, selection: unknown): void {
    const text = selection === "PRIMARY" ? this.#primary : this.#text;
    if (text === "") {
      this.#connection.send(["clipboard-contents-none", id, selection]);
      return;
    }
    this.#connection.send(["clipboard-contents", id, selection, "UTF8_STRING", 8, "bytes", new TextEncoder().encode(text)]);
  }
}
