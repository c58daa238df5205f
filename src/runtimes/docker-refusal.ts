import { EngineError } from "../engine/engine-client.ts";
import type { Reason } from "../session/reasons.ts";
import { SessionRefusal } from "../session/refusal.ts";
import { isDiskFull } from "../util/disk-full.ts";
import { messageOf } from "../util/vdi-error.ts";
import { withoutSecret } from "./docker-state.ts";

/** What an engine says when it takes a container from nobody, whoever asks; the first line that fits wins. */
const sayings: readonly (readonly [RegExp, Reason])[] = [
  [/no such image|pull access denied|manifest unknown/i, "image"],
  [/pool overlaps|non-overlapping|no available.*network/i, "no-room"],
  [/no such container/i, "lost"],
  [/cannot start|OCI runtime|runc|executable file not found|bind source path|invalid mount|mount(?:ing)? /i, "configuration"],
];

/**
 * A refusal for a request about a session that the engine did not take, or for files that found no space beside it; the words of
 * either are for the admin. Anything else is given back.
 */
export function dockerRefusal(thrown: unknown, secret: string): unknown {
  if (!(thrown instanceof EngineError)) {
    const words = messageOf(thrown);
    return isDiskFull(words) && !(thrown instanceof SessionRefusal) ? new SessionRefusal("no-space", { detail: words }) : thrown;
  }
  const { status, message, request } = thrown;
  const detail = withoutSecret(`${request.method} ${request.path}: ${status === 0 ? thrown.code : status}: ${message}`, secret);
  return new SessionRefusal(reasonOf(thrown), { detail });
}

function reasonOf({ status, code, message }: EngineError): Reason {
  if (isDiskFull(message)) return "no-space";
  if (status === 0) return code === "EACCES" || code === "EPERM" ? "forbidden" : "away";
  return sayings.find(([words]) => words.test(message))?.[1] ?? (status >= 500 ? "away" : "not-accepted");
}
