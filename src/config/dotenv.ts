import type { Diagnostic } from "./diagnostics.ts";

/** A piece of a value: text as it is, or the name of a variable whose value stands there. */
export type Part = { readonly kind: "text"; readonly text: string } | { readonly kind: "reference"; readonly name: string };

/** One `NAME=value` of a file. */
export interface Assignment {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Of the name, from 1. */
  readonly line: number;
  /** Where the assignment begins and ends in the text, for whoever replaces it. */
  readonly start: number;
  readonly end: number;
}

/** What a file in dotenv form holds, and what is wrong with it. */
export interface ParsedFile {
  readonly assignments: readonly Assignment[];
  readonly diagnostics: readonly Diagnostic[];
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', $: "$", "`": "`" };

/**
 * Reads `NAME=value` lines with comments. A value is bare (to the end of the line or to ` #`), in 'single quotes' (taken as
 * it is), or in "double quotes" (with \n \t \r \" \\ \$); quoted ones may go over several lines. `${NAME}` stands for
 * another variable, except in single quotes. Nothing is ever run.
 */
export function parseEnvFile(text: string, file: string): ParsedFile {
  return new Reader(text, file).read();
}

class Reader {
  private position = 0;
  private line = 1;
  private readonly assignments: Assignment[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private readonly source: string;
  private readonly file: string;

  constructor(source: string, file: string) {
    this.source = source;
    // Some editors begin a file with a mark; it stays in the text, so that places in it are those of the file.
    if (source.startsWith("\uFEFF")) this.position = 1;
    this.file = file;
  }

  read(): ParsedFile {
    while (this.position < this.source.length) this.readLine();
    return { assignments: this.assignments, diagnostics: this.diagnostics };
  }

  private readLine(): void {
    const start = this.position;
    const line = this.line;
    const rest = this.restOfLine();
    if (/^\s*(#.*)?$/.test(rest)) {
      this.skipLine();
      return;
    }
    const match = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=[ \t]*/.exec(rest);
    if (match === null) {
      this.report(line, badLine(rest));
      this.skipLine();
      return;
    }
    const name = match[1] ?? "";
    this.position += match[0].length;
    const quote = this.source[this.position];
    const parts = quote === "'" || quote === '"' ? this.quotedValue(name, quote, line) : this.bareValue(name, line);
    if (parts !== undefined) this.assignments.push({ name, parts, line, start, end: this.position });
    this.skipLine();
  }

  private bareValue(name: string, line: number): readonly Part[] {
    const rest = this.restOfLine();
    const value = rest.replace(/(^|[ \t])#.*$/, "").trimEnd();
    this.position += value.length;
    return this.partsOf(value, name, line);
  }

  private quotedValue(name: string, quote: string, line: number): readonly Part[] | undefined {
    const end = this.endOfQuote(quote);
    if (end === undefined) {
      this.report(line, `the ${quote === "'" ? "single" : "double"} quote of ${name} has no end`, name);
      this.position = this.source.length;
      return undefined;
    }
    const body = this.source.slice(this.position + 1, end);
    this.position = end + 1;
    this.line += body.split("\n").length - 1;
    if (!/^[ \t\r]*(#.*)?$/.test(this.restOfLine())) {
      this.report(this.line, `there is more behind the value of ${name}; put the whole value into quotes`, name);
      return undefined;
    }
    return quote === "'" ? [{ kind: "text", text: body }] : this.partsOf(body, name, line, true);
  }

  private endOfQuote(quote: string): number | undefined {
    for (let at = this.position + 1; at < this.source.length; at++) {
      const character = this.source[at];
      if (character === "\\" && quote === '"') at++;
      else if (character === quote) return at;
    }
    return undefined;
  }

  /** Takes `${NAME}` out of a value, and backslashes when it was in double quotes. */
  private partsOf(value: string, name: string, line: number, escaped = false): readonly Part[] {
    const parts: Part[] = [];
    let text = "";
    for (let at = 0; at < value.length; at++) {
      const character = value[at] ?? "";
      const next = value[at + 1] ?? "";
      if (escaped && character === "\\" && next in escapes) {
        text += escapes[next];
        at++;
      } else if (character === "$" && next === "{") {
        const reference = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}/.exec(value.slice(at));
        if (reference === null) {
          this.report(line, `${name} holds a '\${' that is not \${NAME}; for the characters themselves use single quotes`, name);
          text += character;
          continue;
        }
        if (text !== "") parts.push({ kind: "text", text });
        text = "";
        parts.push({ kind: "reference", name: reference[1] ?? "" });
        at += reference[0].length - 1;
      } else {
        if (character === "$" && next === "(")
          this.warn(line, `${name} holds '$(', which is taken as text: nothing of this file is run`, name);
        else if (character === "$" && /[A-Za-z_]/.test(next))
          this.warn(line, `${name} holds a $NAME, which is taken as text; write \${NAME} for a variable's value`, name);
        text += character;
      }
    }
    if (text !== "") parts.push({ kind: "text", text });
    return parts;
  }

  private restOfLine(): string {
    const end = this.source.indexOf("\n", this.position);
    return this.source.slice(this.position, end === -1 ? this.source.length : end).replace(/\r$/, "");
  }

  private skipLine(): void {
    const end = this.source.indexOf("\n", this.position);
    this.position = end === -1 ? this.source.length : end + 1;
    this.line++;
  }

  private report(line: number, message: string, name?: string): void {
    this.diagnostics.push({ severity: "error", code: "syntax", message, file: this.file, line, ...(name === undefined ? {} : { name }) });
  }

  private warn(line: number, message: string, name: string): void {
    this.diagnostics.push({ severity: "warning", code: "syntax", message, file: this.file, line, name });
  }
}

function badLine(line: string): string {
  // The line itself may hold a password: only its name is repeated.
  const spaced = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s+=/.exec(line);
  if (spaced !== null) return `there must be no space before the '=' of ${spaced[1] ?? ""}`;
  return "not a NAME=value line and not a comment";
}

/** The value as it has to be written into a file so that `parseEnvFile` gives it back. */
export function quoteForEnvFile(value: string): string {
  if (/^[A-Za-z0-9_./:@%+,=~-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value
    .replace(/[\\"$`]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")}"`;
}
