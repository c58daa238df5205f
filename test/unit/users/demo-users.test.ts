import { describe, expect, it } from "vitest";
import { demoUser, demoUsers, isDemoName, isLocked, withoutUsers, withUsers } from "../../../src/users/demo-users.ts";
import { formatUserTexts, parseUserTexts, type UserEntries } from "../../../src/users/entries.ts";
import { generatePassword, passwordFrom } from "../../../src/users/password.ts";

const nobody: UserEntries = { passwd: [], shadow: [], group: [] };
const day = 86_400_000;

describe("demo users", () => {
  it("have names that sort, and ids far from a site's own", () => {
    expect([1, 9, 10, 100].map((number) => demoUser(number)).map(({ name, uid, gid }) => `${name} ${uid} ${gid}`)).toEqual([
      "xpra-user01 20001 20001",
      "xpra-user09 20009 20009",
      "xpra-user10 20010 20010",
      "xpra-user100 20100 20100",
    ]);
    expect(isDemoName("xpra-user07")).toBe(true);
    expect(isDemoName("xpra-users")).toBe(false);
  });

  it("are added once, and change only by a new hash", () => {
    const users = demoUsers(nobody, 2);
    const once = withUsers(
      nobody,
      users,
      new Map([
        ["xpra-user01", "$6$a$b"],
        ["xpra-user02", "$6$c$d"],
      ]),
      5 * day,
    );
    expect(withUsers(once, demoUsers(once, 2), new Map(), 9 * day)).toEqual(once);
    const renewed = withUsers(once, demoUsers(once, 2), new Map([["xpra-user02", "$6$e$f"]]), 9 * day);
    expect(formatUserTexts(renewed).shadow).toBe("xpra-user01:$6$a$b:5:0:99999:7:::\nxpra-user02:$6$e$f:9:0:99999:7:::\n");
  });

  it("leave with their memberships, and their groups unless those are used", () => {
    const entries = parseUserTexts(
      {
        passwd: "a:x:1:1::/:/\nb:x:2:1::/:/\nc:x:3:3::/:/\n",
        shadow: "a:!:1::::::\nb:!:1::::::\n",
        group: "a:x:1:\nc:x:3:\nstaff:x:9:a,b,c\n",
      },
      "users",
    );
    expect(formatUserTexts(withoutUsers(entries, new Set(["a", "c"])))).toEqual({
      passwd: "b:x:2:1::/:/\n",
      shadow: "b:!:1::::::\n",
      group: "a:x:1:\nstaff:x:9:b\n",
    });
  });
});

describe("the users' files", () => {
  it("may have the line ends of another system, which belong to no shell and no member", () => {
    const texts = { passwd: "bob:x:1:1::/:/bin/bash\r\n", shadow: "bob:!:1::::::\r\n", group: "staff:x:9:ann,bob\r\n" };
    expect(formatUserTexts(parseUserTexts(texts, "users"))).toEqual({
      passwd: "bob:x:1:1::/:/bin/bash\n",
      shadow: "bob:!:1::::::\n",
      group: "staff:x:9:ann,bob\n",
    });
  });

  it("name all lines that are not right, without what they hold", () => {
    const texts = { passwd: "a:x:1:1::/\n# fine\n\nb:x:-1:1::/:/\n", shadow: "a:hash\n", group: "a b:x:1:\n" };
    expect(() => parseUserTexts(texts, "users")).toThrow(
      "users/passwd:1: not a line of passwd(5)\nusers/passwd:4: not a line of passwd(5)\nusers/shadow:1: not a line of shadow(5)\nusers/group:1: not a line of group(5)",
    );
  });
});

describe("passwords", () => {
  it("are generated in groups that can be read aloud", () => {
    const password = generatePassword();
    expect(password).toMatch(/^[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){2}$/);
    expect(generatePassword()).not.toBe(password);
    expect(passwordFrom(`${password}\r\n`)).toBe(password);
  });

  it("let nobody in when they are locked or not there", () => {
    expect([undefined, "", "!", "*", "!$6$a$b", "$6$a$b"].map(isLocked)).toEqual([true, true, true, true, true, false]);
  });
});
