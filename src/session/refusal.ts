import { type Reason, reasons } from "./reasons.ts";
import type { RefusalCode } from "./refusal-code.ts";

/** What a single refusal has beside the words of its reason. */
export interface RefusalFacts {
  /** Instead of the table's words for the user; one line without names of the runtime's parts or a secret. */
  readonly message?: string;
  /** For the log of the admin only: the runtime's own words, what was seen. */
  readonly detail?: string | undefined;
  readonly code?: RefusalCode;
}

/** Why a user gets no session. The message is one line that the user is shown. */
export class SessionRefusal extends Error {
  readonly code: RefusalCode;
  readonly reason: Reason;
  readonly detail: string | undefined;

  constructor(reason: Reason, { message = reasons[reason].user, detail, code = reasons[reason].code }: RefusalFacts = {}) {
    super(message.replace(/\s+/g, " ").trim());
    this.name = "SessionRefusal";
    this.code = code;
    this.reason = reason;
    this.detail = detail;
  }
}
