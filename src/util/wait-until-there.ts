import { setTimeout as sleep } from "node:timers/promises";
import { ExitCode } from "./exit-code.ts";
import { VdiError } from "./vdi-error.ts";

/** How a long step tells what it does and when it has to stop. */
export interface Job {
  /** Prints a line for the person who waits. */
  say(text: string): void;
  readonly signal: AbortSignal;
}

/** What is waited for, and how long. */
export interface Wait {
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** The last words of whatever should have been there, for the error. */
  tail?(): Promise<string>;
}

/**
 * Asks again and again until the answer is undefined, which means "there"; any other answer is what was last seen.
 * For things that cannot be watched: sockets, processes, kernel objects.
 * @throws VdiError with the last answer and `tail()` when the deadline has passed.
 */
export async function waitUntilThere(wait: Wait, ask: () => Promise<string | undefined>, signal?: AbortSignal): Promise<void> {
  const end = Date.now() + wait.timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await ask();
    if (seen === undefined) return;
    if (Date.now() > end) {
      const tail = (await wait.tail?.()) ?? "";
      throw new VdiError({
        what: `${wait.what} was not there after ${Math.round(wait.timeoutMs / 1000)} s`,
        why: tail === "" ? `last seen: ${seen}` : `last seen: ${seen}\n${tail}`,
        exitCode: ExitCode.timedOut,
      });
    }
    await sleep(wait.everyMs ?? 100, undefined, signal === undefined ? {} : { signal });
  }
}
