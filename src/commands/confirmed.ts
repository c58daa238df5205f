import type { Context } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** Asks before something that cannot be taken back. Throws, saying `undone`, when the answer is no, or when nobody can be asked. */
export async function confirmed(ctx: Context, question: string, undone: string): Promise<void> {
  if (await ctx.confirm(question)) return;
  throw new VdiError({
    what: undone,
    why: ctx.interactive ? "you said no" : "there is nobody to ask",
    ...(ctx.interactive ? {} : { try: "--yes" }),
    exitCode: ctx.interactive ? ExitCode.failed : ExitCode.usage,
  });
}
