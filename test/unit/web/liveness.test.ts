import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Liveness } from "../../../web/src/xpra/liveness.ts";

let clock: { steady: number; wall: number };
let told: string[];
let liveness: Liveness;

beforeEach(() => {
  vi.useFakeTimers();
  clock = { steady: 0, wall: 0 };
  told = [];
  liveness = new Liveness(
    {
      ping: () => told.push("ping"),
      onQuiet: (isQuiet) => told.push(isQuiet ? "quiet" : "alive"),
      onDead: () => told.push("dead"),
    },
    { steadyMs: () => clock.steady, wallMs: () => clock.wall },
  );
  liveness.start();
});

afterEach(() => {
  liveness.stop();
  vi.useRealTimers();
});

/** Lets time pass as it does on a computer that is awake. */
function pass(seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    clock.steady += 1_000;
    clock.wall += 1_000;
    vi.advanceTimersByTime(1_000);
  }
}

test("a connection that is heard of is left alone", () => {
  for (let times = 0; times < 20; times += 1) {
    pass(5);
    liveness.heard();
  }
  expect(told).toEqual([]);
});

test("silence is shown, then ends the connection, once", () => {
  pass(7);
  expect(told).toEqual([]);
  pass(1);
  expect(told).toEqual(["quiet"]);
  pass(11);
  expect(told).toEqual(["quiet"]);
  pass(60);
  expect(told).toEqual(["quiet", "dead"]);
});

test("a connection that comes back in time is shown as alive", () => {
  pass(15);
  liveness.heard();
  pass(7);
  expect(told).toEqual(["quiet", "alive"]);
});

test("after a sleep an answer is waited for, as what came in meanwhile is not handled yet", () => {
  clock.steady += 600_000;
  clock.wall += 600_000;
  pass(1);
  expect(told).toEqual(["ping"]);
  liveness.heard();
  pass(7);
  expect(told).toEqual(["ping"]);
});

test("a connection that did not survive a sleep is given up within seconds, whether the steady clock slept too or not", () => {
  clock.wall += 600_000;
  pass(1);
  pass(6);
  expect(told).toEqual(["ping", "dead"]);
});

test("a hidden page, whose timers come once a minute, asks each time and gives up when nothing comes in between", () => {
  const minute = (): void => {
    clock.steady += 59_000;
    clock.wall += 59_000;
    pass(1);
  };
  minute();
  liveness.heard();
  minute();
  expect(told).toEqual(["ping", "ping"]);
  minute();
  expect(told).toEqual(["ping", "ping", "dead"]);
});

test("a doubt asks once and wants an answer soon", () => {
  pass(2);
  liveness.probe();
  liveness.probe();
  pass(4);
  expect(told).toEqual(["ping"]);
  pass(1);
  expect(told).toEqual(["ping", "dead"]);
});

test("a connection that is not watched yet, or no more, is not asked", () => {
  liveness.stop();
  liveness.probe();
  pass(60);
  expect(told).toEqual([]);
});
