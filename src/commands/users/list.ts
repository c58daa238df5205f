import { readingOf } from "../../config/load-config.ts";
import { isLocked } from "../../users/demo-users.ts";
import { readUsers, usersDirectory } from "../../users/user-store.ts";
import type { Command } from "../../util/command.ts";
import { directoryOption, namespaceOption } from "../../util/options.ts";

/** One user that the proxies know. */
interface ListedUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All groups, the own one first. */
  readonly groups: readonly string[];
  readonly home: string;
  /** False: nobody gets in by this name. */
  readonly hasPassword: boolean;
}

/** What `vdi users list` gives. */
export interface UsersListed {
  readonly directory: string;
  readonly users: readonly ListedUser[];
}

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

  async run(ctx, input) {
    const { directory } = readingOf(ctx, input);
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
  },

  human(data, style) {
    if (data.users.length === 0) return "there are no users yet; 'vdi users add-demo' makes some";
    const width = Math.max(...data.users.map(({ name }) => name.length));
    return data.users
      .map(
        ({ name, uid, groups, hasPassword }) =>
          `${name.padEnd(width)}  uid ${uid}  ${groups.join(",")}${hasPassword ? "" : style.yellow("  no password")}`,
      )
      .join("\n");
  },
};
