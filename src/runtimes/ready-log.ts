import { linesOf, longestLogLine } from "../util/lines.ts";

/** Xpra's own word for it. */
const readyWords = "xpra is ready.";
/** Words for the user are a sentence; anything else after the phase is for whoever reads the log. */
const phaseLine = /^vdi: phase (\S+) ([A-Z].* .*\.)\s*$/;
const firstRetryMs = 200;
const maxRetryMs = 5_000;

/** What a session's log says. */
export interface ReadyLogListener {
  /** It can be read. */
  onOpen(): void;
  onReady(): void;
  /** What the entry script says that it is doing, in words for the user. */
  onWords(words: string): void;
  onTrouble(error: unknown): void;
}

/** Opens a log from its beginning, as bytes that go on for as long as the session runs. */
export type OpenLog = (signal: AbortSignal) => Promise<AsyncIterable<unknown>>;

/**
 * Follows the log of a session until it says that Xpra is ready, or the signal is aborted.
 * The session has to run: before that its log cannot be followed everywhere. A connection that breaks is made again.
 */
export async function followUntilReady(open: OpenLog, signal: AbortSignal, listener: ReadyLogListener): Promise<void> {
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      let isReady = false;
      const log = await open(signal);
      listener.onOpen();
      for await (const line of linesOf(log, longestLogLine)) {
        isReady = line.includes(readyWords);
        // Leaving the loop closes the connection, before the signal of one who waits no more could break it.
        if (isReady) break;
        const words = phaseLine.exec(line)?.[2];
        if (words !== undefined) listener.onWords(words.trim().slice(0, 200));
      }
      if (isReady) {
        listener.onReady();
        return;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      listener.onTrouble(thrown);
    }
    // The log of a session that has ended ends too; the session's own change tells that, and aborts the signal.
    await new Promise((resolve) => setTimeout(resolve, Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(tries, 8))));
  }
}
