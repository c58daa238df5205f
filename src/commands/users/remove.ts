import { loadConfig } from "../../config/load-config.ts";
import { withoutUsers } from "../../users/demo-users.ts";
import { readUsers, usersDirectory, writeUsers } from "../../users/user-store.ts";
import type { Command } from "../../util/command.ts";
import { clusterOptions, directoryOption, listOf, namespaceOption } from "../../util/options.ts";
import { type DataOf, object, texts } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { bringToCluster, checkUsersKept, clusterLine, onClusterField } from "./on-cluster.ts";

const shape = object({ removed: texts("the users that are gone"), cluster: onClusterField });

/** What `vdi users remove` did. */
export type UsersRemoved = DataOf<typeof shape>;

/** `vdi users remove`: takes users away from the proxies. */
export const usersRemove: Command<UsersRemoved> = {
  path: ["users", "remove"],
  summary: "remove users",
  description:
    "Removes users from the deployment directory; running proxies refuse them within seconds. Sessions that run go on: 'vdi sessions stop' ends them.",
  args: [{ name: "names", description: "the users", required: true, variadic: true, completes: "users" }],
  options: [directoryOption, namespaceOption, ...clusterOptions],
  examples: [{ line: "vdi users remove xpra-user08 xpra-user09", does: "the last two demo users" }],

  shape,

  async run(ctx, input) {
    const config = loadConfig(ctx, input);
    await checkUsersKept(ctx, input, config);
    const removed = await removeUsers(config.directory, listOf(input, "names"));
    return { removed, cluster: await bringToCluster(ctx, input, config) };
  },

  human: (data, style) => [`removed ${data.removed.join(", ")}`, clusterLine(data.cluster, style)].join("\n"),

  exitCode: (data) => data.cluster.exitCode,
};

/** Removes users from a deployment directory; all or none, when one of them is not there. */
export async function removeUsers(directory: string, wanted: readonly string[]): Promise<readonly string[]> {
  const names = new Set(wanted);
  const before = await readUsers(directory);
  const unknown = [...names].filter((name) => ![...before.passwd, ...before.shadow].some((entry) => entry.name === name));
  if (unknown.length > 0) {
    throw new VdiError({
      what: `${unknown.length === 1 ? "there is no user" : "there are no users"} ${unknown.join(", ")}`,
      why: `${usersDirectory} has no such line; nothing was removed`,
      try: "vdi users list",
    });
  }
  await writeUsers(directory, withoutUsers(before, names));
  return [...names];
}
