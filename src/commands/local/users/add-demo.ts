import { localConfig } from "../../../local/directory.ts";
import { bringToEngine } from "../../../local/users.ts";
import type { Command } from "../../../util/command.ts";
import { type DataOf, object } from "../../../util/shape.ts";
import { addDemoUsers, addedUserLines, addedUsersField, checkDemoInput, demoUserNames, demoUserOptions } from "../../users/add-demo.ts";
import { localDirectoryOption } from "../options.ts";
import { engineExitCode, engineLine, onEngineField } from "./on-engine.ts";

const shape = object({ users: addedUsersField, engine: onEngineField });

/** What `vdi local users add-demo` did. */
export type LocalUsersAdded = DataOf<typeof shape>;

/** `vdi local users add-demo`: more users to try the desktops with. */
export const localUsersAddDemo: Command<LocalUsersAdded> = {
  path: ["local", "users", "add-demo"],
  summary: "add demo users xpra-user01, xpra-user02, ...",
  description:
    "Does what 'vdi users add-demo' does, and puts the users where the running proxy reads them. Users that are there keep their passwords, unless --password-stdin or --renew says otherwise.",
  args: [demoUserNames],
  options: [...demoUserOptions, localDirectoryOption],
  examples: [{ line: "vdi local users add-demo --count 5", does: "two more than a first start makes, with passwords of their own" }],

  shape,

  async run(ctx, input) {
    checkDemoInput(input);
    const config = localConfig(ctx, input);
    const users = await addDemoUsers(ctx, input, config.directory);
    return { users, engine: await bringToEngine(ctx, config) };
  },

  human: (data, style) => [...addedUserLines(data.users, style), engineLine(data.engine, style)].join("\n"),

  exitCode: (data) => engineExitCode(data.engine),
};
