import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startLine } from "../../../src/session/start-line.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("lets so many start, tells the others their place, and moves up when one has left", () => {
  const line = startLine(() => 2);
  const moves: string[] = [];
  const places = ["a", "b", "c", "d", "e"].map((name) => line.join(() => moves.push(name)));
  expect(places.map((place) => place.number())).toEqual([0, 0, 1, 2, 3]);
  expect(line.waiting()).toBe(3);
  places[1]?.leave();
  expect(places.map((place) => place.number())).toEqual([0, 0, 0, 1, 2]);
  expect(moves).toEqual(["c", "d", "e"]);
});

it("closes the gap when somebody leaves the line, and gives a place back once only", () => {
  const line = startLine(() => 1);
  const moves: string[] = [];
  const [first, second, third] = ["a", "b", "c"].map((name) => line.join(() => moves.push(name)));
  second?.leave();
  second?.leave();
  expect(third?.number()).toBe(1);
  expect(moves).toEqual(["c"]);
  first?.leave();
  first?.leave();
  expect(third?.number()).toBe(0);
  expect(line.waiting()).toBe(0);
  expect(line.join(() => undefined).number()).toBe(1);
});

it("does not let a start that waits for something else hold up the others", () => {
  const line = startLine(() => 1);
  const slow = line.join(() => undefined);
  const next = line.join(() => undefined);
  vi.advanceTimersByTime(14_999);
  expect(next.number()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(next.number()).toBe(0);
  slow.leave();
  expect(line.join(() => undefined).number()).toBe(1);
});

it("starts one at a time at the least, and takes a changed number at once", () => {
  let atOnce = 0;
  const line = startLine(() => atOnce);
  const places = [1, 2, 3, 4].map(() => line.join(() => undefined));
  expect(places.map((place) => place.number())).toEqual([0, 1, 2, 3]);
  atOnce = 3;
  places[0]?.leave();
  expect(places.slice(1).map((place) => place.number())).toEqual([0, 0, 0]);
});
