import path from "node:path";
import { readUtf8IfThere, writeFileIfChanged } from "../util/atomic-file.ts";
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
  // Empty files say that all users were removed: those of the older system must not come back.
  if (own !== undefined) return parseUserTexts(own, usersDirectory);
  const older = parseUserTexts((await readTexts((name) => path.join(directory, `${olderFiles}${name}`))) ?? noTexts, `${olderFiles}*`);
  const isKept = ({ name }: { readonly name: string }): boolean => !isDemoName(name);
  return {
    passwd: older.passwd.filter(isKept),
    shadow: older.shadow.filter(isKept),
    group: older.group.filter(isKept).map((entry) => ({ ...entry, members: entry.members.filter((name) => !isDemoName(name)) })),
  };
}

const noTexts: UserTexts = { passwd: "", shadow: "", group: "" };

/** Whether a deployment directory has users of its own, or says by an empty file that it has none. */
export async function hasOwnUsers(directory: string): Promise<boolean> {
  return (await readUtf8IfThere(path.join(directory, usersDirectory, "passwd"))) !== undefined;
}

/** Undefined: there is no `passwd`. It is written last: the others alone are what a write left that failed, as on a full disk. */
async function readTexts(fileOf: (name: keyof UserTexts) => string): Promise<UserTexts | undefined> {
  const [passwd, shadow, group] = await Promise.all((["passwd", "shadow", "group"] as const).map((name) => readUtf8IfThere(fileOf(name))));
  if (passwd === undefined) return undefined;
  return { passwd, shadow: shadow ?? "", group: group ?? "" };
}

/**
 * Writes the users; gives true when something changed. `passwd` comes last: a user who is in it has a password, and only with it the
 * three files count.
 */
export async function writeUsers(directory: string, entries: UserEntries): Promise<boolean> {
  const texts = formatUserTexts(entries);
  let changed = false;
  for (const name of ["group", "shadow", "passwd"] as const) {
    changed = (await writeFileIfChanged(path.join(directory, usersDirectory, name), texts[name], 0o600)) || changed;
  }
  return changed;
}
