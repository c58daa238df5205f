import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { PasswdEntry, UserEntries } from "./entries.ts";

/** The first demo user's uid is one more: far from the ids that a site gives its people, whose files a shared home holds. */
const uidBase = 20_000;

/** The most demo users there can be. */
export const maxDemoUsers = 999;

const secondsOfDay = 86_400;

/** The entry of the demo user with that number, from 1. Its group has the same name and number. */
export function demoUser(number: number): PasswdEntry {
  const suffix = String(number).padStart(2, "0");
  const name = `xpra-user${suffix}`;
  const id = uidBase + number;
  return { name, uid: id, gid: id, gecos: `Demo user ${suffix}`, home: `/home/${name}`, shell: "/bin/bash" };
}

/** True for the name of a demo user, also of the older system's. */
export function isDemoName(name: string): boolean {
  return /^xpra-user[0-9]{2,3}$/.test(name);
}

/** The first `count` demo users: those that are there as they are, the others new. Throws when an id belongs to somebody else. */
export function demoUsers(entries: UserEntries, count: number): readonly PasswdEntry[] {
  const users = Array.from({ length: count }, (_, index) => demoUser(index + 1)).map(
    (user) => entries.passwd.find(({ name }) => name === user.name) ?? user,
  );
  const taken = users.flatMap((user) => [
    ...entries.passwd
      .filter(({ name, uid }) => uid === user.uid && name !== user.name)
      .map(({ name }) => `${name} has the uid ${user.uid} of ${user.name}`),
    ...entries.group
      .filter(({ name, gid }) => gid === user.gid && name !== user.name)
      .map(({ name }) => `the group ${name} has the gid ${user.gid} of ${user.name}`),
    ...entries.group
      .filter(({ name, gid }) => name === user.name && gid !== user.gid)
      .map(({ gid }) => `the group ${user.name} has the gid ${gid}, not ${user.gid}`),
  ]);
  if (taken.length === 0) return users;
  throw new VdiError({
    what: "the demo users cannot be added",
    why: taken.join("\n"),
    try: "give those users or groups other numbers in protected/users",
    exitCode: ExitCode.usage,
  });
}

/** The entries with these users in all three files, and with these hashes as their passwords; `now` in milliseconds. Everything else stays as it is. */
export function withUsers(
  entries: UserEntries,
  users: readonly PasswdEntry[],
  hashes: ReadonlyMap<string, string>,
  now: number,
): UserEntries {
  const missing = (list: readonly { readonly name: string }[]): readonly PasswdEntry[] =>
    users.filter(({ name }) => !list.some((entry) => entry.name === name));
  const day = String(Math.floor(now / 1000 / secondsOfDay));
  return {
    passwd: [...entries.passwd, ...missing(entries.passwd)],
    shadow: [
      ...entries.shadow.map((entry) => {
        const hash = hashes.get(entry.name);
        return hash === undefined || hash === entry.hash ? entry : { ...entry, hash, rest: [day, ...entry.rest.slice(1)] };
      }),
      ...missing(entries.shadow).map(({ name }) => ({ name, hash: hashes.get(name) ?? "!", rest: [day, "0", "99999", "7", "", "", ""] })),
    ],
    group: [...entries.group, ...missing(entries.group).map(({ name, gid }) => ({ name, gid, members: [] }))],
  };
}

/** The entries without these users: their lines, their memberships, and their own groups unless somebody else uses one. */
export function withoutUsers(entries: UserEntries, names: ReadonlySet<string>): UserEntries {
  const passwd = entries.passwd.filter(({ name }) => !names.has(name));
  const group = entries.group
    .map((entry) =>
      entry.members.some((member) => names.has(member))
        ? { ...entry, members: entry.members.filter((member) => !names.has(member)) }
        : entry,
    )
    .filter(({ name, gid, members }) => !names.has(name) || members.length > 0 || passwd.some((user) => user.gid === gid));
  return { passwd, shadow: entries.shadow.filter(({ name }) => !names.has(name)), group };
}

/** True when a hash lets nobody in by a password. */
export function isLocked(hash: string | undefined): boolean {
  return hash === undefined || !hash.startsWith("$");
}
