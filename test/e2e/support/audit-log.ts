import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Demo } from "../../start/demo.ts";

/** An answered request, as the API server's audit log has it. */
export interface AuditLine {
  readonly verb: string;
  readonly requestURI: string;
  readonly stage: string;
  /** Without a name when the API server, just started, could not tell yet who asks. */
  readonly user: { readonly username?: string };
  readonly objectRef?: { readonly resource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** What the accounts of the proxies' namespace have asked since `fromMs`, and were answered; oldest first. A watch or a followed log that goes on is not among it. */
export function askedByBrokers(demo: Pick<Demo, "auditLog" | "namespace">, fromMs: number): readonly AuditLine[] {
  const account = `system:serviceaccount:ingress-${demo.namespace}:`;
  const lines = linesSince(demo.auditLog ?? "", fromMs).filter((line) => line.includes(account));
  return [...new Set(lines)]
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ user, stage }) => user.username?.startsWith(account) === true && stage === "ResponseComplete")
    .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= fromMs);
}

/**
 * All lines of the log that may be of `fromMs` or later, some of them perhaps twice. What has become too large the API server puts
 * aside, as audit-TIME.log in the same directory, and begins anew.
 */
function linesSince(log: string, fromMs: number): readonly string[] {
  const directory = dirname(log);
  // The log first: what is put aside meanwhile is read once more, and nothing is missed.
  const newest = completeLines(log);
  const older = readdirSync(directory)
    .filter((name) => /^audit-.*\.log$/.test(name))
    .sort()
    .map((name) => join(directory, name))
    .filter((file) => statSync(file).mtimeMs >= fromMs);
  return [...older.flatMap(completeLines), ...newest];
}

/** The last line may be under way. */
function completeLines(file: string): readonly string[] {
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}
