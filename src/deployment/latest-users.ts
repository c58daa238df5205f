import type { Config } from "../config/config.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { type UserFiles, usersSecret } from "../manifests/secrets.ts";
import { readUserFiles } from "./user-files.ts";

/**
 * Applies the users' Secret as the directory has them at this moment, and again when they have changed meanwhile:
 * otherwise what was read before a `vdi users remove` of somebody else would give a removed user back.
 */
export async function applyLatestUsers(config: Config, apply: (secret: KubeObject) => Promise<void>): Promise<void> {
  let applied: UserFiles | undefined;
  for (;;) {
    const users = await readUserFiles(config);
    if (applied !== undefined && isSame(users, applied)) return;
    await apply(usersSecret(config, users));
    applied = users;
  }
}

function isSame(some: UserFiles, others: UserFiles): boolean {
  return some.passwd === others.passwd && some.shadow === others.shadow && some.group === others.group;
}
