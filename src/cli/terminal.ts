import { addAbortSignal } from "node:stream";
import type { Context, ProgressSink } from "../util/context.ts";
import type { Ports } from "../util/ports.ts";
import { utf8Text } from "../util/utf8.ts";
import { askYesNo } from "./question.ts";

/** The context of a command that is run from a terminal or a script. */
export function terminalContext(given: {
  readonly distribution: string;
  readonly version: string;
  readonly ports: Ports;
  readonly signal: AbortSignal;
}): Context {
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const progress = progressOn(process.stderr);
  return {
    ...given,
    cwd: process.cwd(),
    env: process.env,
    progress,
    interactive,
    now: Date.now,
    async confirm(question) {
      if (!interactive) return false;
      progress.clear();
      return askYesNo(question, {
        input: process.stdin,
        output: process.stderr,
        signal: given.signal,
        interrupt: () => process.kill(process.pid, "SIGINT"),
      });
    },
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of addAbortSignal(given.signal, process.stdin)) chunks.push(chunk as Buffer);
      return utf8Text(Buffer.concat(chunks), {
        name: "what stands on standard input",
        try: "pass it through iconv -f latin1 -t utf-8 (when it is Latin-1)",
      });
    },
  };
}

const eraseLine = "\r\u001b[2K";

function progressOn(stream: NodeJS.WriteStream): ProgressSink {
  let shown = "";
  const live = stream.isTTY === true;
  const clear = (): void => {
    if (live && shown !== "") stream.write(eraseLine);
    shown = "";
  };
  return {
    clear,
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    status(text) {
      if (text === shown) return;
      if (live) {
        const width = (stream.columns || 80) - 1;
        stream.write(eraseLine + (text.length > width ? `${text.slice(0, width - 1)}…` : text));
      } else {
        stream.write(`${text}\n`);
      }
      shown = text;
    },
  };
}
