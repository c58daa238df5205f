import type { Answer, SessionRuntime } from "../session/session-runtime.ts";
import type { SessionAddress, SessionView } from "../session/session-state.ts";
import { followUntilReady, type OpenLog } from "./ready-log.ts";
import { type KeepTimes, removals } from "./removals.ts";
import { type SessionLife, type SessionMarks, settledAfterMs, unreadFrom } from "./session-life.ts";

/** What the memory works with. */
export interface SessionMemoryOptions<Facts extends SessionLife> {
  /** A session as the use case sees it. Pure. */
  view(facts: Facts | undefined, marks: SessionMarks, nowMs: number): SessionView;
  /** Opens the log of a session that runs. */
  openLog(facts: Facts): OpenLog;
  remove(name: string, instance: string): Promise<void>;
  /** Undefined: this one removes none that are over. */
  readonly keep: (() => KeepTimes) | undefined;
  readonly signal: AbortSignal;
  onTrouble?: ((what: string, error: unknown) => void) | undefined;
}

/** What a runtime remembers of the sessions, fed by what it watches: all that two runtimes would do alike. */
export interface SessionMemory<Facts extends SessionLife> extends Pick<SessionRuntime, "look" | "onChange" | "connect"> {
  get(name: string): Facts | undefined;
  names(): readonly string[];
  all(): Iterable<Facts>;
  marksOf(name: string): SessionMarks;
  put(facts: Facts): void;
  forget(name: string): void;
  mark(name: string, more: SessionMarks): void;
  /** How many sessions are known, by state. */
  count(): Readonly<Record<string, number>>;
}

/** A page that retries must not fill the queue of a busy desktop's port. */
const answerHoldsMs = 1_000;

/** Makes an empty memory; `reach` connects once to an address. */
export function sessionMemory<Facts extends SessionLife>(
  options: SessionMemoryOptions<Facts>,
  reach: (address: SessionAddress, name: string) => Promise<Answer>,
): SessionMemory<Facts> {
  const sessions = new Map<string, Facts>();
  const marks = new Map<string, SessionMarks>();
  /** Who looks at a session, and whether for somebody who waits; empty when somebody has waited for it. */
  const listeners = new Map<string, Map<() => void, () => boolean>>();
  const followed = new Map<string, AbortController>();
  const { signal, keep, view } = options;
  const due =
    keep &&
    removals({
      keep,
      signal,
      life: (name) => sessions.get(name),
      isWanted: (name) => [...(listeners.get(name)?.values() ?? [])].some((isWanted) => isWanted()),
      wasWanted: (name) => listeners.has(name),
      remove: options.remove,
      onTrouble: options.onTrouble,
    });

  const marksOf = (name: string): SessionMarks => marks.get(name) ?? {};

  function isWatched(name: string): boolean {
    return (listeners.get(name)?.size ?? 0) > 0;
  }

  function changed(name: string): void {
    attend(name);
    for (const listener of listeners.get(name)?.keys() ?? []) listener();
  }

  /** Follows a log exactly as long as somebody waits for it. */
  function attend(name: string): void {
    const facts = sessions.get(name);
    const wanted =
      facts !== undefined &&
      isWatched(name) &&
      facts.runningSince > 0 &&
      facts.end === undefined &&
      facts.goneBy === 0 &&
      marksOf(name).ready !== true;
    if (wanted && !followed.has(name)) follow(facts);
    if (!wanted) {
      followed.get(name)?.abort();
      followed.delete(name);
    }
  }

  function follow(facts: Facts): void {
    const { name, instance, runningSince } = facts;
    const stop = new AbortController();
    followed.set(name, stop);
    const isSame = (): boolean => !stop.signal.aborted && sessions.get(name)?.instance === instance;
    const markSame = (more: SessionMarks): void => {
      if (isSame()) mark(name, more);
    };
    const settled = setTimeout(() => isSame() && changed(name), Math.max(0, runningSince + settledAfterMs + 1_000 - Date.now()));
    // Who does not answer at all is heard of by its deadline only, which is longer than anybody likes to wait.
    const unread = setTimeout(() => markSame({ unread: true }), unreadFrom(facts, Date.now()) - Date.now());
    stop.signal.addEventListener("abort", () => {
      clearTimeout(settled);
      clearTimeout(unread);
    });
    void followUntilReady(options.openLog(facts), stop.signal, {
      onOpen() {
        clearTimeout(unread);
        // Nearly always it could be read all along, and nobody has to look again.
        if (marksOf(name).unread === true) markSame({ unread: false });
      },
      onReady: () => markSame({ ready: true }),
      onWords: (words) => markSame({ words }),
      onTrouble(error) {
        options.onTrouble?.(`log of ${name}`, error);
        markSame({ unread: true });
      },
    });
  }

  function mark(name: string, more: SessionMarks): void {
    marks.set(name, { ...marksOf(name), ...more });
    changed(name);
  }

  function forget(name: string): void {
    sessions.delete(name);
    marks.delete(name);
    due?.forget(name);
    if (!isWatched(name)) listeners.delete(name);
    changed(name);
  }

  signal.addEventListener("abort", () => {
    for (const stop of followed.values()) stop.abort();
  });

  return {
    get: (name) => sessions.get(name),
    names: () => [...sessions.keys()],
    all: () => sessions.values(),
    marksOf,
    put(facts) {
      const before = sessions.get(facts.name);
      if (before !== undefined && before.instance !== facts.instance) forget(facts.name);
      sessions.set(facts.name, facts);
      due?.note(facts);
      changed(facts.name);
    },
    forget,
    mark,
    look: (name) => view(sessions.get(name), marksOf(name), Date.now()),
    onChange(name, listener, isWanted = () => true) {
      const own = listeners.get(name) ?? new Map();
      listeners.set(name, own.set(listener, isWanted));
      attend(name);
      return () => {
        own.delete(listener);
        if (own.size > 0) return;
        if (!sessions.has(name)) listeners.delete(name);
        attend(name);
      };
    },
    async connect(name, address) {
      const { answeredAt = Number.NEGATIVE_INFINITY } = marksOf(name);
      if (performance.now() - answeredAt < answerHoldsMs) return "open";
      const instance = sessions.get(name)?.instance;
      const answer = await reach(address, name);
      if (answer === "open" && sessions.get(name)?.instance === instance) {
        marks.set(name, { ...marksOf(name), answeredAt: performance.now() });
      }
      return answer;
    },
    count() {
      const counts: Record<string, number> = {};
      for (const facts of sessions.values()) {
        const { state } = view(facts, marksOf(facts.name), Date.now()).status;
        counts[state] = (counts[state] ?? 0) + 1;
      }
      return counts;
    },
  };
}

/** False when the promise is not fulfilled in time, or is rejected. */
export async function inTime(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const known = promise.then(
    () => true as const,
    () => false as const,
  );
  try {
    return await Promise.race([known, late]);
  } finally {
    clearTimeout(timer);
  }
}
