import { describe, expect, it } from "vitest";
import { styleFor } from "../../../src/cli/output.ts";
import { logs } from "../../../src/commands/logs.ts";
import { timeKey } from "../../../src/kube/pod-log.ts";
import { eventOf, readable } from "../../../src/logs/readable.ts";
import { redact } from "../../../src/logs/redact.ts";

describe("a line of a log", () => {
  it.each([
    ["connecting to tcp://alice:geheim99@10.0.0.7:14500/", "connecting to tcp://alice:(secret)@10.0.0.7:14500/"],
    ["export XPRA_PASSWORD='geheim99'", "export XPRA_PASSWORD=(secret)"],
    ['{"user":"alice","password":"geheim99"}', '{"user":"alice","password":(secret)}'],
    ["Authorization: Bearer abc.def-ghi", "Authorization: Bearer (secret)"],
    ["alice:$6$salt1234$abcdefghijkl:20000:", "alice:(secret):20000:"],
    ["token: geheim99, more", "token: (secret), more"],
    ["DB_PASSPHRASE=geheim99", "DB_PASSPHRASE=(secret)"],
    ["the kubeconfig gives no credentials: there is no file", "the kubeconfig gives no credentials: there is no file"],
    ["the password is not right", "the password is not right"],
    ["-----BEGIN PRIVATE KEY-----\\nabc", "(secret)"],
  ])("without its secret: %s", (line, safe) => {
    expect(redact(line)).toBe(safe);
  });

  it("without the values that are known to be secret", () => {
    expect(redact("hello q7k2m9x4 there", ["q7k2m9x4"])).toBe("hello (secret) there");
    // Too short to be one: the line would be full of holes.
    expect(redact("hello", ["l"])).toBe("hello");
  });

  it.each([
    [
      { time: "2026-11-25T18:00:00.123Z", event: "sign-in", user: "alice", outcome: "ok", address: "10.0.0.5", door: "page" },
      "18:00:00 sign-in user=alice outcome=ok address=10.0.0.5 door=page",
    ],
    [
      { event: "session", session: "alice-x", outcome: "no-room", ms: 12, admin: "a quota is used up", detail: "exceeded quota" },
      "session session=alice-x outcome=no-room ms=12: a quota is used up; exceeded quota",
    ],
    [{ event: "odd", note: "two words", list: [1] }, 'odd note="two words" list=[1]'],
    [{ a: 1 }, "line a=1"],
  ])("of JSON, for people", (event, line) => {
    expect(readable(event)).toBe(line);
  });

  it("is an object only when it is one", () => {
    expect([eventOf('{"a":1}'), eventOf("{a"), eventOf("[1]"), eventOf("2026 text")]).toEqual([{ a: 1 }, undefined, undefined, undefined]);
  });

  it("cannot give orders to the terminal", () => {
    const item = {
      time: "2026-11-25T18:00:00Z",
      namespace: "vdi",
      pod: "alice-desktop",
      container: "session",
      text: "a\u001b]0;x\u0007\tb",
    };
    expect(logs.human(item, styleFor(false))).toBe("alice-desktop a\\x1b]0;x\\x07\tb");
  });

  it("sorts by its time, however many digits that has", () => {
    const times = ["2026-11-25T18:00:00.1Z", "2026-11-25T18:00:00Z", "2026-11-25T18:00:00.09999Z"];
    expect([...times].sort((a, b) => (timeKey(a) < timeKey(b) ? -1 : 1))).toEqual([times[1], times[2], times[0]]);
  });
});
