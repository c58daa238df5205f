import { type DeploymentStatus, deploymentStatus } from "../deployment/status.ts";
import type { Command } from "../util/command.ts";
import { ExitCode } from "../util/exit-code.ts";
import { clusterOptions, directoryOption, namespaceOption } from "../util/options.ts";
import { flag, list, map, number, object, optional, text, texts, time } from "../util/shape.ts";
import { ageText, table } from "../util/table.ts";
import { configurationOf } from "./prepared.ts";
import { namespaceField } from "./shapes.ts";

/** `vdi status`: how the deployment is on the cluster. */
export const status: Command<DeploymentStatus> = {
  path: ["status"],
  summary: "show how the deployment is on the cluster",
  description: "Exit code 0 when all proxies are ready, 3 when not.",
  options: [namespaceOption, directoryOption, ...clusterOptions],
  examples: [{ line: "vdi status", does: "proxies, addresses, certificate and number of sessions" }],

  shape: object({
    namespace: namespaceField,
    server: text("the cluster"),
    deployed: flag("false: there is nothing on the cluster"),
    ready: flag("all proxies are ready; exit code 3 when not"),
    rollout: text("how many proxies are ready, and what stands in the way"),
    image: text("image of the proxies"),
    proxies: list(
      object({
        name: text("name of the pod"),
        ready: flag("it takes users"),
        node: text("where it is"),
        restarts: number("restarts of all its containers"),
        startedAt: time("when the pod was made"),
      }),
      "the proxies' pods",
    ),
    addresses: texts("where users go"),
    certificate: optional(
      object(
        {
          subject: text("whose it is"),
          names: text("the names that it is for"),
          validTo: time("its last moment"),
          daysLeft: number("whole days until then"),
        },
        "the certificate that the cluster has",
      ),
    ),
    sessions: map(number("how many"), "sessions by state (those of `vdi sessions list`)"),
    at: time("when the cluster was asked"),
  }),

  async run(ctx, input) {
    const { config, cluster } = configurationOf(ctx, input);
    const transport = await ctx.ports.connectKube(cluster);
    try {
      return await deploymentStatus(transport, config, ctx.now(), ctx.signal);
    } finally {
      transport.close();
    }
  },

  human(data, style) {
    if (!data.deployed) return `${data.namespace}: not deployed on ${data.server}`;
    const sessions = Object.entries(data.sessions).map(([state, count]) => `${count} ${state}`);
    const lines = [
      `deployment   ${data.namespace} on ${data.server}`,
      `proxies      ${data.ready ? style.green(data.rollout) : style.red(data.rollout)}`,
      `image        ${data.image}`,
      `addresses    ${data.addresses.join(", ") || "none"}`,
    ];
    if (data.certificate !== undefined) {
      const { subject, validTo, daysLeft } = data.certificate;
      const text = `${subject}, until ${validTo.slice(0, 10)} (${daysLeft} days)`;
      lines.push(`certificate  ${daysLeft < 30 ? style.yellow(text) : text}`);
    }
    lines.push(`sessions     ${sessions.join(", ") || "none"}`);
    if (data.proxies.length > 0) {
      const rows = data.proxies.map(({ name, ready, restarts, startedAt, node }) => [
        name,
        ready ? "yes" : "no",
        String(restarts),
        ageText(startedAt, data.at),
        node,
      ]);
      lines.push("", table(["POD", "READY", "RESTARTS", "AGE", "NODE"], rows, style));
    }
    return lines.join("\n");
  },

  exitCode: (data) => (data.ready ? ExitCode.ok : ExitCode.checkFailed),
};
