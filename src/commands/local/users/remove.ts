import { localConfig } from "../../../local/directory.ts";
import { bringToEngine } from "../../../local/users.ts";
import type { Command } from "../../../util/command.ts";
import { listOf } from "../../../util/options.ts";
import { type DataOf, object, texts } from "../../../util/shape.ts";
import { removeUsers } from "../../users/remove.ts";
import { localDirectoryOption } from "../options.ts";
import { engineExitCode, engineLine, onEngineField } from "./on-engine.ts";

const shape = object({ removed: texts("the users that are gone"), engine: onEngineField });

/** What `vdi local users remove` did. */
export type LocalUsersRemoved = DataOf<typeof shape>;

/** `vdi local users remove`: takes users away from the proxy. */
export const localUsersRemove: Command<LocalUsersRemoved> = {
  path: ["local", "users", "remove"],
  summary: "remove users",
  description: "Removes users from the deployment directory and from the running proxy. Their sessions go on, and their homes stay.",
  args: [{ name: "names", description: "the users", required: true, variadic: true }],
  options: [localDirectoryOption],
  examples: [{ line: "vdi local users remove xpra-user03", does: "nobody gets in by this name any more" }],

  shape,

  async run(ctx, input) {
    const config = localConfig(ctx, input);
    const removed = await removeUsers(config.directory, listOf(input, "names"));
    return { removed, engine: await bringToEngine(ctx, config) };
  },

  human: (data, style) => [`removed ${data.removed.join(", ")}`, engineLine(data.engine, style)].join("\n"),

  exitCode: (data) => engineExitCode(data.engine),
};
