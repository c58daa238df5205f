/** A session type that the user may start, as the door lists it. */
export interface SessionType {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly icon?: string;
  readonly isDefault: boolean;
}

/** What the page knows of the person at the keyboard. It lives in memory only. */
export interface Identity {
  readonly user: string;
  readonly ticket: string;
  /** When the ticket ends, in milliseconds of this browser's own clock. */
  readonly expiresAtMs: number;
  readonly types: readonly SessionType[];
}

/** Something that went wrong, in words for the user. */
export interface Problem {
  /** A word for the program: `credentials`, `offline`, `no-such-type`, ... */
  readonly reason: string;
  readonly what: string;
  readonly why?: string;
  readonly tryThis?: string;
}
