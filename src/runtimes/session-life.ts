import type { FailureReason } from "../session/reasons.ts";

/** Something with a reason of the runtime's and its words. */
export interface Said {
  readonly reason: string;
  readonly message: string;
}

/** What every runtime knows of a session's machine. Times are milliseconds since the epoch. */
export interface SessionLife {
  readonly name: string;
  /** Tells one start of the session from the next. */
  readonly instance: string;
  readonly createdAt: number;
  /** 0 while it does not run. */
  readonly runningSince: number;
  /** When it is to be gone after its end was asked for, its grace period included; 0: nobody has. */
  readonly goneBy: number;
  /** Once it will never run again; `at` is 0 when that is not known. */
  readonly end?: { readonly reason: FailureReason; readonly at: number };
}

/** What a broker has seen of a session beside what its runtime says. */
export interface SessionMarks {
  /** The log has said that Xpra is ready. */
  ready?: boolean;
  /** The log could not be read, last time, or nobody has answered for a while. */
  unread?: boolean;
  /** We have asked for its end. */
  removed?: boolean;
  /** Last thing that its entry script said it was doing. */
  words?: string;
  /** When its port last answered, on the clock of `performance.now()`. */
  answeredAt?: number;
  /** The runtime's last word about it. */
  event?: Said;
}

/**
 * A session that has run so long is taken for ready without its log, whose first lines may have been rotated away.
 * One connection is made before anybody is sent there in any case.
 */
export const settledAfterMs = 120_000;

/** The same where the log cannot be read: a session of somebody who comes back while the cluster or the engine does not answer. */
export const settledUnreadAfterMs = 10_000;

/** A log that is asked for opens in milliseconds; on a busy machine in two seconds. */
const unansweredMs = 3_000;

/** When a log that is asked for now and does not open counts as unread: not before that makes a difference. Pure. */
export function unreadFrom({ runningSince }: SessionLife, nowMs: number): number {
  return Math.max(nowMs + unansweredMs, runningSince + settledUnreadAfterMs + 100);
}

/** An end takes the grace period, then the killing and the clearing up; this much later it is not normal any more. */
export const overdueAfterMs = 30_000;

/** Whether a session that runs is ready. Pure. */
export function isSettled({ runningSince }: SessionLife, { ready, unread }: SessionMarks, nowMs: number): boolean {
  return ready === true || nowMs - runningSince > (unread === true ? settledUnreadAfterMs : settledAfterMs);
}
