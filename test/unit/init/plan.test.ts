import { describe, expect, it } from "vitest";
import { type FileAction, planLayout } from "../../../src/init/plan.ts";

type Row = readonly [
  distributed: string | undefined,
  actual: string | undefined,
  recorded: string | undefined,
  pending: string | undefined,
  action: FileAction | undefined,
  forced: FileAction | undefined,
];

const table: readonly Row[] = [
  // A first layout.
  ["a", undefined, undefined, undefined, "add", "add"],
  ["a", "a", undefined, undefined, "same", "same"],
  ["a", "x", undefined, undefined, "keep-news", "replace"],
  // Run again.
  ["a", "a", "a", undefined, "same", "same"],
  ["a", "x", "a", undefined, "keep", "replace"],
  ["a", undefined, "a", undefined, "keep-removed", "add"],
  // A newer version.
  ["b", "a", "a", undefined, "update", "update"],
  ["b", "x", "a", undefined, "keep-news", "replace"],
  ["b", "b", "a", undefined, "same", "same"],
  [undefined, "a", "a", undefined, "remove", "remove"],
  [undefined, "x", "a", undefined, "keep", "keep"],
  [undefined, undefined, "a", undefined, undefined, undefined],
  // After an interrupted run, by the same version or by a newer one.
  ["b", "a", "a", "b", "update", "update"],
  ["b", undefined, undefined, "b", "add", "add"],
  ["c", "b", "a", "b", "update", "update"],
  ["c", "a", "a", "b", "update", "update"],
  ["c", "x", "a", "b", "keep-news", "replace"],
];

describe("planLayout", () => {
  it.each(table)("distributed %s, there %s, recorded %s, pending %s: %s", (distributed, actual, recorded, pending, action, forced) => {
    const map = (value: string | undefined): Map<string, string> => new Map(value === undefined ? [] : [["f", value]]);
    const state = {
      distributed: map(distributed),
      actual: map(actual),
      record: { files: Object.fromEntries(map(recorded)), pending: Object.fromEntries(map(pending)) },
    };
    expect(planLayout(state, false)[0]?.action).toBe(action);
    expect(planLayout(state, true)[0]?.action).toBe(forced);
  });
});
