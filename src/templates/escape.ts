/** Why a value cannot be printed into a text: the sentence goes on after "the value". */
export class UnprintableValue extends Error {
  override readonly name = "UnprintableValue";
}

/** Prints one value into one kind of text, so that it stays a value there; throws `UnprintableValue`. */
export type Escape = (value: unknown) => string;

function scalarOf(value: unknown): string {
  if (value === undefined) throw new UnprintableValue("is not there");
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return String(value);
  throw new UnprintableValue("is neither a text nor a number nor true or false");
}

function checkText(text: string): void {
  if (text.includes("\0")) throw new UnprintableValue("has a null character, which no shell can hold");
  if (/\p{Surrogate}/u.test(text)) throw new UnprintableValue("is not valid Unicode");
}

/** The name of a shell variable: a shell template prints it without quotes, after a look at its characters. */
export class ShellName {
  readonly name: string;

  constructor(name: string) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new UnprintableValue("is not the name of a shell variable");
    this.name = name;
  }
}

/** One word of a POSIX shell, always in single quotes: nothing has a meaning inside them. A `ShellName` stands as it is. */
export function shellWord(value: unknown): string {
  if (value instanceof ShellName) return value.name;
  const text = scalarOf(value);
  checkText(text);
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A JSON value on one line, which is YAML as well, whatever surrounds it. Lists and maps may be nested; nothing in them may be undefined. */
export function yamlValue(value: unknown): string {
  checkJson(value);
  // YAML takes fewer characters than JSON; the others get JSON's own escape.
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function checkJson(value: unknown): void {
  if (value === undefined) throw new UnprintableValue("is not there, or something in it is not");
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new UnprintableValue("is not valid Unicode");
    return;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new UnprintableValue("is a number without an end");
    return;
  }
  const isList = Array.isArray(value);
  if (!isList && (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype)) {
    throw new UnprintableValue("is not plain data");
  }
  for (const member of isList ? value : Object.values(value)) checkJson(member);
}

/**
 * A value in a Dockerfile, printed as it is: an image reference, a version, a name, a path. A Dockerfile has no quoting that
 * holds everywhere, so whatever could end a word or start another instruction is refused instead.
 */
export function dockerfileValue(value: unknown): string {
  const text = scalarOf(value);
  if (text === "") throw new UnprintableValue("is empty");
  if (!/^[A-Za-z0-9._:/@+=,~%[\]-]+$/.test(text)) {
    throw new UnprintableValue(
      "has a character that does not belong into an image's name or a build value (letters, digits and ._:/@+=,~%[]- do)",
    );
  }
  return text;
}
