import { describe, expect, it } from "vitest";
import type { FailureReason } from "../../../src/session/reasons.ts";
import { type Action, decide, maxStarts, type SessionState } from "../../../src/session/session-state.ts";

const alice = { name: "alice", uid: 20001 };
const address = { host: "10.0.0.1", port: 14500, secret: "s" };
const failed = (reason: FailureReason): SessionState => ({ state: "failed", instance: "1", reason, detail: "" });
const starting: SessionState = { state: "starting", instance: "1", phase: "preparing", message: "" };
const ending: SessionState = { state: "ending", instance: "1", overdue: false, detail: "" };

const table: readonly [string, SessionState, Action, Action][] = [
  // what, state, found, own
  ["absent", { state: "absent" }, "create", "create"],
  ["starting", starting, "wait", "wait"],
  ["no machine has room", { ...starting, trouble: { reason: "no-node", detail: "" } }, "wait", "wait"],
  ["a volume is missing", { ...starting, trouble: { reason: "volume", detail: "" } }, "wait", "wait"],
  ["ready", { state: "ready", instance: "1", address }, "return", "return"],
  ["ending", ending, "wait", "wait"],
  ["does not go away", { ...ending, overdue: true }, "refuse", "refuse"],
  ["image missing", failed("image"), "replace", "refuse"],
  ["bad configuration", failed("configuration"), "replace", "refuse"],
  ["ended", failed("ended"), "replace", "refuse"],
  ["crashed", failed("crashed"), "replace", "refuse"],
  ["out of memory", failed("memory"), "replace", "refuse"],
  ["out of disk", failed("disk"), "replace", "refuse"],
  ["no space on the engine's disk", failed("no-space"), "replace", "refuse"],
  ["evicted", failed("evicted"), "replace", "replace"],
  ["machine gone", failed("machine"), "replace", "replace"],
];

describe("decide", () => {
  it.each(table)("%s", (_, status, found, own) => {
    const view = { status, ...(status.state === "absent" ? {} : { owner: alice }) };
    expect(decide(view, alice, { seen: new Set(), starts: 0 })).toBe(found);
    expect(decide(view, alice, { seen: new Set(["1"]), starts: 1 })).toBe(own);
    expect(decide(view, alice, { seen: new Set(["0"]), starts: 1 })).toBe(found);
  });

  it.each(table)("%s, for somebody who comes back: enters or waits, and never starts or replaces", (_, status) => {
    const view = { status, ...(status.state === "absent" ? {} : { owner: alice }) };
    const expected = { absent: "refuse", starting: "wait", ready: "return", ending: "refuse", failed: "refuse" }[status.state];
    for (const seen of [new Set<string>(), new Set(["1"])]) {
      expect(decide(view, alice, { seen, starts: 0, isComingBack: true })).toBe(expected);
    }
  });

  it("gives up when a session is taken away again and again", () => {
    expect(decide({ status: { state: "absent" } }, alice, { seen: new Set(), starts: maxStarts })).toBe("refuse");
  });

  it.each(table.filter(([, { state }]) => state !== "absent"))("refuses somebody else's session: %s", (_, status) => {
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
