import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { isAbort } from "../util/vdi-error.ts";

/** Where a question is asked. */
export interface QuestionPlace {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
  /** Makes the signal abort, as Ctrl-C does elsewhere: while a line is edited the terminal sends no signal for it. */
  interrupt(): void;
}

/** Asks and takes anything but `y` and `yes` for a no, also the end of the input (Ctrl-D). Throws the signal's reason after Ctrl-C. */
export async function askYesNo(question: string, { input, output, signal, interrupt }: QuestionPlace): Promise<boolean> {
  const prompt = createInterface({ input, output });
  let isInterrupted = false;
  prompt.on("SIGINT", () => {
    isInterrupted = true;
    interrupt();
  });
  const ended = once(prompt, "close").then(() => "");
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `, { signal }), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (thrown) {
    if (!isAbort(thrown)) throw thrown;
    if (!isInterrupted && !signal.aborted) return false;
    if (!signal.aborted) await once(signal, "abort");
    throw signal.reason;
  } finally {
    prompt.close();
    output.write(isInterrupted || signal.aborted ? "\n" : "");
  }
}
