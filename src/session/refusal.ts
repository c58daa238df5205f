/** Codes of the broker and exit codes of the hook: part of the protocol that sites' own scripts speak. */
export const RefusalCode = {
  failed: 1,
  noSuchType: 4,
  notConfigured: 5,
  unknownUser: 6,
} as const;

export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];

/** Why a user gets no session. The message is one line that the user is shown: no names of the cluster's parts, no secret. */
export class SessionRefusal extends Error {
  readonly code: RefusalCode;
  /** For programs: `no-such-type`, `no-room`. */
  readonly reason: string;
  /** For the log of the admin only. */
  readonly detail: string | undefined;

  constructor(code: RefusalCode, reason: string, message: string, detail?: string) {
    super(message.replace(/\s+/g, " ").trim());
    this.name = "SessionRefusal";
    this.code = code;
    this.reason = reason;
    this.detail = detail;
  }
}
