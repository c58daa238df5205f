import { localConfig } from "../../../local/directory.ts";
import { usersDirectory } from "../../../users/user-store.ts";
import type { Command } from "../../../util/command.ts";
import { listUsers, type UsersListed, usersShape, usersTable } from "../../users/list.ts";
import { localDirectoryOption } from "../options.ts";

/** `vdi local users list`: the users of the deployment on this machine. */
export const localUsersList: Command<UsersListed> = {
  path: ["local", "users", "list"],
  summary: "list the users of this machine's deployment",
  description: `Lists the users in ${usersDirectory} of the deployment directory.`,
  options: [localDirectoryOption],
  examples: [{ line: "vdi local users list", does: "who can sign in" }],

  shape: usersShape,

  run: async (ctx, input) => listUsers(localConfig(ctx, input).directory),

  human: usersTable,
};
