import type { Config } from "../config/config.ts";
import type { UserFiles } from "../manifests/secrets.ts";
import { formatUserTexts } from "../users/entries.ts";
import { readUsers } from "../users/user-store.ts";

/** The users that the proxies know, from the deployment directory; none when XPRA_DEMO_USERS says so. */
export async function readUserFiles(config: Pick<Config, "directory" | "demoUsers">): Promise<UserFiles> {
  if (!config.demoUsers) return { passwd: "", shadow: "", group: "" };
  return formatUserTexts(await readUsers(config.directory));
}
