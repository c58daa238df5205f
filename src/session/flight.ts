import { type Reason, reasons } from "./reasons.ts";
import { SessionRefusal } from "./refusal.ts";
import type { SessionRequest, SessionRuntime } from "./session-runtime.ts";
import {
  type Action,
  decide,
  isForeign,
  type SessionAddress,
  type SessionOwner,
  type SessionView,
  type StartPhase,
  type Trouble,
} from "./session-state.ts";
import type { StartLine, StartPlace } from "./start-line.ts";

/** What a waiting user is told. */
export interface Progress {
  readonly phase: StartPhase | "ending" | "connecting";
  readonly message: string;
  /** What holds it up, if anything does. The detail is for the admin only. */
  readonly trouble?: Trouble;
}

/** A session that can be entered. */
export interface OpenSession {
  readonly name: string;
  readonly address: SessionAddress;
  /** True when this call or one that it joined started it. */
  readonly started: boolean;
  /** For the user: why the last session ended, if this one takes its place and it did not end by the user's wish. */
  readonly notice?: string;
}

const words = {
  asking: "Asking for a place for the session.",
  ending: "The previous session is being closed.",
  anew: "A new one is being started.",
  connecting: "Connecting to the desktop.",
  queued: (number: number) => `Many desktops are being started at the moment. Yours is number ${number} in the line.`,
};

/** How long the runtime may take to know what sessions there are. */
const knownTimeoutMs = 20_000;
/** A desktop that has just ended refuses connections before its end is reported, which takes a second or two; a busy one may be as slow. */
const patienceMs = 5_000;
const pauseMs = 250;
/** That a session should be gone by now is no change that anybody would tell of. */
const lookAgainMs = 2_000;

/** All that one flight needs. */
export interface FlightPlan {
  readonly name: string;
  readonly user: SessionOwner;
  /** Made when the session has to be started, with a new secret each time. Undefined: only a session that is there already will do. */
  readonly request: (() => SessionRequest) | undefined;
  readonly runtime: SessionRuntime;
  /** Where those wait whose session has to be started. */
  readonly line: StartLine;
  /** How long the waiting lasts at most; standing in the line counts for itself. */
  readonly timeoutMs: number;
  /** False when all who asked have gone. */
  isWanted(): boolean;
  tell(progress: Progress): void;
}

interface History {
  readonly seen: Set<string>;
  starts: number;
  /** The instance that could not be connected to, and since when. */
  closed: { readonly instance: string; readonly since: number } | undefined;
  /** Why the session that is being replaced had ended. */
  replaced: Reason | undefined;
  readonly isComingBack: boolean;
  /** Whether the runtime was asked for what it did not know. */
  isLookedUp: boolean;
  /** In the line of starts, once a session has to be started. */
  place: StartPlace | undefined;
  deadline: number;
}

/** What a step came to: the answer, or how long to wait for a change at most. */
type Step = { readonly answer: OpenSession } | { readonly waitMs: number };

/** One flight: looks, decides, acts, and waits for a change, until there is an answer. Throws a `SessionRefusal`. */
export async function fly(plan: FlightPlan): Promise<OpenSession> {
  const { name, user, runtime } = plan;
  await untilKnown(runtime, plan.timeoutMs);
  const history: History = {
    seen: new Set(),
    starts: 0,
    closed: undefined,
    replaced: undefined,
    isComingBack: plan.request === undefined,
    isLookedUp: false,
    place: undefined,
    deadline: performance.now() + plan.timeoutMs,
  };
  const changes = changesOf(plan);
  try {
    for (;;) {
      const view = runtime.look(name);
      const step = await act(decide(view, user, history), view, plan, history, changes.wake);
      if ("answer" in step) return step.answer;
      const leftMs = history.deadline - performance.now();
      if (leftMs <= 0) throw tooSlow(view, history);
      await changes.next(Math.min(step.waitMs, leftMs));
    }
  } finally {
    changes.stop();
    history.place?.leave();
  }
}

/** Waits until the runtime knows what sessions there are. Throws a `SessionRefusal` when that takes too long. */
export async function untilKnown(runtime: SessionRuntime, timeoutMs: number = knownTimeoutMs): Promise<void> {
  const waitMs = Math.min(knownTimeoutMs, timeoutMs);
  if (!(await runtime.known(waitMs)))
    throw new SessionRefusal("away", { detail: `what sessions there are was not known after ${waitMs} ms` });
}

async function act(action: Action, view: SessionView, plan: FlightPlan, history: History, wake: () => void): Promise<Step> {
  const { name, runtime, tell } = plan;
  const { status } = view;
  switch (action) {
    case "refuse":
      // Once, for somebody who comes back: what has just become ready by another broker may not have been told here yet.
      if (status.state === "absent" && history.isComingBack && !history.isLookedUp) {
        history.isLookedUp = true;
        await runtime.find?.(name);
        return { waitMs: 0 };
      }
      throw refusalOf(view, plan);
    case "create": {
      if (plan.request === undefined) throw refusalOf(view, plan);
      // What was taken away while nobody waits any more was perhaps meant to go: ended by its user, or an admin, or kept for too long.
      if ((history.starts > 0 || history.seen.size > 0) && !plan.isWanted()) throw new SessionRefusal("abandoned");
      if (!mayStart(plan, history, wake)) return { waitMs: Number.POSITIVE_INFINITY };
      history.starts += 1;
      tell({ phase: "scheduling", message: words.asking });
      await runtime.create(plan.request());
      const made = runtime.look(name).status;
      if (made.state !== "absent") history.seen.add(made.instance);
      return { waitMs: 0 };
    }
    case "replace":
      if (status.state === "failed") {
        const { previous } = reasons[status.reason];
        if (previous !== undefined) history.replaced = status.reason;
        tell({ phase: "ending", message: previous === undefined ? words.ending : `${previous} ${words.anew}` });
        await runtime.remove(name, status.instance);
      }
      return { waitMs: lookAgainMs };
    case "wait":
      if (status.state === "starting") history.seen.add(status.instance);
      tell(progressOf(view));
      return { waitMs: lookAgainMs };
    case "return":
      return enter(view, plan, history);
  }
}

/** Joins the line of starts before the first one, and tells the place in it. */
function mayStart(plan: FlightPlan, history: History, wake: () => void): boolean {
  if (history.starts > 0) return true;
  const isNew = history.place === undefined;
  history.place ??= plan.line.join(wake);
  const number = history.place.number();
  if (number > 0) plan.tell({ phase: "queued", message: words.queued(number) });
  else if (!isNew) history.deadline = performance.now() + plan.timeoutMs;
  return number === 0;
}

/** The last step: one connection, so that nobody is sent to a desktop that is not there. Never ends a session: it may hold unsaved work. */
async function enter(view: SessionView, plan: FlightPlan, history: History): Promise<Step> {
  const { status } = view;
  if (status.state !== "ready") return { waitMs: 0 };
  const answer = await plan.runtime.connect(plan.name, status.address);
  const now = plan.runtime.look(plan.name).status;
  if (now.state !== "ready" || now.instance !== status.instance) return { waitMs: 0 };
  if (answer === "open") return { answer: { name: plan.name, address: status.address, started: history.starts > 0, ...noticeOf(history) } };
  if (history.closed?.instance !== status.instance) history.closed = { instance: status.instance, since: performance.now() };
  if (performance.now() - history.closed.since > patienceMs) {
    const { host, port } = status.address;
    throw new SessionRefusal(answer, { detail: `${host}:${port}${onMachine(view)}` });
  }
  plan.tell({ phase: "connecting", message: words.connecting });
  return { waitMs: pauseMs };
}

function noticeOf({ replaced }: History): Pick<OpenSession, "notice"> {
  const notice = replaced === undefined ? undefined : reasons[replaced].previous;
  return notice === undefined ? {} : { notice };
}

function progressOf({ status }: SessionView): Progress {
  if (status.state !== "starting") return { phase: "ending", message: words.ending };
  const { phase, message, trouble } = status;
  return trouble === undefined ? { phase, message } : { phase, message: reasons[trouble.reason].user, trouble };
}

function refusalOf(view: SessionView, { user, request }: FlightPlan): SessionRefusal {
  const { status } = view;
  if (isForeign(view, user)) return new SessionRefusal("foreign", { detail: `owner is ${view.owner?.name}, uid ${view.owner?.uid}` });
  if (request === undefined) return goneOf(view);
  if (status.state === "failed") return new SessionRefusal(status.reason, { detail: status.detail });
  if (status.state === "ending") return new SessionRefusal("stuck", { detail: status.detail });
  return new SessionRefusal("lost");
}

/** For somebody who comes back to a session that is over: why it ended is told when it was not the user's own doing. */
function goneOf({ status }: SessionView): SessionRefusal {
  const why = status.state === "failed" ? reasons[status.reason].previous : undefined;
  return new SessionRefusal("gone", why === undefined ? {} : { message: why });
}

function tooSlow(view: SessionView, { place }: History): SessionRefusal {
  const { status } = view;
  const number = status.state === "absent" ? (place?.number() ?? 0) : 0;
  if (number > 0) return new SessionRefusal("queue", { detail: `number ${number} in the line` });
  if (status.state === "ending") return new SessionRefusal("stuck", { detail: status.detail });
  if (status.state !== "starting") return new SessionRefusal("slow", { detail: status.state });
  if (status.trouble !== undefined) return new SessionRefusal(status.trouble.reason, { detail: status.trouble.detail });
  return new SessionRefusal("slow", { detail: `${status.phase}${onMachine(view)}` });
}

function onMachine({ machine }: SessionView): string {
  return machine === undefined ? "" : ` on ${machine}`;
}

/** Changes as something to wait for; one that came between two waits is not lost. */
function changesOf({ runtime, name, isWanted }: FlightPlan): { next(ms: number): Promise<void>; stop(): void; wake(): void } {
  let pending = false;
  let end: (() => void) | undefined;
  const wake = (): void => {
    pending = true;
    end?.();
  };
  const stop = runtime.onChange(name, wake, isWanted);
  return {
    stop,
    wake,
    async next(ms) {
      if (!pending && ms > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        end = undefined;
      }
      pending = false;
    },
  };
}
