import type { Command, CommandEntry } from "../util/command.ts";

function entry(path: string, summary: string, load: () => Promise<Command<never>>): CommandEntry {
  return { path: path.split(" "), summary, load };
}

/** All commands of `vdi`, in the order of the help. Each is loaded only when it is run or its own help is asked for. */
export const commands: readonly CommandEntry[] = [
  entry("deploy", "create or update everything on the cluster", async () => (await import("./deploy.ts")).deploy as Command<never>),
  entry("render", "print what would be applied, without its secrets", async () => (await import("./render.ts")).render as Command<never>),
  entry("status", "show how the deployment is on the cluster", async () => (await import("./status.ts")).status as Command<never>),
  entry("delete", "take the deployment off the cluster", async () => (await import("./delete.ts")).deleteCommand as Command<never>),
  entry("sessions list", "list the users' sessions", async () => (await import("./sessions/list.ts")).sessionsList as Command<never>),
  entry(
    "sessions stop",
    "end a session, or all sessions of a user",
    async () => (await import("./sessions/stop.ts")).sessionsStop as Command<never>,
  ),
];
