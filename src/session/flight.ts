import { RefusalCode, SessionRefusal } from "./refusal.ts";
import type { SessionRequest, SessionRuntime } from "./session-runtime.ts";
import {
  type Action,
  decide,
  isForeign,
  type SessionAddress,
  type SessionOwner,
  type SessionView,
  type StartPhase,
} from "./session-state.ts";

/** What a waiting user is told. */
export interface Progress {
  readonly phase: StartPhase | "ending" | "connecting";
  readonly message: string;
}

/** A session that can be entered. */
export interface OpenSession {
  readonly name: string;
  readonly address: SessionAddress;
  /** True when this call or one that it joined started it. */
  readonly started: boolean;
}

const words = {
  asking: "Asking for a place for the session.",
  ending: "The previous session is being closed.",
  connecting: "Connecting to the desktop.",
  foreign: "This session belongs to somebody else. Please tell your administrator.",
  refused: "The session runs but lets nobody in. Please try again in a minute, or end it and start anew.",
  lost: "The session was taken away several times while it started. Please try again later or tell your administrator.",
  silent: "The session runs, but the machine that it is on does not answer. Please try again in a minute.",
  slow: "The session is still being prepared. Please try again in a minute.",
  stuck: "The previous session cannot be closed because the machine that it was on does not answer. Please tell your administrator.",
  away: "Sessions cannot be looked up at the moment. Please try again in a minute.",
};

/** How long the runtime may take to know what sessions there are. */
const knownTimeoutMs = 20_000;
/** A desktop that has just ended refuses connections before its end is reported, which takes a second or two; a busy one may be as slow. */
const patienceMs = 5_000;
const pauseMs = 250;

/** All that one flight needs. */
export interface FlightPlan {
  readonly name: string;
  readonly user: SessionOwner;
  /** Made when the session has to be started, with a new secret each time. */
  readonly request: () => SessionRequest;
  readonly runtime: SessionRuntime;
  readonly timeoutMs: number;
  tell(progress: Progress): void;
}

interface History {
  readonly seen: Set<string>;
  starts: number;
  closedSince: number | undefined;
}

/** What a step came to: the answer, or how long to wait for a change at most. */
type Step = { readonly answer: OpenSession } | { readonly waitMs: number };

/** One flight: looks, decides, acts, and waits for a change, until there is an answer. Throws a `SessionRefusal`. */
export async function fly(plan: FlightPlan): Promise<OpenSession> {
  const { name, user, runtime } = plan;
  const deadline = performance.now() + plan.timeoutMs;
  await untilKnown(runtime, plan.timeoutMs);
  const history: History = { seen: new Set(), starts: 0, closedSince: undefined };
  const changes = changesOf(runtime, name);
  try {
    for (;;) {
      const view = runtime.look(name);
      const step = await act(decide(view, user, history), view, plan, history);
      if ("answer" in step) return step.answer;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw tooSlow(view);
      await changes.next(Math.min(step.waitMs, leftMs));
    }
  } finally {
    changes.stop();
  }
}

/** Waits until the runtime knows what sessions there are. Throws a `SessionRefusal` when that takes too long. */
export async function untilKnown(runtime: SessionRuntime, timeoutMs: number = knownTimeoutMs): Promise<void> {
  if (!(await runtime.known(Math.min(knownTimeoutMs, timeoutMs)))) throw new SessionRefusal(RefusalCode.failed, "away", words.away);
}

async function act(action: Action, view: SessionView, plan: FlightPlan, history: History): Promise<Step> {
  const { name, runtime, tell } = plan;
  const { status } = view;
  switch (action) {
    case "refuse":
      throw refusalOf(view, plan.user);
    case "create": {
      history.starts += 1;
      tell({ phase: "scheduling", message: words.asking });
      await runtime.create(plan.request());
      const made = runtime.look(name).status;
      if (made.state !== "absent") history.seen.add(made.instance);
      return { waitMs: 0 };
    }
    case "replace":
      tell({ phase: "ending", message: words.ending });
      if (status.state !== "absent") await runtime.remove(name, status.instance);
      return { waitMs: Number.POSITIVE_INFINITY };
    case "wait":
      if (status.state === "starting") history.seen.add(status.instance);
      tell(progressOf(view));
      return { waitMs: Number.POSITIVE_INFINITY };
    case "return":
      return enter(view, plan, history);
  }
}

/** The last step: one connection, so that nobody is sent to a desktop that is not there. Never ends a session: it may hold unsaved work. */
async function enter(view: SessionView, plan: FlightPlan, history: History): Promise<Step> {
  const { status } = view;
  if (status.state !== "ready") return { waitMs: 0 };
  const answer = await plan.runtime.connect(plan.name, status.address);
  const now = plan.runtime.look(plan.name).status;
  if (now.state !== "ready" || now.instance !== status.instance) return { waitMs: 0 };
  if (answer === "open") return { answer: { name: plan.name, address: status.address, started: history.starts > 0 } };
  history.closedSince ??= performance.now();
  if (performance.now() - history.closedSince > patienceMs) throw new SessionRefusal(RefusalCode.failed, answer, words[answer]);
  plan.tell({ phase: "connecting", message: words.connecting });
  return { waitMs: pauseMs };
}

function progressOf({ status }: SessionView): Progress {
  if (status.state === "starting") return { phase: status.phase, message: status.trouble ?? status.message };
  return { phase: "ending", message: words.ending };
}

function refusalOf(view: SessionView, user: SessionOwner): SessionRefusal {
  if (isForeign(view, user))
    return new SessionRefusal(RefusalCode.failed, "foreign", words.foreign, `owner is ${view.owner?.name}, uid ${view.owner?.uid}`);
  if (view.status.state === "failed") return new SessionRefusal(RefusalCode.failed, `session-${view.status.reason}`, view.status.message);
  return new SessionRefusal(RefusalCode.failed, "lost", words.lost);
}

function tooSlow({ status }: SessionView): SessionRefusal {
  if (status.state === "ending") return new SessionRefusal(RefusalCode.failed, "stuck", words.stuck);
  const trouble = status.state === "starting" ? status.trouble : undefined;
  return new SessionRefusal(RefusalCode.failed, "slow", trouble ?? words.slow);
}

/** Changes as something to wait for; one that came between two waits is not lost. */
function changesOf(runtime: SessionRuntime, name: string): { next(ms: number): Promise<void>; stop(): void } {
  let pending = false;
  let wake: (() => void) | undefined;
  const stop = runtime.onChange(name, () => {
    pending = true;
    wake?.();
  });
  return {
    stop,
    async next(ms) {
      if (!pending && ms > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      pending = false;
    },
  };
}
