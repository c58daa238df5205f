import { listSessions } from "../../deployment/session-list.ts";
import { named, type Reason, reasons } from "../../session/reasons.ts";
import type { Command } from "../../util/command.ts";
import { clusterOptions, directoryOption, namespaceOption } from "../../util/options.ts";
import { choice, type DataOf, list, object, optional, text, time } from "../../util/shape.ts";
import { ageText, table } from "../../util/table.ts";
import { wrapped } from "../../util/wrap.ts";
import { withCluster } from "../prepared.ts";
import { namespaceField } from "../shapes.ts";

const allReasons = Object.keys(reasons) as Reason[];

const shape = object({
  namespace: namespaceField,
  at: time("when the list was made"),
  sessions: list(
    object({
      name: text("name of the session, and of its pod"),
      user: text("whose session it is"),
      type: text("its type, with `mhd-` or `nhd-` before it if that was asked for"),
      state: choice(["starting", "running", "ending", "ended", "failed"], "how it is"),
      reason: optional(text("why it is not running, in the cluster's words")),
      why: optional(choice(allReasons, "what is wrong with it, if anything is")),
      node: optional(text("where it is")),
      address: optional(text("the pod's address")),
      image: text("its image"),
      startedAt: time("when it was asked for"),
      uid: text("tells one start of the session from the next"),
    }),
    "the sessions, by user and name",
  ),
});

/** What `vdi sessions list` gives. */
export type SessionsListed = DataOf<typeof shape>;

/** `vdi sessions list`: who has which session, and in which state. */
export const sessionsList: Command<SessionsListed> = {
  path: ["sessions", "list"],
  summary: "list the users' sessions",
  options: [namespaceOption, directoryOption, ...clusterOptions],
  examples: [{ line: "vdi sessions list", does: "all sessions of the deployment that you are in" }],

  shape,

  run: (ctx, input) =>
    withCluster(ctx, input, async (config, transport) => {
      const sessions = await listSessions(transport, config.namespace, ctx.signal);
      return { namespace: config.namespace, at: new Date(ctx.now()).toISOString(), sessions };
    }),

  human(data, style) {
    if (data.sessions.length === 0) return `${data.namespace}: no sessions`;
    const rows = data.sessions.map(({ user, type, name, state, startedAt, node, why }) => [
      user,
      type,
      name,
      why === undefined ? state : `${state}: ${why}`,
      ageText(startedAt, data.at),
      node ?? "",
    ]);
    return [table(["USER", "TYPE", "NAME", "STATE", "AGE", "NODE"], rows, style), ...notes(data)].join("\n\n");
  },
};

/** For each thing that is wrong with some session: what it is, what the cluster says of the first one, and what to do. */
function notes({ sessions, namespace }: SessionsListed): string[] {
  const wrong = new Map(sessions.flatMap((row) => (row.why === undefined ? [] : [[row.why, row] as const])).reverse());
  return [...wrong].reverse().map(([why, { name, reason }]) => {
    const alone = sessions.filter((row) => row.why === why).length === 1;
    const names = { namespace, session: alone ? name : undefined };
    const { admin, try: hints } = reasons[why];
    return [
      wrapped(`${why}: ${named(admin, names)}`, ""),
      ...(reason === undefined ? [] : [wrapped(`the cluster says: ${reason}`, "  ")]),
      ...hints.map((hint) => wrapped(`try: ${named(hint, names)}`, "  ")),
    ].join("\n");
  });
}
