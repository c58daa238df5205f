import { describe, expect, it } from "vitest";
import type { UserEntries } from "../../../src/users/entries.ts";
import { accountCollisions, userProblems, usersWithoutPassword } from "../../../src/users/user-problems.ts";

const user = (name: string, uid: number, gid = uid) => ({ name, uid, gid, gecos: "", home: `/home/${name}`, shell: "/bin/bash" });
const entries = (passwd: UserEntries["passwd"], more: Partial<UserEntries> = {}): UserEntries => ({
  passwd,
  shadow: [],
  group: [],
  ...more,
});

describe("users among themselves", () => {
  it("are fine when each has an id of its own", () => {
    expect(userProblems(entries([user("a", 20001), user("b", 20002)]), 1000)).toEqual([]);
  });

  it.each([
    ["the same name", entries([user("a", 20001), user("a", 20002)]), /a has more than one line in passwd/],
    ["the same uid", entries([user("a", 20001), user("b", 20001)]), /a and b share the uid 20001/],
    ["a small uid", entries([user("a", 999)]), /999, but no session runs below 1000/],
    ["group 0", entries([user("a", 20001, 0)]), /group 0/],
    ["a name for a shell", entries([user("a$b", 20001)]), /characters/],
    ["a home that is no path", entries([{ ...user("a", 20001), home: "home" }]), /absolute/],
    ["a password of nobody", entries([], { shadow: [{ name: "x", hash: "$6$", rest: [] }] }), /x has a password/],
    [
      "a group twice",
      entries([], {
        group: [
          { name: "g", gid: 1, members: [] },
          { name: "g", gid: 2, members: [] },
        ],
      }),
      /group g/,
    ],
  ])("are told when there is %s", (_, given, words) => {
    expect(userProblems(given, 1000).join("\n")).toMatch(words);
  });

  it("without a hash, or with a locked one, are not let in", () => {
    const shadow = [
      { name: "a", hash: "$6$salt$hash", rest: [] },
      { name: "b", hash: "!$6$salt$hash", rest: [] },
    ];
    expect(usersWithoutPassword(entries([user("a", 1), user("b", 2), user("c", 3)], { shadow }))).toEqual(["b", "c"]);
  });
});

describe("users and other accounts", () => {
  it("collide by uid or by name, and not with themselves", () => {
    const mine = entries([user("a", 20001), user("b", 20002)]);
    expect(accountCollisions(mine, [{ name: "a", uid: 20001 }])).toEqual([]);
    expect(
      accountCollisions(mine, [
        { name: "carol", uid: 20001 },
        { name: "b", uid: 500 },
      ]),
    ).toEqual(["the uid 20001 of a is also that of carol", "b has the uid 20002 here and 500 elsewhere"]);
  });
});
