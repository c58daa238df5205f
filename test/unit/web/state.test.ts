import { describe, expect, test } from "vitest";
import type { Event, Loss, Model } from "../../../web/src/model.ts";
import { next } from "../../../web/src/state.ts";
import type { Identity } from "../../../web/src/types.ts";
import { problem } from "../../../web/src/words.ts";
import { lossFromWords } from "../../../web/src/xpra/loss.ts";
import { choose, cut, gone, identity, isCut, run, signedIn, signIn, toWork } from "./model-runs.ts";

test("the password is in the one effect that uses it and nowhere in the model", () => {
  const { model, effects } = run(null, signIn);
  expect(effects).toEqual([{ do: "sign-in", user: "alice", password: "secret" }]);
  expect(JSON.stringify(model)).not.toContain("secret");
  expect(model.view).toEqual({ name: "sign-in", busy: true });
});

test("a second sign-in while one is under way does nothing", () => {
  expect(run(null, signIn, signIn).effects).toEqual([]);
});

test("a refused sign-in says why and lets the user try again", () => {
  const found = problem("credentials", "No.");
  expect(run(null, signIn, { type: "sign-in-failed", problem: found }).model.view).toEqual({
    name: "sign-in",
    busy: false,
    problem: found,
  });
});

test("after the sign-in the user chooses, and the client is fetched meanwhile", () => {
  const { model, effects } = run(null, signIn, signedIn);
  expect(model.view).toEqual({ name: "choose" });
  expect(effects).toEqual([{ do: "renew-in-time", identity }, { do: "load-client" }]);
});

test("an address that names a type skips the choice", () => {
  const { model, effects } = run({ type: "desktop", display: "mhd-desktop" }, signIn, signedIn);
  expect(model.view).toMatchObject({ name: "starting", display: "mhd-desktop", startedAtMs: 5 });
  expect(effects.at(-1)).toEqual({ do: "start", display: "mhd-desktop", ticket: "t1", existing: false, waitMs: 0 });
});

test("an address with a type that the user may not start leads to the choice, with words", () => {
  const { model } = run({ type: "cad", display: "cad" }, signIn, signedIn);
  expect(model.view).toMatchObject({ name: "choose", problem: { reason: "no-such-type", what: 'There is no session "cad" for you.' } });
});

test("progress is kept in order, without repeating itself, and not for ever", () => {
  const progress = (message: string): Event => ({ type: "progress", phase: "starting", message });
  const { model } = run(null, signIn, signedIn, choose, ...["a", "a", "b", "c", "d", "e", "f", "g"].map(progress));
  expect(model.view).toMatchObject({ steps: ["b", "c", "d", "e", "f", "g"] });
});

test("a phase without words gets ours", () => {
  const { model } = run(null, signIn, signedIn, choose, { type: "progress", phase: "pulling", message: "" });
  expect(model.view).toMatchObject({ steps: ["Asking for your session", "Fetching the software"] });
});

test("a ready session is attached, and the first frame makes it work", () => {
  const ready = run(null, ...toWork.slice(0, 4));
  expect(ready.effects).toEqual([{ do: "attach", display: "desktop", identity, manner: "ask", isComingBack: false }]);
  expect(run(null, ...toWork).model.view).toMatchObject({ name: "working", display: "desktop", isQuiet: false });
});

test("cancelling a start stops it and goes back to the choice", () => {
  const { model, effects } = run(null, signIn, signedIn, choose, { type: "cancel" });
  expect(model.view.name).toBe("choose");
  expect(effects).toEqual([{ do: "stop" }]);
});

test("what a stopped start still reports changes nothing", () => {
  const { model, effects } = run(null, signIn, signedIn, choose, { type: "cancel" }, { type: "session-ready" }, { type: "first-frame" });
  expect(model.view.name).toBe("choose");
  expect(effects).toEqual([]);
});

test("a lost connection asks for the running session, not for a new one, and comes back by the ticket", () => {
  const asks = run(null, ...toWork, isCut);
  expect(asks.model.view).toMatchObject({ name: "reconnecting", attempt: 1 });
  expect(asks.effects).toEqual([{ do: "start", display: "desktop", ticket: "t1", existing: true, waitMs: 500 }]);
  const back: readonly Event[] = [...toWork, isCut, { type: "session-ready" }];
  expect(run(null, ...back).effects).toEqual([{ do: "attach", display: "desktop", identity, manner: "share", isComingBack: true }]);
  expect(run(null, ...back, { type: "first-frame" }).model.view.name).toBe("working");
});

test("a session that runs and cannot be attached again is given up after some tries, not after many minutes", () => {
  const failure: readonly Event[] = [{ type: "session-ready" }, isCut];
  const failures = (times: number): Event[] => Array.from({ length: times }, () => failure).flat();
  const lost: readonly Event[] = [...toWork, isCut];
  expect(run(null, ...lost, ...failures(5)).model.view).toMatchObject({ name: "reconnecting", failedAttaches: 5 });
  expect(run(null, ...lost, ...failures(6)).model.view).toMatchObject({ name: "error", problem: { reason: "unavailable" } });
});

describe.each([
  ["says that it is over", { kind: "session-over", words: "server shutdown" }],
  ["goes without a word", cut],
] as const)("a session that %s before its first picture", (_, loss: Loss) => {
  const attached = toWork.slice(0, 4);
  const over: Event = { type: "connection-lost", loss, nowMs: 20 };

  test("is asked for once more, and no new one in its place", () => {
    const { model, effects } = run(null, ...attached, over);
    expect(model.view.name).toBe("starting");
    expect(effects).toEqual([{ do: "start", display: "desktop", ticket: "t1", existing: true, waitMs: 500 }]);
    const away: Event = { type: "start-failed", problem: problem("offline", "The service cannot be reached.") };
    expect(run(null, ...attached, over, away).effects).toMatchObject([{ do: "start", existing: true }]);
  });

  test("is said to be over when it is", () => {
    const { model, effects } = run(null, ...attached, over, gone);
    expect(model.view).toEqual({ name: "ended", how: "gone", display: "desktop", why: "It ended." });
    expect(effects).toEqual([]);
  });

  test("is entered when only the proxy was restarted", () => {
    const { effects } = run(null, ...attached, over, { type: "session-ready" });
    expect(effects).toEqual([{ do: "attach", display: "desktop", identity, manner: "ask", isComingBack: false }]);
  });
});

test("a network that stays away is tried again, slower each time, and in the end the user is told", () => {
  const away: Event = { type: "start-failed", problem: problem("offline", "The service cannot be reached.") };
  const second = run(null, ...toWork, isCut, away);
  expect(second.effects).toEqual([{ do: "start", display: "desktop", ticket: "t1", existing: true, waitMs: 1_000 }]);
  const many = run(null, ...toWork, isCut, ...Array.from({ length: 40 }, () => away));
  expect(many.model.view).toMatchObject({ name: "error", problem: { reason: "offline" } });
});

/** The pauses before the tries to come back of a desktop that is lost at these moments, each time right after its first picture. */
function waitsOf(lostAtMs: readonly number[]): { waits: number[]; model: Model } {
  let { model } = run(null, ...toWork);
  const waits = lostAtMs.flatMap((nowMs) => {
    const { model: asking, effects } = next(model, { type: "connection-lost", loss: cut, nowMs });
    model = next(next(asking, { type: "session-ready" }).model, { type: "first-frame" }).model;
    return effects.flatMap((effect) => (effect.do === "start" ? [effect.waitMs] : []));
  });
  return { waits, model };
}

test("a desktop that breaks right after each first picture is asked for ever more slowly, and not for ever", () => {
  const { waits, model } = waitsOf(Array.from({ length: 50 }, (_, index) => index * 1_000));
  expect(waits.slice(0, 7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  expect(waits).toHaveLength(40);
  expect(model.view).toMatchObject({ name: "error", problem: { reason: "offline" } });
});

test("losses that lie half a minute apart are each come back from at once", () => {
  expect(waitsOf(Array.from({ length: 50 }, (_, index) => index * 30_000)).waits).toEqual(Array.from({ length: 50 }, () => 500));
  expect(waitsOf([0, 1_000, 2_000, 40_000, 41_000]).waits).toEqual([500, 1_000, 2_000, 500, 1_000]);
});

test("a desktop that is quiet between two losses is not taken for one that held", () => {
  const again: readonly Event[] = [isCut, { type: "session-ready" }, { type: "first-frame" }, { type: "connection-quiet", isQuiet: true }];
  expect(run(null, ...toWork, ...again, isCut).effects).toMatchObject([{ do: "start", waitMs: 1_000 }]);
});

test("a session that is over after a lost connection is not replaced, and the user is told what is known of its end", () => {
  const over = (words: string): Event => ({ type: "start-failed", problem: problem("gone", words) });
  const { model, effects } = run(null, ...toWork, isCut, over("Your session has ended."));
  expect(model.view).toEqual({ name: "ended", how: "gone", display: "desktop" });
  expect(effects).toEqual([]);
  const why = "Your last session ended with an error.";
  expect(run(null, ...toWork, isCut, over(why)).model.view).toMatchObject({ how: "gone", why });
});

test.each(["broker", "away", "silent", "slow"])("a running session that cannot be had for a moment (%s) is asked for again", (reason) => {
  const refusal: Event = { type: "start-failed", problem: problem(reason, "Not now.") };
  const { model } = run(null, ...toWork, isCut, refusal);
  expect(model.view).toMatchObject({ name: "reconnecting", attempt: 2, message: "Not now." });
});

test.each(["offline", "unavailable", "broker", "restarting"])(
  "a start that does not reach the broker (%s) is tried again, for a while",
  (reason) => {
    const failure: Event = { type: "start-failed", problem: problem(reason, "Nobody there.") };
    const once = run(null, signIn, signedIn, choose, failure);
    expect(once.effects).toEqual([{ do: "start", display: "desktop", ticket: "t1", existing: false, waitMs: 500 }]);
    expect(once.model.view).toMatchObject({
      name: "starting",
      retries: 1,
      steps: ["Asking for your session", expect.stringMatching(/again/)],
    });
    const often = run(null, signIn, signedIn, choose, ...Array.from({ length: 13 }, () => failure));
    expect(often.model.view).toMatchObject({ name: "error", problem: { what: "Nobody there." } });
  },
);

test("a start that the broker refuses is not tried again", () => {
  const refusal: Event = { type: "start-failed", problem: problem("away", "The cluster does not answer.") };
  expect(run(null, signIn, signedIn, choose, refusal).model.view).toMatchObject({ name: "error" });
});

test("a page that is not there as a whole is told at once, as trying again does not mend it", () => {
  const found = problem("page", "This page could not be loaded as a whole.");
  const failed: Event = { type: "start-failed", problem: found };
  for (const before of [[signIn, signedIn, choose, { type: "session-ready" }] as const, [...toWork, isCut] as const]) {
    const { model, effects } = run(null, ...before, failed);
    expect(model.view).toEqual({ name: "error", problem: found, display: "desktop" });
    expect(effects).toEqual([]);
  }
  const noWorkers: Event = { type: "connection-lost", loss: { kind: "page", words: "A part could not be fetched." }, nowMs: 20 };
  const lost = run(null, ...toWork, isCut, { type: "session-ready" }, noWorkers);
  expect(lost.model.view).toMatchObject({ name: "error", problem: { reason: "page", what: found.what } });
  expect(lost.effects).toEqual([]);
});

test("a desktop that is quiet for a moment is said to be, and stays", () => {
  const quiet: Event = { type: "connection-quiet", isQuiet: true };
  expect(run(null, ...toWork, quiet).model.view).toMatchObject({ name: "working", display: "desktop", isQuiet: true });
  expect(run(null, ...toWork, quiet, { type: "connection-quiet", isQuiet: false }).model.view).toMatchObject({ isQuiet: false });
});

test("a desktop that was opened elsewhere is not fought over", () => {
  const { model, effects } = run(null, ...toWork, {
    type: "connection-lost",
    loss: { kind: "taken-over", words: "new client" },
    nowMs: 20,
  });
  expect(model.view).toEqual({ name: "ended", how: "taken-over", display: "desktop" });
  expect(effects).toEqual([]);
});

test("a session that cannot be attached is tried some times, then the user is told", () => {
  const once: readonly Event[] = [{ type: "session-ready" }, isCut];
  expect(run(null, signIn, signedIn, choose, ...once).effects).toEqual([
    { do: "start", display: "desktop", ticket: "t1", existing: true, waitMs: 500 },
  ]);
  const { model } = run(null, signIn, signedIn, choose, ...Array.from({ length: 6 }, () => once).flat());
  expect(model.view).toMatchObject({ name: "error", problem: { what: "Your session runs, but it cannot be reached." } });
});

test("an expired ticket leads to the sign-in, keeps what was asked for, and forgets the ticket", () => {
  const expired: Event = { type: "start-failed", problem: problem("expired", "Your sign-in has expired.") };
  const { model, effects } = run(null, signIn, signedIn, choose, expired);
  expect(model).toMatchObject({ identity: null, view: { name: "sign-in" } });
  expect(effects).toEqual([{ do: "stop" }, { do: "forget" }]);
  const again = next(next(model, signIn).model, signedIn);
  expect(again.model.view).toMatchObject({ name: "starting", display: "desktop" });
});

describe.each([
  ["the first attach", toWork.slice(0, 4)],
  ["the attach of who comes back", [...toWork, isCut, { type: "session-ready" } as const]],
])("a door that refuses %s without saying why", (_, attached) => {
  const refusal: Event = { type: "connection-lost", loss: lossFromWords("authentication failed"), nowMs: 20 };
  const says = (reason: string, words: string): Event => ({ type: "start-failed", problem: problem(reason, words) });

  test("is asked in a way that has words for it", () => {
    expect(run(null, ...attached, refusal).effects).toMatchObject([{ do: "start", display: "desktop", ticket: "t1" }]);
  });

  test("has a ticket signed in again that has ended", () => {
    const { model, effects } = run(null, ...attached, refusal, says("expired", "Your password has been changed: please sign in again."));
    expect(model.view).toMatchObject({ name: "sign-in", notice: expect.stringMatching(/password has been changed/) });
    expect(effects).toEqual([{ do: "stop" }, { do: "forget" }]);
  });

  test("is believed when the account may not sign in", () => {
    const { model, effects } = run(null, ...attached, refusal, says("account", "This account is locked."));
    expect(model.view).toMatchObject({ name: "error", problem: { reason: "account", what: "This account is locked." } });
    expect(effects).toEqual([]);
  });

  test("is asked again as long as it cannot look", () => {
    const { effects } = run(null, ...attached, refusal, says("unavailable", "Signing in does not work at this moment."));
    expect(effects).toMatchObject([{ do: "start", display: "desktop" }]);
  });

  test("is not asked for ever", () => {
    const often = Array.from({ length: 6 }, (): Event[] => [refusal, { type: "session-ready" }]).flat();
    expect(run(null, ...attached, ...often).model.view).toMatchObject({ name: "error", problem: { why: "authentication failed" } });
  });
});

test("a session that another client has locked is not tried again, and the user is told what to do", () => {
  const locked: Event = { type: "connection-lost", loss: lossFromWords("session busy, this session is locked"), nowMs: 20 };
  for (const before of [toWork.slice(0, 4), [...toWork, isCut, { type: "session-ready" } as const]]) {
    const { model, effects } = run(null, ...before, locked);
    expect(model.view).toMatchObject({
      name: "error",
      problem: { reason: "locked", tryThis: expect.stringMatching(/^Close that client/) },
    });
    expect(effects).toEqual([]);
  }
});

test("signing out forgets the ticket and leaves the session alone", () => {
  const { model, effects } = run(null, ...toWork, { type: "sign-out" });
  expect(model).toMatchObject({ identity: null, view: { name: "ended", how: "signed-out" } });
  expect(effects).toEqual([{ do: "stop" }, { do: "forget" }]);
});

test("ending the session leaves the desktop, asks the door, and says when it is done", () => {
  const ending = run(null, ...toWork, { type: "end-session" });
  expect(ending.model.view).toEqual({ name: "ended", how: "ending", display: "desktop" });
  expect(ending.effects).toEqual([{ do: "stop" }, { do: "end", display: "desktop", ticket: "t1" }]);
  const ended = (isClosing: boolean) => run(null, ...toWork, { type: "end-session" }, { type: "session-ended", isClosing }).model.view;
  expect(ended(true)).toMatchObject({ how: "closing" });
  expect(ended(false)).toMatchObject({ how: "ended-by-user" });
});

test("a renewed ticket is used from then on", () => {
  const renewed: Identity = { ...identity, ticket: "t2" };
  const { model } = run(null, ...toWork, { type: "ticket-renewed", identity: renewed });
  expect(model.view.name).toBe("working");
  expect(next(model, isCut).effects).toEqual([{ do: "start", display: "desktop", ticket: "t2", existing: true, waitMs: 500 }]);
});

test("a ticket that is renewed after signing out is dropped", () => {
  expect(run(null, ...toWork, { type: "sign-out" }, { type: "ticket-renewed", identity }).model.identity).toBeNull();
});

test("a session that is open elsewhere is left alone until the user says what to do", () => {
  const busy: Loss = { kind: "busy", words: "this session is shown elsewhere" };
  const toReady: readonly Event[] = [signIn, signedIn, choose, { type: "session-ready" }];
  expect(run(null, ...toReady).effects).toEqual([{ do: "attach", display: "desktop", identity, manner: "ask", isComingBack: false }]);
  const asked: readonly Event[] = [...toReady, { type: "connection-lost", loss: busy, nowMs: 20 }];
  expect(run(null, ...asked)).toMatchObject({ model: { view: { name: "elsewhere", display: "desktop" } }, effects: [] });
  for (const manner of ["take", "share"] as const) {
    const chosen: readonly Event[] = [...asked, { ...choose, manner }];
    // Not a new one, when it has ended while the question stood there.
    expect(run(null, ...chosen).effects).toEqual([{ do: "start", display: "desktop", ticket: "t1", existing: true, waitMs: 0 }]);
    expect(run(null, ...chosen, gone).model.view).toEqual({ name: "ended", how: "gone", display: "desktop", why: "It ended." });
    const { effects } = run(null, ...chosen, { type: "session-ready" });
    expect(effects).toEqual([{ do: "attach", display: "desktop", identity, manner, isComingBack: false }]);
  }
  expect(run(null, ...asked, { type: "back-to-choice" }).model.view).toEqual({ name: "choose" });
});

test("who comes back after a cut throws nobody out who came meanwhile", () => {
  const back: readonly Event[] = [isCut, { type: "session-ready" }];
  expect(run(null, ...toWork, ...back).effects).toEqual([
    { do: "attach", display: "desktop", identity, manner: "share", isComingBack: true },
  ]);
});
