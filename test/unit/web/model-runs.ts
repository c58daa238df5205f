import type { Choice } from "../../../web/src/address.ts";
import type { Effect, Event, Loss, Model } from "../../../web/src/model.ts";
import { firstModel, next } from "../../../web/src/state.ts";
import type { Identity, SessionType } from "../../../web/src/types.ts";
import { problem } from "../../../web/src/words.ts";

export const desktopType: SessionType = { name: "desktop", title: "Desktop", description: "", isDefault: true };
/** Who signs in. */
export const identity: Identity = {
  user: "alice",
  ticket: "t1",
  expiresAtMs: 1_000_000,
  types: [desktopType],
};

export const cut: Loss = { kind: "lost", words: "The connection was cut." };
export const isCut: Event = { type: "connection-lost", loss: cut, nowMs: 20 };

/** Runs events from the first model on; gives the last model and the effects of the last event. */
export function run(asked: Choice | null, ...events: readonly Event[]): { model: Model; effects: readonly Effect[] } {
  let step: { model: Model; effects: readonly Effect[] } = { model: firstModel(asked), effects: [] };
  for (const event of events) step = next(step.model, event);
  return step;
}

export const gone: Event = { type: "start-failed", problem: problem("gone", "It ended.") };
export const signIn: Event = { type: "sign-in", user: "alice", password: "secret" };
export const signedIn: Event = { type: "signed-in", identity, nowMs: 5 };
export const choose = { type: "choose", display: "desktop", nowMs: 9 } as const satisfies Event;
export const toWork: readonly Event[] = [signIn, signedIn, choose, { type: "session-ready" }, { type: "first-frame" }];
