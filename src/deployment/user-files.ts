import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { UserFiles } from "../manifests/secrets.ts";
import { readTextIfThere } from "./atomic-file.ts";

/** The users that the proxies know, from `protected/users/`; none when XPRA_DEMO_USERS says so or nobody was added. */
export async function readUserFiles(config: Pick<Config, "directory" | "demoUsers">): Promise<UserFiles> {
  if (!config.demoUsers) return { passwd: "", shadow: "", group: "" };
  const read = async (name: string): Promise<string> => (await readTextIfThere(join(config.directory, "protected", "users", name))) ?? "";
  const [passwd, shadow, group] = await Promise.all(["passwd", "shadow", "group"].map(read));
  return { passwd: passwd ?? "", shadow: shadow ?? "", group: group ?? "" };
}
