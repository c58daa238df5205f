import { basename } from "node:path";
import { checkOwnership } from "../deployment/cluster-facts.ts";
import { type DeleteResult, deleteDeployment } from "../deployment/delete.ts";
import { namespacesOf } from "../deployment/deploy.ts";
import { listSessions } from "../deployment/session-list.ts";
import type { Command } from "../util/command.ts";
import { counted } from "../util/counted.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption } from "../util/options.ts";
import { number, object, texts } from "../util/shape.ts";
import { confirmed } from "./confirmed.ts";
import { withCluster } from "./prepared.ts";
import { namespaceField, refsField } from "./shapes.ts";

/** What `vdi delete` gives. */
export interface Deleted extends DeleteResult {
  readonly namespace: string;
}

/** `vdi delete`: the deployment off the cluster; the directory and all data stay. */
export const deleteCommand: Command<Deleted> = {
  path: ["delete"],
  summary: "take the deployment off the cluster",
  description:
    "Ends all sessions. The deployment directory, volumes, claims and everything in shared storage stay, and so does a namespace that holds any of them, or that was there before the first deploy.",
  options: [namespaceOption, directoryOption, ...clusterOptions, { name: "yes", type: "boolean", description: "do not ask" }],
  examples: [
    { line: "vdi delete", does: "asks, then ends all sessions and removes what deploy made" },
    { line: "vdi delete --yes", does: "the same in a script" },
  ],

  shape: object({
    namespace: namespaceField,
    deleted: refsField("what was removed"),
    sessions: number("how many sessions ended"),
    kept: texts("what stays, with the reason"),
  }),

  run: (ctx, input) =>
    withCluster(ctx, input, async (config, transport) => {
      const namespaces = await namespacesOf(transport, config, ctx.signal);
      checkOwnership(config, namespaces, basename(config.directory), ctx.version);
      if (!flagOf(input, "yes")) {
        const sessions = await listSessions(transport, config.namespace, ctx.signal);
        const running = sessions.filter(({ state }) => state === "running" || state === "starting").length;
        const question = `Take ${config.namespace} off ${transport.server}? ${running === 1 ? "1 session ends" : `${running} sessions end`}.`;
        await confirmed(ctx, question, "nothing was deleted");
      }
      const result = await deleteDeployment(config, { transport, signal: ctx.signal, status: (text) => ctx.progress.status(text) });
      return { namespace: config.namespace, ...result };
    }),

  human(data, style) {
    if (data.deleted.length + data.sessions === 0 && data.kept.length === 0) return `${data.namespace}: nothing to delete`;
    return [
      `removed ${counted(data.deleted.length, "object")}, ended ${counted(data.sessions, "session")}`,
      ...data.kept.map((kept) => style.yellow(`kept ${kept}`)),
      style.dim("the deployment directory is as it was; sessions and their homes are gone"),
    ].join("\n");
  },
};
