import { ExitCode } from "./exit-code.ts";

/** What an error tells the admin: what happened, why, and what to try. */
export interface ErrorWords {
  /** One line, lower case start, without a full stop: "the image vdi-base could not be built". */
  readonly what: string;
  /** The cause, in the words of the part that failed. May have several lines. */
  readonly why?: string | undefined;
  /** What to do about it; each entry is one suggestion. */
  readonly try?: string | readonly string[] | undefined;
  /** A page of the documentation: "doc/configuration.md#xpra_workers". */
  readonly see?: string | undefined;
  /** Defaults to 1 (failed). */
  readonly exitCode?: ExitCode | undefined;
  readonly cause?: unknown;
}

/**
 * A failure that is not a bug of ours: bad input, a cluster that refuses, an image that does not build.
 * It is printed as `error: …`, `why`, `try: …`, `see: …`; anything else that is thrown is reported as a bug with its stack.
 */
export class VdiError extends Error {
  readonly what: string;
  readonly why: string | undefined;
  readonly tries: readonly string[];
  readonly see: string | undefined;
  readonly exitCode: ExitCode;

  constructor(words: ErrorWords) {
    super(words.why === undefined ? words.what : `${words.what}: ${words.why}`, { cause: words.cause });
    this.name = "VdiError";
    this.what = words.what;
    this.why = words.why;
    this.tries = words.try === undefined ? [] : typeof words.try === "string" ? [words.try] : words.try;
    this.see = words.see;
    this.exitCode = words.exitCode ?? ExitCode.failed;
  }
}

/** The message of anything that was thrown, for a sentence that goes on with it. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** True for the error that an aborted signal makes, whoever throws it. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === "AbortError" || (thrown as { code?: unknown }).code === "ABORT_ERR");
}
