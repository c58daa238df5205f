import path from "node:path";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { isDemoName } from "./demo-users.ts";
import { formatUserTexts, parseUserTexts, type UserEntries, type UserTexts } from "./entries.ts";

/** Where a deployment directory keeps its users. */
export const usersDirectory = "protected/users";

/** Where directories of the older system have them. */
const olderFiles = "to_container/etc/demousers-";

/**
 * The users of a deployment directory. Where there are none yet, the users of the older system's `etc/demousers-*` are
 * taken, except its own demo users: all sites had the same published password for them, and the three files had different ids.
 */
export async function readUsers(directory: string): Promise<UserEntries> {
  const own = await readTexts((name) => path.join(directory, usersDirectory, name));
  if (own.passwd !== "" || own.group !== "" || own.shadow !== "") return parseUserTexts(own, usersDirectory);
  const older = parseUserTexts(await readTexts((name) => path.join(directory, `${olderFiles}${name}`)), `${olderFiles}*`);
  const isKept = ({ name }: { readonly name: string }): boolean => !isDemoName(name);
  return {
    passwd: older.passwd.filter(isKept),
    shadow: older.shadow.filter(isKept),
    group: older.group.filter(isKept).map((entry) => ({ ...entry, members: entry.members.filter((name) => !isDemoName(name)) })),
  };
}

async function readTexts(fileOf: (name: keyof UserTexts) => string): Promise<UserTexts> {
  const [passwd, shadow, group] = await Promise.all((["passwd", "shadow", "group"] as const).map((name) => readTextIfThere(fileOf(name))));
  return { passwd: passwd ?? "", shadow: shadow ?? "", group: group ?? "" };
}

/** Writes the users; gives true when something changed. `passwd` comes last: a user who is in it has a password. */
export async function writeUsers(directory: string, entries: UserEntries): Promise<boolean> {
  const texts = formatUserTexts(entries);
  let changed = false;
  for (const name of ["group", "shadow", "passwd"] as const) {
    changed = (await writeFileIfChanged(path.join(directory, usersDirectory, name), texts[name], 0o600)) || changed;
  }
  return changed;
}
