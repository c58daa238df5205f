import { isUserName } from "../session/user.ts";
import { isLocked } from "./demo-users.ts";
import type { UserEntries } from "./entries.ts";

/** An account that something else than `vdi` has: this machine, a directory service. */
export interface Account {
  readonly name: string;
  readonly uid: number;
}

/** What is wrong with the users among themselves, a line each: what keeps somebody out, or lets two people share files. Pure. */
export function userProblems(entries: UserEntries, minUid: number): readonly string[] {
  const { passwd, shadow, group } = entries;
  return [
    ...repeated(passwd.map(({ name }) => name)).map((name) => `the user ${name} has more than one line in passwd`),
    ...repeated(passwd.map(({ uid }) => String(uid))).map(
      (uid) => `${namesOf(passwd, Number(uid)).join(" and ")} share the uid ${uid}, and so each other's files`,
    ),
    ...repeated(group.map(({ name }) => name)).map((name) => `the group ${name} has more than one line`),
    ...repeated(shadow.map(({ name }) => name)).map((name) => `the user ${name} has more than one line in shadow`),
    ...passwd.filter(({ name }) => !isUserName(name)).map(({ name }) => `'${name}' holds characters that no user's name may have`),
    ...passwd
      .filter(({ uid }) => uid < minUid)
      .map(({ name, uid }) => `${name} has the uid ${uid}, but no session runs below ${minUid} (XPRA_MIN_UID)`),
    ...passwd.filter(({ gid }) => gid === 0).map(({ name }) => `${name} has the group 0, with which no session runs`),
    ...passwd
      .filter(({ home }) => !home.startsWith("/"))
      .map(({ name, home }) => `${name} has '${home}' as home, which is no absolute path`),
    ...shadow
      .filter(({ name }) => !passwd.some((user) => user.name === name))
      .map(({ name }) => `${name} has a password but no line in passwd`),
  ];
}

/** The users whom no password lets in. */
export function usersWithoutPassword(entries: UserEntries): readonly string[] {
  return entries.passwd.filter(({ name }) => isLocked(entries.shadow.find((entry) => entry.name === name)?.hash)).map(({ name }) => name);
}

/** Users whose uid, or whose name, belongs to somebody else: on a shared home they would meet that one's files. Pure. */
export function accountCollisions(entries: UserEntries, accounts: readonly Account[]): readonly string[] {
  return entries.passwd.flatMap((user) => [
    ...accounts
      .filter(({ name, uid }) => uid === user.uid && name !== user.name)
      .map(({ name }) => `the uid ${user.uid} of ${user.name} is also that of ${name}`),
    ...accounts
      .filter(({ name, uid }) => name === user.name && uid !== user.uid)
      .map(({ uid }) => `${user.name} has the uid ${user.uid} here and ${uid} elsewhere`),
  ]);
}

function namesOf(passwd: UserEntries["passwd"], uid: number): readonly string[] {
  return passwd.filter((user) => user.uid === uid).map(({ name }) => name);
}

function repeated(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, at) => values.indexOf(value) !== at))];
}
