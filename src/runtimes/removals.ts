import type { BrokerConfig } from "../session/broker-config.ts";
import { reasons } from "../session/reasons.ts";
import { isEnded, type PodFacts, whyEnded } from "./pod-state.ts";

/** How long pods stay that hold no running session. */
export interface KeepTimes {
  /** After an end that the user wished for: to be looked at. */
  readonly endedSeconds: number;
  /** After any other end: the next sign-in tells the user why, as long as the pod is there. */
  readonly failedSeconds: number;
  /** From its creation, for a pod that has not come to run. While somebody waits for it here it stays longer. */
  readonly pendingSeconds: number;
}

/** What the removals work with. */
export interface RemovalsOptions {
  /** Asked each time, so that a changed configuration holds. */
  readonly keep: () => KeepTimes;
  readonly signal: AbortSignal;
  facts(name: string): PodFacts | undefined;
  /** True while somebody waits for it. */
  isWanted(name: string): boolean;
  remove(name: string, instance: string): Promise<void>;
  onTrouble?: ((what: string, error: unknown) => void) | undefined;
}

/** Removes pods when their time has come. */
export interface Removals {
  /** Takes note of a pod that is new or has changed. */
  note(facts: PodFacts): void;
  forget(name: string): void;
}

/** Brokers share the removal: each waits a moment of its own, so that mostly one asks. */
const spreadMs = 5_000;
const againMs = 60_000;
/** Timers cannot be longer than 24 days. */
const longestMs = 3_600_000;

/** The times as a broker's configuration has them. */
export function keepTimes(config: Pick<BrokerConfig, "keepEndedSeconds" | "keepFailedSeconds" | "keepPendingSeconds">): KeepTimes {
  return { endedSeconds: config.keepEndedSeconds, failedSeconds: config.keepFailedSeconds, pendingSeconds: config.keepPendingSeconds };
}

/** When a pod is to be removed, in milliseconds since the epoch; undefined: not while it is as it is. Pure. */
export function removalAt(facts: PodFacts, keep: KeepTimes, nowMs: number): number | undefined {
  if (facts.goneBy > 0) return undefined;
  if (isEnded(facts)) {
    const isTold = reasons[whyEnded(facts)].previous !== undefined;
    return (facts.ended?.at || nowMs) + (isTold ? keep.failedSeconds : keep.endedSeconds) * 1000;
  }
  return facts.runningSince > 0 ? undefined : (facts.createdAt || nowMs) + keep.pendingSeconds * 1000;
}

/** Any broker removes what is due, whoever started it. Nothing is lost when one ends: the others, or the next one, know the same pods. */
export function removals({ keep, signal, facts, isWanted, remove, onTrouble }: RemovalsOptions): Removals {
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
    const pod = facts(name);
    if (pod === undefined || removalAt(pod, keep(), now) === undefined) return;
    if (!isEnded(pod) && isWanted(name)) {
      due.set(name, now + againMs);
      return;
    }
    remove(name, pod.instance).catch((error: unknown) => {
      onTrouble?.(`removing ${name}`, error);
      plan(name, Date.now() + againMs);
    });
  }

  return {
    note(pod) {
      const at = removalAt(pod, keep(), Date.now());
      if (at === undefined) due.delete(pod.name);
      // What has once been planned keeps its moment, unless the pod has changed in between.
      else if (Math.abs((due.get(pod.name) ?? 0) - at) > spreadMs) plan(pod.name, at + Math.random() * spreadMs);
    },
    forget: (name) => due.delete(name),
  };
}
