import { describe, expect, it } from "vitest";
import { type Action, decide, maxStarts, type SessionState } from "../../../src/session/session-state.ts";

const alice = { name: "alice", uid: 20001 };
const address = { host: "10.0.0.1", port: 14500, secret: "s" };
const states: Readonly<Record<SessionState["state"], SessionState>> = {
  absent: { state: "absent" },
  starting: { state: "starting", instance: "1", phase: "preparing", message: "" },
  ready: { state: "ready", instance: "1", address },
  ending: { state: "ending", instance: "1" },
  failed: { state: "failed", instance: "1", reason: "crashed", message: "" },
};

const table: readonly [SessionState["state"], Action, Action][] = [
  // state, found, own
  ["absent", "create", "create"],
  ["starting", "wait", "wait"],
  ["ready", "return", "return"],
  ["ending", "wait", "wait"],
  ["failed", "replace", "refuse"],
];

describe("decide", () => {
  it.each(table)("%s: %s when found, %s when it is the call's own", (state, found, own) => {
    const view = { status: states[state], ...(state === "absent" ? {} : { owner: alice }) };
    expect(decide(view, alice, { seen: new Set(), starts: 0 })).toBe(found);
    expect(decide(view, alice, { seen: new Set(["1"]), starts: 1 })).toBe(own);
    expect(decide(view, alice, { seen: new Set(["0"]), starts: 1 })).toBe(found);
  });

  it("gives up when a session is taken away again and again", () => {
    expect(decide({ status: states.absent }, alice, { seen: new Set(), starts: maxStarts })).toBe("refuse");
  });

  it.each(Object.values(states).filter(({ state }) => state !== "absent"))("refuses somebody else's session: $state", (status) => {
    for (const owner of [
      { name: "bob", uid: 20001 },
      { name: "alice", uid: 20002 },
      { name: "", uid: -1 },
      { name: "Alice", uid: 20001 },
    ]) {
      expect(decide({ status, owner }, alice, { seen: new Set(), starts: 0 })).toBe("refuse");
    }
  });
});
