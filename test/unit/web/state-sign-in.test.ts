import { describe, expect, test } from "vitest";
import { type Choice, choiceFromPath } from "../../../web/src/address.ts";
import type { Event } from "../../../web/src/model.ts";
import { next } from "../../../web/src/state.ts";
import type { Identity } from "../../../web/src/types.ts";
import { problem } from "../../../web/src/words.ts";
import { choose, desktopType, identity, run, signedIn, signIn } from "./model-runs.ts";

test.each([
  ["/Desktop.html", "Desktop"],
  ["/MHD-desktop.html", "mhd-desktop"],
  ["/alice-desktop.html", "alice-desktop"],
])("the address %s opens what the broker takes it for", (path, display) => {
  expect(run(choiceFromPath(path), signIn, signedIn).effects.at(-1)).toMatchObject({ do: "start", display });
});

test("another user's name before a type opens nothing", () => {
  const { view } = run(choiceFromPath("/bob-desktop.html"), signIn, signedIn).model;
  expect(view).toMatchObject({ name: "choose", problem: { what: 'There is no session "bob-desktop" for you.' } });
});

describe("what a user has opened is nothing to the next one at this page", () => {
  const cad: Choice = { type: "cad", display: "cad" };
  const bob: Identity = { ...identity, user: "bob", types: ["desktop", "cad"].map((name) => ({ ...desktopType, name })) };
  const bobSignedIn: Event = { type: "signed-in", identity: bob, nowMs: 50 };
  const expired: Event = { type: "start-failed", problem: problem("expired", "Your sign-in has expired.") };
  const untilExpired: readonly Event[] = [signIn, signedIn, choose, expired];
  const untilSignedOut: readonly Event[] = [{ type: "sign-out" }, { type: "back-to-choice" }];

  test("when the ticket has ended", () => {
    expect(run(null, ...untilExpired, signIn, bobSignedIn).model.view).toEqual({ name: "choose" });
    expect(run(cad, ...untilExpired, signIn, bobSignedIn).model.view).toMatchObject({ name: "starting", display: "cad" });
  });

  test("when the former user has signed out", () => {
    const signedInAgain: readonly Event[] = [...untilExpired, signIn, signedIn, ...untilSignedOut, signIn];
    expect(run(null, ...signedInAgain, bobSignedIn).model.view).toEqual({ name: "choose" });
    expect(run(null, ...signedInAgain, signedIn).model.view).toEqual({ name: "choose" });
    expect(run(cad, ...signedInAgain, bobSignedIn).model.view).toMatchObject({ name: "starting", display: "cad" });
  });

  test("nor to the one after that", () => {
    const bobWas: readonly Event[] = [signIn, bobSignedIn, ...untilSignedOut, signIn];
    expect(run(null, ...untilExpired, ...bobWas, signedIn).model.view).toEqual({ name: "choose" });
  });
});

test("a sign-in after an ended ticket stays the same card, so that the name stays as well", () => {
  const found = problem("credentials", "No.");
  const expired: Event = { type: "start-failed", problem: problem("expired", "Your sign-in has expired.") };
  const { model } = run(null, signIn, signedIn, choose, expired);
  const busy = next(model, signIn).model;
  const refused = next(busy, { type: "sign-in-failed", problem: found }).model;
  const notice = expect.stringMatching(/^Your sign-in has expired/);
  expect(busy.view).toEqual({ name: "sign-in", busy: true, notice });
  expect(refused.view).toEqual({ name: "sign-in", busy: false, notice, problem: found });
  expect(next(refused, signIn).model.view).toEqual({ name: "sign-in", busy: true, notice });
});
