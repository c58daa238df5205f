import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { labelValue } from "../../../src/manifests/labels.ts";
import { sessionName } from "../../../src/session/session-name.ts";

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

describe("sessionName", () => {
  it.each([
    ["xpra-user01", "desktop", "xpra-user01-desktop"],
    ["alice", "desktop-office", "alice-desktop-office"],
    ["alice", "mhd-desktop", "alice-mhd-desktop"],
    ["alice", "nhd-desktop-office", "alice-nhd-desktop-office"],
    ["bob", "mhd-x", "bob-mhd-x"],
    ["mhd", "x", "mhd-x"],
    ["4711", "seamless", "4711-seamless"],
  ])("%s and %s keep the plain name %s", (user, display, name) => {
    expect(sessionName(user, display)).toBe(name);
  });

  it.each([
    [
      ["a-b", "c"],
      ["a", "b-c"],
    ],
    [
      ["bob", "mhd-x"],
      ["bob-mhd", "x"],
    ],
    [
      ["Bob", "x"],
      ["bob", "x"],
    ],
    [
      ["alice", "desktop-office"],
      ["alice-desktop", "office"],
    ],
    [
      ["a.b", "x"],
      ["a-b", "x"],
    ],
    [
      ["a_b", "x"],
      ["a-b", "x"],
    ],
    [
      ["a@b", "x"],
      ["a-b", "x"],
    ],
    [
      ["a", "Desktop"],
      ["a", "desktop"],
    ],
    [
      ["a--b", "c"],
      ["a", "b-c"],
    ],
    [
      ["a", "x"],
      ["a-", "x"],
    ],
  ] as const)("%j and %j do not share a name", ([userA, displayA], [userB, displayB]) => {
    expect(sessionName(userA, displayA)).not.toBe(sessionName(userB, displayB));
  });

  it("does not change: running sessions and saved states are found by it", () => {
    expect(sessionName("Bob", "desktop")).toBe("bob-desktop--4yqhx0v38g94");
    expect(sessionName("é", "desktop")).toMatch(label);
  });

  it("is a label for any user and display", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 200 }), (user, display) => label.test(sessionName(user, display))),
      { numRuns: 2000 },
    );
  });

  it("is another one for another pair", () => {
    // Few letters and many dashes, so that pairs meet often.
    const part = fc
      .array(fc.constantFrom("a", "b", "A", "-", ".", "_", "mhd-", "-mhd", "nhd-", "desktop", "-office", "--"), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(part, part, part, part, (userA, displayA, userB, displayB) => {
        const same = userA === userB && displayA === displayB;
        return same === (sessionName(userA, displayA) === sessionName(userB, displayB));
      }),
      { numRuns: 20_000 },
    );
  });

  it("gives each split of one text a name of its own", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "mhd", "nhd", "desktop", "office", "seamless", "x1"), { minLength: 2, maxLength: 7 }),
        (words) => {
          const names = words.slice(1).map((_, at) => sessionName(words.slice(0, at + 1).join("-"), words.slice(at + 1).join("-")));
          return new Set(names).size === names.length;
        },
      ),
    );
  });
});

describe("labelValue", () => {
  it("keeps what may be a label's value and makes one of everything else", () => {
    expect(labelValue("desktop-office")).toBe("desktop-office");
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(labelValue(text))),
    );
  });
});
