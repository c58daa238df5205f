import type { Style } from "../util/command.ts";
import { isDiskFull, noSpaceError } from "../util/disk-full.ts";
import { ExitCode } from "../util/exit-code.ts";
import { fileError } from "../util/file-error.ts";
import { type DataOf, number, object, optional, type Shape, text, texts } from "../util/shape.ts";
import { isAbort, messageOf, VdiError } from "../util/vdi-error.ts";
import { styleFor } from "./output.ts";

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

/** A disk may be full, or a file closed to us, in every place that reads or writes: nobody's bug, with the same words everywhere. */
function foreseen(thrown: unknown): unknown {
  if (thrown instanceof VdiError) return thrown;
  if (isDiskFull(messageOf(thrown))) return noSpaceError("there is no space left on a disk", thrown);
  return fileError(thrown) ?? thrown;
}

/** What stderr gets for a failure, and the exit code that goes with it. */
export function describeFailure(failure: unknown, interrupted: boolean, style: Style): { text: string; exitCode: ExitCode } {
  const thrown = foreseen(failure);
  if (thrown instanceof VdiError) {
    const lines = [`${style.red("error:")} ${thrown.what}`];
    if (thrown.why !== undefined) lines.push(indented(thrown.why));
    for (const suggestion of thrown.tries) lines.push(`  try: ${suggestion}`);
    if (thrown.see !== undefined) lines.push(`  see: ${thrown.see}`);
    return { text: `${lines.join("\n")}\n`, exitCode: thrown.exitCode };
  }
  if (interrupted && isAbort(thrown)) {
    return { text: `${style.yellow("interrupted:")} the same command goes on from here\n`, exitCode: ExitCode.interrupted };
  }
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const text = `${style.red("error:")} a bug in vdi\n${indented(stack)}\n  try: report it with the lines above\n`;
  return { text, exitCode: ExitCode.bug };
}

/** What `-o json` prints on standard error when a command fails: one line, the last one. */
export const failureShape = object({
  error: object({
    what: text("what could not be done"),
    why: optional(text("the cause; may have several lines")),
    try: texts("what to do about it, a suggestion each"),
    see: optional(text("the page of the documentation that has more")),
    exitCode: number("the exit code of the command"),
  }),
}) satisfies Shape;

/** The line for a failure, for scripts. */
export function failureLine(failure: unknown, interrupted: boolean): string {
  const thrown = foreseen(failure);
  const { exitCode } = describeFailure(thrown, interrupted, styleFor(false));
  const error: DataOf<typeof failureShape>["error"] =
    thrown instanceof VdiError
      ? { what: thrown.what, ...(thrown.why && { why: thrown.why }), try: thrown.tries, ...(thrown.see && { see: thrown.see }), exitCode }
      : exitCode === ExitCode.interrupted
        ? { what: "interrupted", try: ["the same command goes on from here"], exitCode }
        : { what: "a bug in vdi", why: String((thrown as Error | undefined)?.stack ?? thrown), try: ["report it"], exitCode };
  return `${JSON.stringify({ error })}\n`;
}
