import { readFileSync } from "node:fs";
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

/** What the accounts of the proxies' namespace have asked since `fromMs`, and were answered; oldest first. */
export function askedByBrokers(demo: Demo, fromMs: number): readonly AuditLine[] {
  const account = `system:serviceaccount:ingress-${demo.namespace}:`;
  const text = readFileSync(demo.auditLog ?? "", "utf8");
  // The last line may be under way.
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ user, stage }) => user.username?.startsWith(account) === true && stage === "ResponseComplete")
    .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= fromMs);
}
