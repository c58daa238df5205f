import type { Config } from "../config/config.ts";
import type { Context } from "../util/context.ts";
import { isAbort, messageOf } from "../util/vdi-error.ts";
import { putVolumeFiles } from "./apply.ts";
import { refuseOtherDirectory } from "./owner.ts";
import { localPlan } from "./up.ts";

/** What became of a change of users on the engine. */
export interface UsersOnEngine {
  readonly state: "updated" | "unchanged" | "absent" | "off" | "failed" | "interrupted";
  /** Why it failed. */
  readonly reason?: string;
}

/**
 * Puts the directory's users where the running proxy reads them at the next sign-in. It never throws: by now the files are
 * written, and new passwords have to be shown.
 */
export async function bringToEngine(ctx: Context, config: Config): Promise<UsersOnEngine> {
  if (!config.demoUsers) return { state: "off" };
  try {
    const docker = await ctx.ports.connectEngine();
    await refuseOtherDirectory(docker, config);
    const plan = await localPlan(ctx, docker, config, new Map());
    const outcome = await putVolumeFiles(docker, plan, "users", {
      status: (text) => ctx.progress.status(text),
      signal: ctx.signal,
      now: () => ctx.now(),
    });
    return { state: outcome === undefined ? "absent" : outcome === "unchanged" ? "unchanged" : "updated" };
  } catch (thrown) {
    return isAbort(thrown) ? { state: "interrupted" } : { state: "failed", reason: messageOf(thrown) };
  }
}
