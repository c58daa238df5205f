import { choiceFromPath } from "./address.ts";
import { DoorError, endSession, type Progress, renewTicket, signIn, startSession } from "./api.ts";
import type { Effect, Event, Model } from "./model.ts";
import { createRenewal } from "./renewal.ts";
import { firstModel, next } from "./state.ts";
import type { Problem } from "./types.ts";
import { createView } from "./view/view.ts";
import { incompletePage, problem } from "./words.ts";
import type { Desktop } from "./xpra/client.ts";

let model: Model = firstModel(choiceFromPath(location.pathname));
let work = new AbortController();
let desktop: Desktop | null = null;
const renewal = createRenewal(renewTicket, (identity) => dispatch({ type: "ticket-renewed", identity }));

type Attach = Extract<Effect, { do: "attach" }>;

const view = createView(document, dispatch);

function dispatch(event: Event): void {
  const step = next(model, event);
  model = step.model;
  view.show(model);
  for (const effect of step.effects) perform(effect);
}

function problemOf(error: unknown): Problem {
  if (error instanceof DoorError) return error.problem;
  return problem("unexpected", "Something went wrong in this page.", error instanceof Error ? error.message : "");
}

function startFailed(found: Problem): Event {
  return { type: "start-failed", problem: found };
}

/** Runs an effect; what it reports after it was stopped is dropped. */
function run(job: (signal: AbortSignal) => Promise<void>, onProblem: (found: Problem) => Event): void {
  const { signal } = work;
  job(signal).catch((error: unknown) => {
    if (!signal.aborted) dispatch(onProblem(problemOf(error)));
  });
}

function stop(): void {
  work.abort();
  work = new AbortController();
  desktop?.close();
  desktop = null;
  view.clearDesktop();
}

function loadClient() {
  return import("./xpra/client.ts");
}

/** Fetches the client and starts its workers, so that they wait for the desktop and not the user for them. A failure shows when they are needed. */
function prepareClient(): void {
  loadClient().then(
    ({ prepareWorkers }) => prepareWorkers(),
    () => undefined,
  );
}

async function attach(wanted: Attach, signal: AbortSignal): Promise<void> {
  const { display, identity, manner, isComingBack } = wanted;
  desktop?.close();
  const { openDesktop } = await loadClient().catch(() => {
    throw new DoorError(incompletePage());
  });
  if (signal.aborted) return;
  desktop = await openDesktop({
    display,
    user: identity.user,
    secret: identity.ticket,
    manner,
    isComingBack,
    host: view.desktopHost(),
    onFirstFrame: () => dispatch({ type: "first-frame" }),
    onLost: (loss) => {
      if (signal.aborted) return;
      // A session that cannot tell whether somebody is there is taken, as every Xpra client does.
      if (loss.kind === "cannot-tell" && wanted.manner === "ask") run(() => attach({ ...wanted, manner: "take" }, signal), startFailed);
      else dispatch({ type: "connection-lost", loss, nowMs: Date.now() });
    },
    onQuiet: (isQuiet) => {
      if (!signal.aborted) dispatch({ type: "connection-quiet", isQuiet });
    },
    onCopied: (copied) => view.showClipboard(copied),
    onNotice: (notice) => view.showNotice(notice),
    onMenuKeys: () => view.openToolbar(),
  });
  view.setDesktop(desktop);
  if (signal.aborted) desktop.close();
}

/** A ticket ends while a computer sleeps: what is refused for that reason is asked again with a fresh one. */
async function withTicket<T>(ticket: string, signal: AbortSignal, job: (ticket: string) => Promise<T>): Promise<T> {
  try {
    return await job(ticket);
  } catch (error) {
    const isExpired = error instanceof DoorError && error.problem.reason === "expired";
    if (!isExpired || signal.aborted || model.identity === null) throw error;
    const identity = await renewTicket(model.identity, signal);
    signal.throwIfAborted();
    dispatch({ type: "ticket-renewed", identity });
    return job(identity.ticket);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", whenSeen);
      resolve();
    }
    function whenSeen(): void {
      if (document.visibilityState === "visible") done();
    }
    window.addEventListener("online", done);
    // The pauses of a page that nobody sees are long, and somebody looks now.
    document.addEventListener("visibilitychange", whenSeen);
    signal.addEventListener("abort", done);
  });
}

function perform(effect: Effect): void {
  switch (effect.do) {
    case "sign-in": {
      const { user, password } = effect;
      run(
        async (signal) => {
          const identity = await signIn(user, password, signal);
          dispatch({ type: "signed-in", identity, nowMs: Date.now() });
        },
        (found) => ({ type: "sign-in-failed", problem: found }),
      );
      return;
    }
    case "renew-in-time":
      renewal.start(effect.identity);
      return;
    case "load-client":
      prepareClient();
      return;
    case "start":
      // Coming back needs a fresh pair.
      prepareClient();
      run(async (signal) => {
        if (effect.waitMs > 0) await pause(effect.waitMs, signal);
        if (signal.aborted) return;
        const { display, existing } = effect;
        const told = ({ phase, message }: Progress) => {
          if (!signal.aborted) dispatch({ type: "progress", phase, message });
        };
        const notice = await withTicket(effect.ticket, signal, (ticket) => startSession({ display, ticket, existing }, told, signal));
        if (signal.aborted) return;
        if (notice !== "") view.showNotice({ title: "This is a new session", text: notice });
        dispatch({ type: "session-ready" });
      }, startFailed);
      return;
    case "attach":
      run((signal) => attach(effect, signal), startFailed);
      return;
    case "end":
      run(
        async (signal) => {
          const isClosing = await withTicket(effect.ticket, signal, (ticket) => endSession(effect.display, ticket, signal));
          dispatch({ type: "session-ended", isClosing });
        },
        (found) => ({ type: "end-failed", problem: found }),
      );
      return;
    case "stop":
      stop();
      return;
    case "forget":
      renewal.stop();
      return;
  }
}

// While the user types: the page itself is there. Safari knows no idle time.
const whenIdle: (work: () => void) => void = window.requestIdleCallback ?? ((work) => window.setTimeout(work, 300));
window.addEventListener("load", () => whenIdle(prepareClient));

window.addEventListener("beforeunload", (event) => {
  // Ctrl+W is a common key in editors and terminals, and a browser does not let a page have it.
  if (model.view.name === "working") event.preventDefault();
});

view.show(model);
