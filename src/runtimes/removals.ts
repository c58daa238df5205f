import type { CommonBrokerConfig } from "../broker-config/broker-config.ts";
import { reasons } from "../session/reasons.ts";
import type { SessionLife } from "./session-life.ts";

/** How long sessions stay that do not run. */
export interface KeepTimes {
  /** After an end that the user wished for: to be looked at. */
  readonly endedSeconds: number;
  /** After any other end: the next sign-in tells the user why, as long as it is there. */
  readonly failedSeconds: number;
  /** From its creation, for one that has not come to run. While somebody waits for it here it stays longer. */
  readonly pendingSeconds: number;
  /** As much longer for one that nobody has waited for here: somebody may at another broker, of whom this one knows nothing. */
  readonly elsewhereSeconds: number;
}

/** What the removals work with. */
export interface RemovalsOptions {
  /** Asked each time, so that a changed configuration holds. */
  readonly keep: () => KeepTimes;
  readonly signal: AbortSignal;
  life(name: string): SessionLife | undefined;
  /** True while somebody waits for it here. */
  isWanted(name: string): boolean;
  /** True when somebody has waited for it here. */
  wasWanted(name: string): boolean;
  remove(name: string, instance: string): Promise<void>;
  onTrouble?: ((what: string, error: unknown) => void) | undefined;
}

/** Removes sessions that do not run when their time has come. */
export interface Removals {
  /** Takes note of one that is new or has changed. */
  note(life: SessionLife): void;
  forget(name: string): void;
}

/** Brokers share the removal: each waits a moment of its own, so that mostly one asks. */
const spreadMs = 5_000;
const againMs = 60_000;
/** Timers cannot be longer than 24 days. */
const longestMs = 3_600_000;

/** The times as a broker's configuration has them. */
export function keepTimes(config: Pick<CommonBrokerConfig, "keepEndedSeconds" | "keepFailedSeconds" | "keepPendingSeconds">): KeepTimes {
  return {
    endedSeconds: config.keepEndedSeconds,
    failedSeconds: config.keepFailedSeconds,
    pendingSeconds: config.keepPendingSeconds,
    // Nobody waits for longer than a place in the line and a start take together, unless they try again.
    elsewhereSeconds: 600,
  };
}

/** When a session is to be removed, in milliseconds since the epoch; undefined: not while it is as it is. Pure. */
export function removalAt(life: SessionLife, keep: KeepTimes, nowMs: number, wasWanted: boolean): number | undefined {
  if (life.goneBy > 0) return undefined;
  if (life.end !== undefined) {
    const isTold = reasons[life.end.reason].previous !== undefined;
    return (life.end.at || nowMs) + (isTold ? keep.failedSeconds : keep.endedSeconds) * 1000;
  }
  if (life.runningSince > 0) return undefined;
  return (life.createdAt || nowMs) + (keep.pendingSeconds + (wasWanted ? 0 : keep.elsewhereSeconds)) * 1000;
}

/** Any broker removes what is due, whoever started it. Nothing is lost when one ends: the others, or the next one, know the same sessions. */
export function removals({ keep, signal, life, isWanted, wasWanted, remove, onTrouble }: RemovalsOptions): Removals {
  const due = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  signal.addEventListener("abort", () => clearTimeout(timer));

  function plan(name: string, at: number): void {
    due.set(name, at);
    if (at < timerAt) arm(at);
  }

  function arm(at: number): void {
    clearTimeout(timer);
    timerAt = at;
    if (Number.isFinite(at) && !signal.aborted) timer = setTimeout(removeDue, Math.min(Math.max(0, at - Date.now()), longestMs));
  }

  function removeDue(): void {
    const now = Date.now();
    for (const [name, at] of due) if (at <= now) removeOne(name, now);
    arm(Math.min(...due.values()));
  }

  function removeOne(name: string, now: number): void {
    due.delete(name);
    const session = life(name);
    if (session === undefined || removalAt(session, keep(), now, wasWanted(name)) === undefined) return;
    if (session.end === undefined && isWanted(name)) {
      due.set(name, now + againMs);
      return;
    }
    remove(name, session.instance).catch((error: unknown) => {
      onTrouble?.(`removing ${name}`, error);
      plan(name, Date.now() + againMs);
    });
  }

  return {
    note(session) {
      const at = removalAt(session, keep(), Date.now(), wasWanted(session.name));
      if (at === undefined) due.delete(session.name);
      // What has once been planned keeps its moment, unless the session has changed in between.
      else if (Math.abs((due.get(session.name) ?? 0) - at) > spreadMs) plan(session.name, at + Math.random() * spreadMs);
    },
    forget: (name) => due.delete(name),
  };
}
