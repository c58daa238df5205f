import { listSessions, stopSession } from "../../deployment/session-list.ts";
import type { Command } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption, textOf } from "../../util/options.ts";
import { choice, type DataOf, list, object, text } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { confirmed } from "../confirmed.ts";
import { withCluster } from "../prepared.ts";
import { namespaceField } from "../shapes.ts";

const shape = object({
  namespace: namespaceField,
  sessions: list(
    object({
      name: text("name of the session"),
      user: text("whose it was"),
      state: choice(["ending", "gone"], "`gone`: it had ended by itself"),
    }),
    "the sessions that were ended",
  ),
});

/** What `vdi sessions stop` gives. */
export type SessionsStopped = DataOf<typeof shape>;

/** `vdi sessions stop`: ends one session by its name, or all of a user's. */
export const sessionsStop: Command<SessionsStopped> = {
  path: ["sessions", "stop"],
  summary: "end a session, or all sessions of a user",
  description:
    "What is open in the session is lost, and its home with it: this version mounts no shared storage. The next sign-in starts a new session. Asks first, unless none of them is running.",
  args: [{ name: "who", description: "name of a session, or of a user", required: true, completes: ["sessions", "users"] }],
  options: [namespaceOption, directoryOption, ...clusterOptions, { name: "yes", type: "boolean", description: "do not ask" }],
  examples: [
    { line: "vdi sessions stop alice-desktop", does: "this one" },
    { line: "vdi sessions stop alice", does: "all of this user" },
    { line: "vdi sessions stop alice --yes", does: "the same in a script" },
  ],

  shape,

  run: (ctx, input) =>
    withCluster(ctx, input, async (config, transport) => {
      const who = textOf(input, "who") ?? "";
      const all = await listSessions(transport, config.namespace, ctx.signal);
      // A session's name comes first: a user of that name can be stopped session by session.
      const named = all.filter(({ name }) => name === who);
      const chosen = named.length > 0 ? named : all.filter(({ user }) => user === who);
      if (chosen.length === 0) {
        throw new VdiError({
          what: `there is neither a session nor a user with a session called '${who}' in ${config.namespace}`,
          try: "vdi sessions list",
        });
      }
      const living = chosen.filter(({ state }) => state === "running" || state === "starting");
      if (living.length > 0 && !flagOf(input, "yes")) {
        const names = living.map(({ name }) => name).join(", ");
        const what = `${counted(living.length, "session")} of ${[...new Set(living.map(({ user }) => user))].join(", ")}: ${names}`;
        const lost = `What is open in ${living.length === 1 ? "it is lost, and its home" : "them is lost, and their homes"}.`;
        await confirmed(ctx, `End ${what}? ${lost}`, "no session was ended");
      }
      const sessions = await Promise.all(
        chosen.map(async (session) => {
          const found = await stopSession(transport, config.namespace, session, ctx.signal);
          return { name: session.name, user: session.user, state: found ? ("ending" as const) : ("gone" as const) };
        }),
      );
      return { namespace: config.namespace, sessions };
    }),

  human: (data) => data.sessions.map(({ name, user, state }) => `${name} (${user}): ${state}`).join("\n"),
};
