/**
 * Characters that a session can type whatever its keyboard map has, most wanted first.
 *
 * A browser tells the language of its user and not the keyboard, so the map is often another one. The
 * server puts as many of them as it has free keys for onto those. The first three are accents that stand alone: some keyboards
 * have them on dead keys only.
 */
const usualCharacters = "^`~äöüßÄÖÜ€éèàùçêâîôûñåøæ";

/** How many characters are asked for; a map has some thirty-five free keys. */
const mostCharacters = 34;

/** How many characters that are not usual can be typed with one list. */
export const mostAtOnce = mostCharacters - usualCharacters.length;

/** Codes of the keys that this page makes up begin here; real ones are smaller. */
const firstMadeUpCode = 1000;

/** A key as Xpra lists it: value, name, code, group and level. */
export type ListedKey = readonly [number, string, number, number, number];

/** Whether an American keyboard has a character. */
export function isPlain(character: string): boolean {
  return /^[\n -~]$/.test(character);
}

/** Names of keys that are not those of the characters' Unicode numbers. */
const ownNames: Readonly<Record<string, string>> = { "€": "EuroSign", "^": "asciicircum", "`": "grave", "~": "asciitilde" };

/** Whether a character has a key of its own, whatever the keyboard map has. */
export function isAccent(character: string): boolean {
  return character === "^" || character === "`" || character === "~";
}

/** X11's name of the key of a character that is not plain, or is an accent. */
export function keyNameOfCharacter(character: string): string {
  const own = ownNames[character];
  if (own !== undefined) return own;
  const point = character.codePointAt(0) ?? 0;
  return `U${point.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Cuts a text into pieces, each of which can be typed with one list of characters. Gives each with what it needs. */
export function* typedPieces(text: string): Generator<{ readonly piece: string; readonly needs: ReadonlySet<string> }> {
  let piece = "";
  let needs = new Set<string>();
  for (const character of text) {
    const isUnusual = !isPlain(character) && character !== "\b" && !usualCharacters.includes(character);
    if (isUnusual && !needs.has(character) && needs.size === mostAtOnce) {
      yield { piece, needs };
      piece = "";
      needs = new Set();
    }
    if (isUnusual) needs.add(character);
    piece += character;
  }
  if (piece !== "") yield { piece, needs };
}

/** The characters outside the keyboard map that are in use; each keeps its key as long as it stays. */
export class ExtraCharacters {
  readonly #characters: string[] = Array.from(usualCharacters);
  #next = usualCharacters.length - 1;

  /** Asks for characters, at most `mostAtOnce` that are not usual. Returns whether the server has to be told of a new list. */
  need(wanted: ReadonlySet<string>): boolean {
    let isNews = false;
    for (const character of wanted) {
      if (this.#characters.includes(character)) continue;
      // When all keys are taken one of the oldest of the added ones makes room, and no other key moves.
      do this.#next = this.#next + 1 < mostCharacters ? this.#next + 1 : usualCharacters.length;
      while (wanted.has(this.#characters[this.#next] ?? ""));
      this.#characters[this.#next] = character;
      isNews = true;
    }
    return isNews;
  }

  /** The characters as keys; each has a code of its own. */
  keys(): ListedKey[] {
    return this.#characters.map((character, index) => [
      character.codePointAt(0) ?? 0,
      keyNameOfCharacter(character),
      firstMadeUpCode + index,
      0,
      0,
    ]);
  }
}
