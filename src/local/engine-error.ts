import { engineWords } from "../images/image-engine.ts";
import { isDiskFull, spaceTries } from "../util/disk-full.ts";
import { ExitCode } from "../util/exit-code.ts";
import { isAbort, VdiError } from "../util/vdi-error.ts";

/** What the engine answered to a call: its HTTP status, 0 when it did not answer. */
export function engineStatus(thrown: unknown): number {
  const status = thrown instanceof Error ? (thrown as { statusCode?: unknown }).statusCode : undefined;
  return typeof status === "number" ? status : 0;
}

/** Gives undefined where the engine says that there is no such thing. */
export async function ifThere<Answer>(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (thrown) {
    if (engineStatus(thrown) === 404) return undefined;
    throw thrown;
  }
}

/** Does what may have been done already: 304 (it is so), 404 (it is gone) and 409 (somebody is at it) are no failures. */
export async function unlessDone(call: Promise<unknown>, ...fine: readonly number[]): Promise<void> {
  try {
    await call;
  } catch (thrown) {
    if (![304, 404, ...fine].includes(engineStatus(thrown))) throw thrown;
  }
}

/** An engine's failure in words, with what to try; what is no failure of the engine is given back as it is. */
export function engineError(thrown: unknown, what: string): unknown {
  if (isAbort(thrown) || thrown instanceof VdiError) return thrown;
  const code = (thrown as { code?: unknown }).code;
  const status = engineStatus(thrown);
  const why = engineWords(thrown);
  if (status === 0 && typeof code !== "string") return thrown;
  if (status === 0) {
    const words = { what: "the container engine does not answer any more", why, try: "docker info" };
    return new VdiError({ ...words, exitCode: ExitCode.unreachable, cause: thrown });
  }
  return new VdiError({ what, why, try: triesFor(why), see: "doc/local.md#when-it-does-not-work", cause: thrown });
}

/** A call's answer; the engine's failure is thrown in words. */
export async function inWords<Answer>(what: string, call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (thrown) {
    throw engineError(thrown, what);
  }
}

function triesFor(why: string): string | readonly string[] {
  if (isDiskFull(why)) return spaceTries;
  if (isPortTaken(why)) return "vdi local up --port PORT (another port; it is kept in deploy/vdi.env)";
  if (/pool overlaps|address pools have been fully subnetted/i.test(why))
    return "docker network prune (removes networks that nothing uses)";
  return "docker info";
}

/** Whether the engine's words mean that another program has the port. */
export function isPortTaken(why: string): boolean {
  return /port is already allocated|address already in use/i.test(why);
}
