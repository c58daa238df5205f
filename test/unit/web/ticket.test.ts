import { expect, test } from "vitest";
import { endOnOwnClock, reconnectWaitMs, renewalWaitMs } from "../../../web/src/ticket.ts";

test("a ticket is renewed when two thirds of its life are over", () => {
  expect(renewalWaitMs(1_000_000, 1_000_000 + 900_000)).toBe(600_000);
});

test("a ticket that has ended, or seems so, is renewed after a pause and not at once", () => {
  expect(renewalWaitMs(1_000_000, 1_000_000)).toBe(5_000);
  expect(renewalWaitMs(1_000_000, 0)).toBe(5_000);
});

test("a wait never exceeds what a browser's timer takes", () => {
  expect(renewalWaitMs(0, 10 ** 13)).toBe(2 ** 31 - 1);
});

test("the end of a ticket is put on the browser's own clock", () => {
  const serverNow = Date.UTC(2026, 0, 1, 12, 0, 0);
  const ownNow = serverNow - 3_600_000;
  const header = new Date(serverNow).toUTCString();
  expect(endOnOwnClock(serverNow + 600_000, header, ownNow)).toBe(ownNow + 600_000);
});

test("without a usable date the door's clock is believed", () => {
  expect(endOnOwnClock(123, null, 5)).toBe(123);
  expect(endOnOwnClock(123, "yesterday", 5)).toBe(123);
});

test("the waits between attempts to reconnect grow to a limit", () => {
  expect([1, 2, 3, 6, 40].map(reconnectWaitMs)).toEqual([500, 1_000, 2_000, 15_000, 15_000]);
});
