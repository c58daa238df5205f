import { ExtraCharacters, isAccent, isPlain, keyNameOfCharacter, typedPieces } from "./characters.ts";
import type { Connection } from "./connection.ts";
import { keyNameOn, modifiersOf } from "./modifiers.ts";

/** The keys of the page as a session understands them. */
export class Keyboard {
  readonly isMac: boolean = /mac/i.test(navigator.userAgent);
  readonly #connection: Connection;
  readonly #extra = new ExtraCharacters();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Makes the server take this keyboard's map. From 6.5 on it waits for this message; what the first
   * message says of the keyboard is noted and not used, so that every user would have an American one.
   */
  sendMap(): void {
    const { xkbmap_layout: layout, xkbmap_keycodes: all } = this.#connection.client.getCapabilities();
    // Keys that keyboards do not have would take the few free places from characters.
    const keys = all.filter(([, name]) => !/^F(?:1[3-9]|2\d)$/.test(name));
    this.#connection.send(["keymap-changed", { keymap: { layout, keycodes: [...keys, ...this.#extra.keys()] } }, true]);
  }

  /** Presses or releases the key of an event in a window. */
  send(window: number, event: KeyboardEvent, isDown: boolean): void {
    const { client } = this.#connection;
    const { name, code, group, key } = client.keyboard.getKey(withoutNumberBlock(event));
    const isCharacter = [...event.key].length === 1 && !isPlain(event.key);
    if (isCharacter) this.#need(new Set([event.key]));
    const known = isCharacter ? keyNameOfCharacter(event.key) : keyNameOn(this.isMac, name);
    client.sendKeyAction(window, known, isDown, modifiersOf(event, this.isMac), key, code, group);
  }

  /** Types a text that came without keys: from an input method or a phone's keyboard. */
  type(window: number, text: string): void {
    for (const { piece, needs } of typedPieces(text)) {
      this.#need(needs);
      this.#typePiece(window, piece);
    }
  }

  #typePiece(window: number, text: string): void {
    const { client } = this.#connection;
    for (const character of text) {
      const known = client.keyboard.getKey(new KeyboardEvent("keydown", { key: character })).name;
      let name = keyNameOfCharacter(character);
      if (character === "\n") name = "Return";
      else if (character === "\b") name = "BackSpace";
      else if (isPlain(character) && !isAccent(character)) name = known || character;
      for (const isDown of [true, false]) client.sendKeyAction(window, name, isDown, [], character, 0, 0);
    }
  }

  #need(characters: ReadonlySet<string>): void {
    if (this.#extra.need(characters)) this.sendMap();
  }
}

/** Without NumLock the keys of the number block are others: what they are called by is the key that they stand for. */
function withoutNumberBlock(event: KeyboardEvent): KeyboardEvent {
  if (!/^Numpad(?:\d|Decimal)$/.test(event.code) || event.key.length === 1) return event;
  return new KeyboardEvent(event.type, { key: event.key, code: event.key, location: KeyboardEvent.DOM_KEY_LOCATION_STANDARD });
}
