import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Place, Touch } from "../../../web/src/xpra/touch.ts";
import { typedBetween } from "../../../web/src/xpra/touch-text.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const at = (clientX: number, clientY: number): Place => ({ clientX, clientY });

/** A pointer and what it was told to do, in short words. */
function recorded(): { touch: Touch; done: string[] } {
  const done: string[] = [];
  const touch = new Touch({
    move: ({ clientX, clientY }) => done.push(`move ${clientX},${clientY}`),
    press: (button, { clientX, clientY }) => done.push(`press ${button} ${clientX},${clientY}`),
    release: (button, { clientX, clientY }) => done.push(`release ${button} ${clientX},${clientY}`),
    scroll: (deltaX, deltaY) => done.push(`scroll ${deltaX},${deltaY}`),
  });
  return { touch, done };
}

test("a tap clicks where it began, however it trembled", () => {
  const { touch, done } = recorded();
  touch.down(1, at(50, 60));
  touch.move(1, at(53, 58));
  touch.up(1);
  expect(done).toEqual(["move 50,60", "press 1 50,60", "release 1 50,60"]);
});

test("a finger drags from where it began", () => {
  const { touch, done } = recorded();
  touch.down(1, at(50, 60));
  touch.move(1, at(80, 60));
  vi.advanceTimersByTime(1_000);
  touch.up(1);
  expect(done).toEqual(["move 50,60", "press 1 50,60", "move 80,60", "release 1 80,60"]);
});

test("a finger that rests is the right button, once", () => {
  const { touch, done } = recorded();
  touch.down(1, at(5, 6));
  vi.advanceTimersByTime(600);
  touch.move(1, at(90, 6));
  touch.up(1);
  expect(done).toEqual(["move 5,6", "press 3 5,6", "release 3 5,6"]);
});

test("two fingers scroll and click nothing", () => {
  const { touch, done } = recorded();
  touch.down(1, at(10, 100));
  touch.down(2, at(60, 100));
  touch.move(1, at(10, 80));
  touch.move(2, at(60, 80));
  touch.up(1);
  touch.up(2);
  vi.advanceTimersByTime(1_000);
  expect(done).toEqual(["move 10,100", "scroll 0,10", "scroll 0,10"]);
});

test("a finger that the system takes clicks nothing, and lets go of what it drags", () => {
  const { touch, done } = recorded();
  touch.down(1, at(5, 6));
  touch.cancel(1);
  vi.advanceTimersByTime(1_000);
  expect(done).toEqual(["move 5,6"]);
  touch.down(2, at(0, 0));
  touch.move(2, at(30, 0));
  touch.cancel(2);
  expect(done.at(-1)).toBe("release 1 30,0");
});

test("what is stopped in the middle lets go of the button", () => {
  const { touch, done } = recorded();
  touch.down(1, at(0, 0));
  touch.move(1, at(30, 0));
  touch.stop();
  expect(done.at(-1)).toBe("release 1 30,0");
});

test.each([
  ["  ", "  h", { erase: 0, text: "h" }],
  ["  hel", "  hrl", { erase: 2, text: "rl" }],
  ["  ", " ", { erase: 1, text: "" }],
  ["a😀", "a😁", { erase: 1, text: "😁" }],
  ["same", "same", { erase: 0, text: "" }],
])("what turns %j into %j is typed", (before, after, typed) => {
  expect(typedBetween(before, after)).toEqual(typed);
});
