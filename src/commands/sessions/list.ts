import { listSessions, type SessionRow } from "../../deployment/session-list.ts";
import type { Command } from "../../util/command.ts";
import { clusterOptions, directoryOption, namespaceOption } from "../../util/options.ts";
import { ageText, table } from "../../util/table.ts";
import { configurationOf } from "../prepared.ts";

/** What `vdi sessions list` gives. */
export interface SessionsListed {
  readonly namespace: string;
  /** When the list was made, RFC 3339. */
  readonly at: string;
  readonly sessions: readonly SessionRow[];
}

/** `vdi sessions list`: who has which session, and in which state. */
export const sessionsList: Command<SessionsListed> = {
  path: ["sessions", "list"],
  summary: "list the users' sessions",
  options: [namespaceOption, directoryOption, ...clusterOptions],
  examples: [{ line: "vdi sessions list", does: "all sessions of the deployment that you are in" }],

  async run(ctx, input) {
    const { config, cluster } = configurationOf(ctx, input);
    const transport = await ctx.ports.connectKube(cluster);
    try {
      const sessions = await listSessions(transport, config.namespace, ctx.signal);
      return { namespace: config.namespace, at: new Date(ctx.now()).toISOString(), sessions };
    } finally {
      transport.close();
    }
  },

  human(data, style) {
    if (data.sessions.length === 0) return `${data.namespace}: no sessions`;
    const rows = data.sessions.map(({ user, type, name, state, startedAt, node, reason }) => [
      user,
      type,
      name,
      reason === undefined || state === "running" ? state : `${state}: ${reason}`,
      ageText(startedAt, data.at),
      node ?? "",
    ]);
    return table(["USER", "TYPE", "NAME", "STATE", "AGE", "NODE"], rows, style);
  },
};
