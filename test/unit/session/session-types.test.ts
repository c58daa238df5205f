import { describe, expect, it } from "vitest";
import { offeredTypes, wantedSession } from "../../../src/session/session-types.ts";
import type { SessionTypeEntry } from "../../../src/session/sessions-config.ts";
import { readUser, type SessionUser } from "../../../src/session/user.ts";

function entry(scope: string, type: string): SessionTypeEntry {
  return { scope, type, script: `${scope}/xpra_startup_${type}.sh`, title: type, description: "" };
}

function user(name: string, groups: readonly string[] = []): SessionUser {
  return {
    name,
    uid: 20001,
    gid: 20001,
    home: "",
    shell: "",
    gecos: "",
    groups: groups.map((group, at) => ({ name: group, gid: 21000 + at })),
  };
}

const entries = [
  entry("default", "desktop"),
  entry("default", "desktop-office"),
  entry("default", "seamless"),
  entry("staff", "desktop"),
  entry("staff", "office"),
  entry("lab", "office"),
  entry("alice", "desktop"),
  entry("bob", "own"),
];

describe("wantedSession", () => {
  it.each([
    ["carol", [], "desktop", "default/desktop desktop"],
    ["carol", [], "DeskTop", "default/desktop desktop"],
    ["carol", [], "", "default/seamless seamless"],
    ["carol", [], "mhd-desktop", "default/desktop mhd-desktop"],
    ["carol", [], "NHD-Desktop", "default/desktop nhd-desktop"],
    ["carol", [], "carol-desktop", "default/desktop desktop"],
    ["carol", [], "Carol-mhd-desktop", "default/desktop mhd-desktop"],
    ["carol@example.org", [], "carol-desktop", "default/desktop desktop"],
    ["carol", ["staff"], "desktop", "staff/desktop desktop"],
    ["carol", ["lab", "staff"], "office", "lab/office office"],
    ["carol", ["staff", "lab"], "office", "staff/office office"],
    ["alice", ["staff"], "desktop", "alice/desktop desktop"],
    ["desktop", [], "desktop-office", "default/desktop-office desktop-office"],
    ["desktop", [], "desktop-desktop", "default/desktop desktop"],
    ["mhd", [], "mhd-desktop", "default/desktop mhd-desktop"],
    ["bob", [], "own", "bob/own own"],
  ])("%s in %j asks for %j: %s", (name, groups, display, expected) => {
    const wanted = wantedSession(display, user(name, groups), entries);
    expect(`${wanted.entry.scope}/${wanted.entry.type} ${wanted.display}`).toBe(expected);
  });

  it.each(["own", "office", "alice-desktop", "bob-own", "mhd-", "carol-", "nothing", "mhd-mhd-desktop"])(
    "carol cannot have %s",
    (display) => {
      expect(() => wantedSession(display, user("carol"), entries)).toThrow(expect.objectContaining({ code: 4, reason: "no-such-type" }));
    },
  );

  it.each(["../../x", "$(touch x)", "a/b", "a b", "a\nb", "désktop", "`x`", "x".repeat(129), "a\0"])(
    "%j is refused before anything is looked up",
    (display) => {
      expect(() => wantedSession(display, user("carol"), entries)).toThrow(expect.objectContaining({ code: 4, reason: "bad-display" }));
    },
  );

  it("says what there is instead", () => {
    expect(() => wantedSession("nothing", user("carol"), entries)).toThrow(
      "There is no session type nothing for you. You can start: desktop, desktop-office, seamless.",
    );
  });
});

describe("offeredTypes", () => {
  it("lists each type once, marks the default one, and nobody else's", () => {
    expect(offeredTypes(user("alice", ["staff"]), entries).map(({ name }) => name)).toEqual([
      "desktop",
      "desktop-office",
      "office",
      "seamless",
    ]);
    expect(offeredTypes(user("carol"), entries).filter((type) => type.default === true)).toMatchObject([{ name: "seamless" }]);
  });
});

describe("readUser", () => {
  const good = {
    name: "alice",
    uid: 20001,
    gid: 20000,
    home: "/home/alice",
    shell: "/bin/sh",
    gecos: "A",
    groups: [{ name: "a", gid: 3 }, "no", { name: 1 }],
  };

  it("takes a user and leaves out groups that are none", () => {
    expect(readUser(good, 1000)).toEqual({ ...good, groups: [{ name: "a", gid: 3 }] });
  });

  it.each([
    [{ ...good, name: "../x" }],
    [{ ...good, name: "a\nb" }],
    [{ ...good, name: "a b" }],
    [{ ...good, name: "-rf" }],
    [{ ...good, name: "" }],
    [{ ...good, name: undefined }],
    [{ ...good, uid: 0 }],
    [{ ...good, uid: 999 }],
    [{ ...good, uid: "20001" }],
    [{ ...good, uid: 1.5 }],
    [{ ...good, gid: 0 }],
    [{ ...good, gid: -1 }],
    [null],
    ["alice"],
  ])("refuses %j", (value) => {
    expect(() => readUser(value, 1000)).toThrow(expect.objectContaining({ code: 6 }));
  });
});

it("looks at each entry a few times only, however many groups a user is in", () => {
  let looks = 0;
  const many = Array.from({ length: 300 }, (_, at) => {
    const one = entry(at < 150 ? "default" : `group-${at}`, `type-${at}`);
    return Object.defineProperty({ ...one }, "scope", {
      get: () => {
        looks += 1;
        return one.scope;
      },
    });
  });
  const groups = Array.from({ length: 1_000 }, (_, at) => `group-${at}`);
  expect(offeredTypes(user("alice", groups), many)).toHaveLength(300);
  expect(looks).toBeLessThanOrEqual(3 * many.length);
});
