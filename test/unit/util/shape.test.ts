import { describe, expect, it } from "vitest";
import {
  choice,
  flag,
  list,
  map,
  number,
  object,
  openObject,
  optional,
  problemsOf,
  rowsOf,
  text,
  texts,
  time,
} from "../../../src/util/shape.ts";

const shape = object({
  name: text("its name"),
  at: time("when"),
  state: choice(["on", "off"], "how"),
  parts: list(object({ id: number("which"), bad: optional(flag("broken")) }), "the parts"),
  counts: map(number("how many"), "by colour"),
});
const good = { name: "x", at: "2026-01-02T03:04:05Z", state: "on", parts: [{ id: 1 }, { id: 2, bad: true }], counts: { red: 1 } };

describe("a shape", () => {
  it("accepts what it describes", () => {
    expect(problemsOf(shape, good)).toEqual([]);
    expect(problemsOf(openObject({ a: text("") }), { a: "", b: 1 })).toEqual([]);
  });

  it.each([
    [{ ...good, name: 3 }, "$.name: 3 is not a text"],
    [{ ...good, at: "yesterday" }, '$.at: "yesterday" is not a time'],
    [{ ...good, state: "broken" }, '$.state: "broken" is not one of on, off'],
    [{ ...good, parts: {} }, "$.parts: {} is not a list"],
    [{ ...good, parts: [{ bad: true }] }, "$.parts[0].id: missing"],
    [{ ...good, parts: [{ id: 1, bad: 0 }] }, "$.parts[0].bad: 0 is not true or false"],
    [{ ...good, counts: { red: "1" } }, '$.counts.red: "1" is not a number'],
    [{ ...good, more: 1 }, "$.more: not in the documented shape"],
    [null, "$: null is not an object"],
  ])("finds what differs: %j", (value, problem) => {
    expect(problemsOf(shape, value)).toEqual([problem]);
  });

  it("gives a line of documentation for every field", () => {
    expect(rowsOf(shape).map(({ path, kind }) => `${path}: ${kind}`)).toEqual([
      "name: text",
      "at: time",
      "state: `on`, `off`",
      "parts: list of objects",
      "parts[].id: number",
      "parts[].bad: true or false, may be missing",
      "counts: object by name",
      "counts.NAME: number",
    ]);
    expect(rowsOf(texts("words"))).toEqual([{ path: "", kind: "list of texts", does: "words" }]);
  });
});
