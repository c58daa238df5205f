import { expect, test, vi } from "vitest";
import { endSession, problemOfAnswer, readTypes, reasonOfStatus } from "../../../web/src/api.ts";
import { readJsonLines } from "../../../web/src/ndjson.ts";
import { elapsedWords } from "../../../web/src/words.ts";

async function lines(...chunks: readonly string[]): Promise<unknown[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
  const found: unknown[] = [];
  for await (const line of readJsonLines(body)) found.push(line);
  return found;
}

test("lines are read however the network cuts them", async () => {
  expect(await lines('{"a":', '1}\n{"b":2}\n', "\n", '{"c"', ":3}")).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
  expect(await lines()).toEqual([]);
});

test("a line that is not JSON is an error", async () => {
  await expect(lines("<html>\n")).rejects.toThrow(SyntaxError);
});

test("types without a title are called by their name; entries without a name are left out", () => {
  expect(readTypes([{ name: "desktop", default: true }, { title: "x" }, 7, null])).toEqual([
    { name: "desktop", title: "desktop", description: "", isDefault: true },
  ]);
  expect(readTypes("nonsense")).toEqual([]);
});

test.each([
  [401, false, "credentials"],
  [401, true, "expired"],
  [403, false, "account"],
  [429, false, "busy"],
  [503, true, "unavailable"],
  [500, true, "unexpected"],
])("status %i, with a ticket: %s, means %s", (status, withTicket, reason) => {
  expect(reasonOfStatus(status, withTicket)).toBe(reason);
});

test("the door's own words are shown, with advice for their kind", () => {
  const found = problemOfAnswer(403, { error: { code: "account", message: "This account is locked." } }, false);
  expect(found).toMatchObject({ reason: "account", what: "This account is locked." });
  expect(found.tryThis).toContain("Ask the people");
});

test("advice of the door is not repeated in other words", () => {
  const found = problemOfAnswer(
    403,
    { error: { code: "account", message: "This account has expired. Please ask your administrator." } },
    false,
  );
  expect(found).toEqual({ reason: "account", what: "This account has expired. Please ask your administrator." });
});

test.each(["no-such-type", "bad-display"])("that there is no such session (%s) is told from a bug, in the door's form", (reason) => {
  const found = problemOfAnswer(404, { error: { code: reason, message: "There is no session type x for you." } }, true);
  expect(found).toEqual({ reason, what: "There is no session type x for you.", tryThis: "Choose another session." });
});

test.each([
  [401, "ticket", "expired"],
  [403, "account", "account"],
  [403, "origin", "account"],
  [403, "unknown-user", "account"],
  [404, "not-found", "unexpected"],
  [400, "request", "unexpected"],
  [429, "too-many", "busy"],
  [502, "away", "unavailable"],
  [503, "busy", "unavailable"],
  [503, "unavailable", "unavailable"],
  [503, "broker", "unavailable"],
  [503, "no-configuration", "unavailable"],
])("what else the door says goes by the status: %i %s means %s", (status, code, reason) => {
  expect(problemOfAnswer(status, { error: { code, message: "No." } }, true).reason).toBe(reason);
});

test("a broker's reason is kept", () => {
  const found = problemOfAnswer(404, { error: { code: 4, reason: "no-such-type", message: "There is no session type x." } }, true);
  expect(found).toMatchObject({ reason: "no-such-type", tryThis: "Choose another session." });
});

test("an answer without words gets ours", () => {
  expect(problemOfAnswer(503, null, false).what).toBe("The service is not available at the moment.");
  expect(problemOfAnswer(418, "tea", false).what).toContain("418");
});

test.each([
  ["ending", true],
  ["absent", false],
])("a session of which the door says %s has programs left: %s", async (state, isClosing) => {
  vi.stubGlobal("fetch", async () => Response.json({ state }));
  try {
    expect(await endSession("desktop", "t1", new AbortController().signal)).toBe(isClosing);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("elapsed time reads like a clock", () => {
  expect([0, 7_400, 61_000, 3_723_000].map(elapsedWords)).toEqual(["0:00", "0:07", "1:01", "1:02:03"]);
});
