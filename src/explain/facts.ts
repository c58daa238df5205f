import type { SessionView } from "../session/session-state.ts";

/** A line of a proxy's or a broker's log. */
export interface LogFact {
  /** RFC 3339. */
  readonly time: string;
  readonly pod: string;
  readonly container: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A session's pod, as it is now. */
export interface PodFact {
  readonly name: string;
  readonly view: SessionView;
  /** When it ended or was asked for, RFC 3339: the moment that its state speaks of. */
  readonly time: string;
  /** The last lines of its log, without secrets. */
  readonly tail: readonly string[];
  /** What the cluster said of it, newest last. */
  readonly events: readonly { readonly time: string; readonly reason: string; readonly message: string }[];
}

/** The user as the deployment directory knows it; a directory service may know more. */
export interface AccountFact {
  readonly uid: number;
  readonly gid: number;
  /** Nobody gets in by a password. */
  readonly isLocked: boolean;
  /** The day after which the account is no good, `2026-11-25`. */
  readonly expired?: string;
}

/** Everything that is looked at to explain a login. No secret is in it. */
export interface LoginFacts {
  /** RFC 3339. */
  readonly now: string;
  /** How far back the logs were read: RFC 3339. */
  readonly from: string;
  readonly namespace: string;
  readonly user: string;
  /** Missing: not among the users of the deployment directory. */
  readonly account?: AccountFact;
  /** Whether the proxies know those users (XPRA_DEMO_USERS). */
  readonly usesLocalUsers: boolean;
  readonly minUid: number;
  /** Session types that the user may start, by what the deployment directory says. */
  readonly types: readonly string[];
  /** About the user, in the order of time. */
  readonly lines: readonly LogFact[];
  /** Attempts under names that are no accounts, and those that nobody looked into; in the order of time. */
  readonly nameless: readonly LogFact[];
  /** What went wrong in brokers, in the order of time. */
  readonly trouble: readonly LogFact[];
  readonly proxies: { readonly wanted: number; readonly ready: number; readonly problem?: string };
  /** The user's sessions. */
  readonly pods: readonly PodFact[];
}

/** Where something was seen. */
export interface Evidence {
  readonly time: string;
  readonly from: string;
  readonly text: string;
}

/** What happened, for the admin. */
export interface Explanation {
  /** For programs: `credentials`, `no-room`, `crashed`, `well`, … */
  readonly cause: string;
  /** False: something kept the user from working. */
  readonly isWell: boolean;
  /** When, RFC 3339; missing when nothing was seen. */
  readonly at?: string;
  /** A few sentences. */
  readonly text: string;
  readonly try: readonly string[];
  readonly evidence: readonly Evidence[];
}
