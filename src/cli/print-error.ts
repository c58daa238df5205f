import type { Style } from "../util/command.ts";
import { ExitCode } from "../util/exit-code.ts";
import { isAbort, VdiError } from "../util/vdi-error.ts";

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

/** What stderr gets for a failure, and the exit code that goes with it. */
export function describeFailure(thrown: unknown, interrupted: boolean, style: Style): { text: string; exitCode: ExitCode } {
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
