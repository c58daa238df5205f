import { type Choice, choiceOfDisplay, typeOfDisplay } from "./address.ts";
import type { Effect, Event, Loss, Manner, Model, Step, View } from "./model.ts";
import { reconnectWaitMs } from "./ticket.ts";
import type { Identity, Problem } from "./types.ts";
import { incompletePage, phaseWords, problem } from "./words.ts";

/** With the pauses in between: about half a minute. */
const mostAttemptsToAttach = 6;
/** About two minutes. */
const mostRetriesToStart = 12;
/** What the broker says of a session that ended in the usual way; the page has more words for that. */
const goneWords = "Your session has ended.";
/** About ten minutes. */
const mostAttemptsToReconnect = 40;
/** Losses that lie so far apart have nothing to do with each other. */
const apartMs = 30_000;

type SigningIn = Extract<View, { name: "sign-in" }>;
type Reconnecting = Extract<View, { name: "reconnecting" }>;

/** The model of a page that was just opened. */
export function firstModel(asked: Choice | null): Model {
  return { view: { name: "sign-in", busy: false }, identity: null, asked, left: null };
}

function show(model: Model, view: View, ...effects: Effect[]): Step {
  return { model: { ...model, view }, effects };
}

function same(model: Model): Step {
  return { model, effects: [] };
}

function signedOut(model: Model, view: View): Step {
  return { model: { ...model, view, identity: null, left: null }, effects: [{ do: "stop" }, { do: "forget" }] };
}

function start(model: Model, display: string, nowMs: number, manner: Manner = "ask"): Step {
  if (model.identity === null) return same(model);
  // Who wants a session that is shown elsewhere wants that one.
  const existing = manner !== "ask";
  const steps = [phaseWords("asking")];
  const view: View = { name: "starting", display, startedAtMs: nowMs, steps, attempt: 1, retries: 0, manner, existing };
  return show(model, view, { do: "start", display, ticket: model.identity.ticket, existing, waitMs: 0 });
}

function afterSignIn(model: Model, identity: Identity, nowMs: number): Step {
  const known: Model = { ...model, identity, left: null };
  const effects: Effect[] = [{ do: "renew-in-time", identity }, { do: "load-client" }];
  const asked = model.left?.user === identity.user ? model.left.choice : model.asked;
  if (asked !== null && typeOfDisplay(asked.display, identity) !== undefined) {
    const step = start(known, asked.display, nowMs);
    return { model: step.model, effects: [...effects, ...step.effects] };
  }
  const unknown = asked === null ? undefined : problem("no-such-type", `There is no session "${asked.type}" for you.`);
  return show(known, unknown === undefined ? { name: "choose" } : { name: "choose", problem: unknown }, ...effects);
}

/** The ticket has ended: after the next sign-in the same desktop opens again. */
function expired(model: Model, display: string, words: string): Step {
  const step = signedOut(model, { name: "sign-in", busy: false, notice: words });
  const left = model.identity === null ? null : { user: model.identity.user, choice: choiceOfDisplay(display) };
  return { ...step, model: { ...step.model, left } };
}

function reconnect(model: Model, view: Reconnecting): Step {
  if (model.identity === null) return same(model);
  const { display, attempt } = view;
  if (attempt > mostAttemptsToReconnect) {
    const words = problem("offline", "The connection to your session was lost.", "It did not come back for several minutes.");
    return show(model, { name: "error", problem: words, display }, { do: "stop" });
  }
  const { ticket } = model.identity;
  return show(model, view, { do: "start", display, ticket, existing: true, waitMs: reconnectWaitMs(attempt) });
}

/** Starts again after a pause: what one try has begun the next one finds. */
function startAgain(model: Model, view: Extract<View, { name: "starting" }>, attempt: number): Step {
  if (model.identity === null) return same(model);
  const { ticket } = model.identity;
  const { display, existing } = view;
  return show(model, view, { do: "start", display, ticket, existing, waitMs: reconnectWaitMs(attempt) });
}

/** A desktop that breaks right after it came back is asked for ever more slowly, as one that does not come back at all. */
function lostAtWork(model: Model, view: Extract<View, { name: "working" }>, loss: Loss, nowMs: number): Step {
  const attempt = nowMs - view.lostAtMs < apartMs ? view.attempt + 1 : 1;
  const { display } = view;
  return reconnect(model, { name: "reconnecting", display, attempt, lostAtMs: nowMs, failedAttaches: 0, message: lossWords(loss) });
}

function lost(model: Model, loss: Loss, nowMs: number): Step {
  const view = model.view;
  if (view.name !== "starting" && view.name !== "working" && view.name !== "reconnecting") return same(model);
  if (loss.kind === "taken-over") return show(model, { name: "ended", how: "taken-over", display: view.display });
  if (loss.kind === "busy") return show(model, { name: "elsewhere", display: view.display });
  if (loss.kind === "page") return show(model, { name: "error", problem: incompletePage(), display: view.display });
  if (loss.kind === "locked") {
    const words = problem("locked", "Your session is open in an Xpra client that lets no other one in.");
    return show(model, { name: "error", problem: words, display: view.display });
  }
  if (loss.kind === "refused") {
    const words = problem("unexpected", "Your session could not be opened.", loss.words);
    return show(model, { name: "error", problem: words, display: view.display });
  }
  if (view.name === "working") return lostAtWork(model, view, loss, nowMs);
  const failures = view.name === "starting" ? view.attempt : view.failedAttaches + 1;
  if (failures >= mostAttemptsToAttach) {
    const words = problem("unavailable", "Your session runs, but it cannot be reached.", loss.words);
    return show(model, { name: "error", problem: words, display: view.display });
  }
  if (view.name === "reconnecting") return reconnect(model, { ...view, attempt: view.attempt + 1, failedAttaches: failures });
  return startAgain(model, { ...view, attempt: view.attempt + 1 }, view.attempt);
}

/** A proxy that is restarted and a session that ends say nearly the same; which it was shows when it is asked for. */
function lossWords({ kind }: Loss): string {
  return kind === "session-over"
    ? "The desktop has closed the connection. Looking whether it is still there."
    : "The connection was lost. Connecting again.";
}

/** Nobody was reached who could have refused: the next try may come through. */
const notReached: ReadonlySet<string> = new Set(["offline", "unavailable", "broker", "restarting"]);
/** For a session that is known to run, what else passes by itself. */
const passing: ReadonlySet<string> = new Set([...notReached, "busy", "away", "silent", "refused", "slow", "timed-out"]);

function notStarted(model: Model, view: Extract<View, { name: "starting" }>, found: Problem): Step {
  if (!notReached.has(found.reason) || view.retries >= mostRetriesToStart) {
    return show(model, { name: "error", problem: found, display: view.display });
  }
  const told = progress(model, "again", "").model;
  const retries = view.retries + 1;
  return told.view.name === "starting" ? startAgain(told, { ...told.view, retries }, retries) : same(model);
}

function failed(model: Model, found: Problem): Step {
  const view = model.view;
  if (view.name !== "starting" && view.name !== "reconnecting") return same(model);
  if (found.reason === "expired") return expired(model, view.display, `${found.what} A running session is still there: sign in again.`);
  if (found.reason === "gone") {
    const ended: View = { name: "ended", how: "gone", display: view.display };
    return show(model, found.what === goneWords ? ended : { ...ended, why: found.what });
  }
  if (view.name === "reconnecting" && passing.has(found.reason)) {
    return reconnect(model, { ...view, attempt: view.attempt + 1, message: found.what });
  }
  if (found.reason === "no-such-type") return show(model, { name: "choose", problem: found });
  return view.name === "starting" ? notStarted(model, view, found) : show(model, { name: "error", problem: found, display: view.display });
}

function progress(model: Model, phase: string, message: string): Step {
  const view = model.view;
  const words = message === "" ? phaseWords(phase) : message;
  if (view.name === "reconnecting") return show(model, { ...view, message: words });
  if (view.name !== "starting" || view.steps.at(-1) === words) return same(model);
  return show(model, { ...view, steps: [...view.steps, words].slice(-6) });
}

function ready(model: Model): Step {
  const view = model.view;
  if (model.identity === null || (view.name !== "starting" && view.name !== "reconnecting")) return same(model);
  const isComingBack = view.name === "reconnecting";
  const known = isComingBack ? model : { ...model, view: { ...view, existing: true } };
  // What comes back after a cut may meet its own old connection, or another client that came meanwhile: neither is thrown out.
  const manner = isComingBack ? "share" : view.manner;
  const attach: Effect = { do: "attach", display: view.display, identity: model.identity, manner, isComingBack };
  return { model: progress(known, "connecting", "").model, effects: [attach] };
}

function firstFrame(model: Model): Step {
  const view = model.view;
  if (view.name !== "starting" && view.name !== "reconnecting") return same(model);
  // A first picture does not say yet that the connection holds.
  const { attempt, lostAtMs } = view.name === "reconnecting" ? view : { attempt: 0, lostAtMs: 0 };
  return show(model, { name: "working", display: view.display, isQuiet: false, attempt, lostAtMs });
}

/** The sign-in without what went wrong the last time. Its notice stays: with another one it would be a new card, and the name gone. */
function signInView({ notice }: SigningIn, busy: boolean): SigningIn {
  return notice === undefined ? { name: "sign-in", busy } : { name: "sign-in", busy, notice };
}

function displayOf(view: View): string | null {
  return "display" in view ? view.display : null;
}

function endSession(model: Model): Step {
  const display = displayOf(model.view);
  if (display === null || model.identity === null) return same(model);
  const effects: Effect[] = [{ do: "stop" }, { do: "end", display, ticket: model.identity.ticket }];
  return show(model, { name: "ended", how: "ending", display }, ...effects);
}

/** The page's state machine: what follows from an event. It does nothing itself. */
export function next(model: Model, event: Event): Step {
  const view = model.view;
  switch (event.type) {
    case "sign-in":
      if (view.name !== "sign-in" || view.busy) return same(model);
      return show(model, signInView(view, true), { do: "sign-in", user: event.user, password: event.password });
    case "signed-in":
      return view.name === "sign-in" ? afterSignIn(model, event.identity, event.nowMs) : same(model);
    case "sign-in-failed":
      return view.name === "sign-in" ? show(model, { ...signInView(view, false), problem: event.problem }) : same(model);
    case "choose":
      return start(model, event.display, event.nowMs, event.manner);
    case "progress":
      return progress(model, event.phase, event.message);
    case "session-ready":
      return ready(model);
    case "start-failed":
      return failed(model, event.problem);
    case "cancel":
    case "back-to-choice":
      if (model.identity === null) return signedOut(model, { name: "sign-in", busy: false });
      return show(model, { name: "choose" }, { do: "stop" });
    case "first-frame":
      return firstFrame(model);
    case "connection-lost":
      return lost(model, event.loss, event.nowMs);
    case "connection-quiet":
      return view.name === "working" ? show(model, { ...view, isQuiet: event.isQuiet }) : same(model);
    case "ticket-renewed":
      return model.identity === null
        ? same(model)
        : { model: { ...model, identity: event.identity }, effects: [{ do: "renew-in-time", identity: event.identity }] };
    case "sign-out":
      return signedOut(model, { name: "ended", how: "signed-out", display: displayOf(view) });
    case "end-session":
      return endSession(model);
    case "session-ended":
      return view.name === "ended" ? show(model, { ...view, how: event.isClosing ? "closing" : "ended-by-user" }) : same(model);
    case "end-failed":
      return view.name === "ended" && view.display !== null
        ? show(model, { name: "error", problem: event.problem, display: view.display })
        : same(model);
  }
}
