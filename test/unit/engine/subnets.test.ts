import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSubnetPool, subnetsFor } from "../../../src/engine/subnets.ts";

describe("the subnets for a session", () => {
  it("begin where the name says, always at the same place, and go round once", () => {
    const all = [...subnetsFor("10.213.0.0/24", "alice-desktop")];
    expect([...subnetsFor("10.213.0.0/24", "alice-desktop")]).toEqual(all);
    expect(new Set(all).size).toBe(32);
    expect(all.every((subnet) => /^10\.213\.0\.\d+\/29$/.test(subnet))).toBe(true);
    const lasts = all.map((subnet) => Number(subnet.split(/[./]/)[3]));
    expect(lasts.every((last) => last % 8 === 0)).toBe(true);
    expect(lasts.slice(1).every((last, at) => last === ((lasts[at] ?? 0) + 8) % 256)).toBe(true);
  });

  it("are spread over the range", () => {
    const firsts = Array.from({ length: 200 }, (_, at) => subnetsFor("10.213.0.0/16", `user${at}-desktop`).next().value);
    expect(new Set(firsts).size).toBeGreaterThan(190);
  });

  it("lie in the range, whatever its size", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 8, max: 26 }), fc.string(), (address, bits, name) => {
        const subnet = subnetsFor(`${address}/${bits}`, name).next().value ?? "";
        const number = (text: string): number => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
        return Math.floor(number(subnet.split("/")[0] ?? "") / 2 ** (32 - bits)) === Math.floor(number(address) / 2 ** (32 - bits));
      }),
    );
  });
});

it.each([
  ["10.213.0.0/16", true],
  ["10.0.0.0/26", true],
  ["10.0.0.0/27", false],
  ["10.0.0.0/33", false],
  ["10.0.0/16", false],
  ["fd00::/48", false],
  ["10.0.0.0", false],
  ["10.0.0.0/16/1", false],
])("%s is a range for sessions: %s", (network, expected) => {
  expect(isSubnetPool(network)).toBe(expected);
});
