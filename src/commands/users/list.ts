import { readingOf } from "../../config/load-config.ts";
import { isLocked } from "../../users/demo-users.ts";
import { readUsers, usersDirectory } from "../../users/user-store.ts";
import type { Command, Style } from "../../util/command.ts";
import { directoryOption, namespaceOption } from "../../util/options.ts";
import { type DataOf, flag, list, number, object, text, texts } from "../../util/shape.ts";
import { directoryField } from "../shapes.ts";

/** What `-o json` gives of users. */
export const usersShape = object({
  directory: directoryField,
  users: list(
    object({
      name: text("name of the user"),
      uid: number("its number"),
      gid: number("number of its own group"),
      groups: texts("all groups, the own one first"),
      home: text("home directory"),
      hasPassword: flag("false: nobody gets in by this name"),
    }),
    "the users of the deployment directory",
  ),
});

/** What `vdi users list` gives. */
export type UsersListed = DataOf<typeof usersShape>;

/** `vdi users list`: the users of the deployment directory. */
export const usersList: Command<UsersListed> = {
  path: ["users", "list"],
  summary: "list the users of the deployment directory",
  description: `Lists the users in ${usersDirectory}. Users of a directory service are not among them.`,
  options: [directoryOption, namespaceOption],
  examples: [
    { line: "vdi users list", does: "the users of the deployment that you are in" },
    { line: "vdi users list -o json", does: "for a script" },
  ],

  shape: usersShape,

  async run(ctx, input) {
    return listUsers(readingOf(ctx, input).directory);
  },

  human: usersTable,
};

/** The users of a deployment directory. */
export async function listUsers(directory: string): Promise<UsersListed> {
  const { passwd, shadow, group } = await readUsers(directory);
  return {
    directory,
    users: passwd.map(({ name, uid, gid, home }) => {
      const own = group.filter((entry) => entry.gid === gid);
      const others = group.filter((entry) => entry.gid !== gid && entry.members.includes(name));
      const groups = [...own, ...others].map((entry) => entry.name);
      return { name, uid, gid, groups, home, hasPassword: !isLocked(shadow.find((entry) => entry.name === name)?.hash) };
    }),
  };
}

/** The users as a table for people. */
export function usersTable(data: UsersListed, style: Style): string {
  if (data.users.length === 0) return "there are no users yet; 'vdi users add-demo' makes some";
  const width = Math.max(...data.users.map(({ name }) => name.length));
  return data.users
    .map(
      ({ name, uid, groups, hasPassword }) =>
        `${name.padEnd(width)}  uid ${uid}  ${groups.join(",")}${hasPassword ? "" : style.yellow("  no password")}`,
    )
    .join("\n");
}
