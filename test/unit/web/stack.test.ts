import { expect, test } from "vitest";
import { layers, Stack, type Standing } from "../../../web/src/xpra/stack.ts";

/** A stack of windows that were opened in this order; `others` stand elsewhere than in the usual layer and alone. */
function stackOf(ids: readonly number[], others: Readonly<Record<number, Partial<Standing>>> = {}): Stack {
  const stack = new Stack((id) => (ids.includes(id) ? { layer: layers.normal, parent: 0, ...others[id] } : undefined));
  for (const id of ids) stack.raise(id);
  return stack;
}

test("a window that is raised is in front of the others", () => {
  const stack = stackOf([1, 2, 3]);
  stack.raise(1);
  expect(stack.order).toEqual([2, 3, 1]);
  stack.remove(3);
  expect(stack.order).toEqual([2, 1]);
});

test("a window's dialogs and their dialogs stay in front of it, and in their own order", () => {
  const stack = stackOf([1, 2, 3, 4, 5], { 3: { parent: 1 }, 4: { parent: 3 }, 5: { parent: 1 } });
  stack.raise(4);
  stack.raise(2);
  stack.raise(1);
  expect(stack.order).toEqual([2, 1, 3, 5, 4]);
});

test("dialogs that come before their window, as from a session that runs, are in front of it as well", () => {
  expect(stackOf([1, 2, 3], { 1: { parent: 2 }, 2: { parent: 3 } }).order).toEqual([3, 2, 1]);
});

test("a dialog of a window that stays above others is not hidden by it", () => {
  const stack = stackOf([1, 2, 3], { 1: { layer: layers.above }, 2: { parent: 1 } });
  stack.raise(1);
  expect(stack.order).toEqual([3, 1, 2]);
});

test("windows that say of each other, or of one that is not there, that they are its dialog can be raised", () => {
  const stack = stackOf([1, 2, 3], { 1: { parent: 2 }, 2: { parent: 1 }, 3: { parent: 99 } });
  stack.raise(1);
  expect(stack.order).toHaveLength(3);
});

test("layers never mix, however often windows are raised", () => {
  const windows = { 1: { layer: layers.desktop }, 2: { layer: layers.below }, 5: { layer: layers.above }, 6: { layer: layers.popup } };
  const stack = stackOf([1, 2, 3, 4, 5, 6], windows);
  for (let turn = 0; turn < 12_000; turn++) {
    stack.raise(1 + (turn % 6));
    // Of the two in the same layer the one that was raised last is in front.
    const usual = turn % 6 === 2 ? [4, 3] : [3, 4];
    if (turn % 6 === 2 || turn % 6 === 3) expect(stack.order).toEqual([1, 2, ...usual, 5, 6]);
  }
  expect(stack.order).toEqual([1, 2, 3, 4, 5, 6]);
});

test("an earlier order comes back; who came meanwhile is in front, and who has gone is not missed", () => {
  const stack = stackOf([1, 2, 3, 4]);
  stack.restore([3, 7, 1, 2]);
  expect(stack.order).toEqual([3, 1, 2, 4]);
});
