import { describe, expect, it } from "vitest";
import { timeZoneOf } from "../../../src/config/value-types.ts";

describe("the name of a time zone", () => {
  it.each([
    "Europe/Amsterdam",
    "US/Eastern",
    "CET",
    "EST5EDT",
    "Etc/GMT-14",
    "America/Port-au-Prince",
    "America/Argentina/Buenos_Aires",
    "UTC",
  ])("may be %s, also as a file", (zone) => {
    expect(timeZoneOf(zone)).toBe(zone);
    expect(timeZoneOf(`/usr/share/zoneinfo/posix/${zone}`)).toBe(zone);
  });

  it.each([
    "europe/amsterdam",
    "Europe/amsterdam",
    "EUROPE/AMSTERDAM",
    "us/eastern",
    "cet",
    "Utc",
    "Europe/../CET",
    "Nowhere/Here",
    "CET/CEST",
    `A${"a".repeat(300)}`,
  ])("is not %s, which is no file", (zone) => {
    expect(timeZoneOf(zone)).toBeUndefined();
  });
});
