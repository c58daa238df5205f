import { localConfig } from "../../local/directory.ts";
import { type LocalStatus, localStatus } from "../../local/status.ts";
import type { Command, Style } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { bytesText } from "../../util/quantity.ts";
import { choice, flag, list, number, object, optional, text, texts, time } from "../../util/shape.ts";
import { ageText, table } from "../../util/table.ts";
import { certificateField, directoryField, namespaceField } from "../shapes.ts";
import { localDirectoryOption } from "./options.ts";

/** `vdi local status`: how the deployment on this machine is. */
export const localStatusCommand: Command<LocalStatus> = {
  path: ["local", "status"],
  summary: "show what runs on this machine, and who is there",
  description: "Exit code 0 when proxy and broker run, 3 when not.",
  options: [localDirectoryOption],
  examples: [
    { line: "vdi local status", does: "address, sessions with their memory, certificate" },
    { line: "vdi local status -o json | jq '.sessions[].user'", does: "for a script" },
  ],

  shape: object({
    directory: directoryField,
    namespace: namespaceField,
    engine: text("name and version of the engine"),
    up: flag("proxy and broker run; exit code 3 when not"),
    address: text("where the proxy answers, or would answer"),
    parts: list(
      object({
        component: choice(["proxy", "broker"], "which part"),
        state: choice(["running", "restarting", "stopped", "absent"], "how its container is"),
        startedAt: optional(time("since when it runs")),
        restarts: number("how often the engine started it again"),
        memoryBytes: optional(number("memory without the file cache, in bytes; missing when it does not run")),
      }),
      "the parts that always run",
    ),
    sessions: list(
      object({
        name: text("name of the session"),
        user: text("whose it is"),
        type: text("its type"),
        state: choice(["starting", "running", "ending", "ended", "failed"], "how it is"),
        reason: optional(text("why it failed, in the engine's words")),
        startedAt: time("when it was asked for"),
        memoryBytes: optional(number("memory without the file cache, in bytes; missing when it does not run")),
        olderImage: flag("new sessions of its kind get another image"),
      }),
      "the sessions, by user and name",
    ),
    certificate: optional(certificateField("the certificate that the proxy answers with")),
    olderImages: texts("parts and sessions that run another image than the engine's newest of that name"),
    at: time("when the engine was asked"),
  }),

  async run(ctx, input) {
    const config = localConfig(ctx, input);
    return localStatus(await ctx.ports.connectEngine(), config, ctx.now());
  },

  human(data, style) {
    const lines = [`${data.namespace} on ${data.engine}: ${data.up ? style.green("up") : style.red("not up")}`];
    if (data.up) lines.push(`address      ${data.address}`);
    lines.push(...data.parts.map((part) => partLine(part, data.at, style)));
    if (data.certificate !== undefined) {
      const { validTo, daysLeft } = data.certificate;
      const words = `until ${validTo.slice(0, 10)} (${counted(daysLeft, "day")})`;
      lines.push(`certificate  ${daysLeft < 30 ? style.yellow(words) : words}`);
    }
    if (data.olderImages.length > 0) lines.push(style.yellow(`older images ${data.olderImages.join(", ")}`));
    if (!data.up) lines.push("try: vdi local up");
    if (data.sessions.length === 0) return [...lines, "sessions     none"].join("\n");
    const rows = data.sessions.map(({ user, type, state, reason, memoryBytes, startedAt }) => [
      user,
      type,
      reason === undefined ? state : `${state}: ${reason}`,
      memoryBytes === undefined ? "" : bytesText(memoryBytes),
      ageText(startedAt, data.at),
    ]);
    return [...lines, "", table(["USER", "TYPE", "STATE", "MEMORY", "AGE"], rows, style)].join("\n");
  },

  exitCode: (data) => (data.up ? ExitCode.ok : ExitCode.checkFailed),
};

function partLine({ component, state, startedAt, restarts, memoryBytes }: LocalStatus["parts"][number], at: string, style: Style): string {
  const facts = [
    state === "running" ? state : style.red(state),
    ...(startedAt === undefined ? [] : [`for ${ageText(startedAt, at)}`]),
    ...(memoryBytes === undefined ? [] : [bytesText(memoryBytes)]),
    ...(restarts === 0 ? [] : [counted(restarts, "restart")]),
  ];
  return `${component.padEnd(13)}${facts.join(", ")}`;
}
