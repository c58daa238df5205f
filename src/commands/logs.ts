import { secondsOf } from "../config/value-types.ts";
import { explainKubeError } from "../kube/errors.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { followLogs, type LogItem, podsOf, readLogs } from "../logs/read-logs.ts";
import { readable } from "../logs/readable.ts";
import { type LogTopic, logSource } from "../logs/sources.ts";
import type { Input, StreamCommand, Style } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption, numberOf, sinceOption, textOf } from "../util/options.ts";
import { object, openObject, optional, text, time } from "../util/shape.ts";
import { VdiError } from "../util/vdi-error.ts";
import { configurationOf } from "./prepared.ts";

const defaultTail = 200;

/** `vdi logs`: what the proxies, brokers and sessions write. */
export const logs: StreamCommand<LogItem> = {
  path: ["logs"],
  summary: "show what proxies, brokers and sessions write",
  description:
    "Shows the lines of all pods at once, in the order of time, each with the end of its pod's name and its container before it. Without arguments: proxies and brokers. What is or looks like a secret is left out.",
  args: [
    { name: "topic", description: "whose log (default: proxy and broker)", choices: ["proxy", "broker", "session"] },
    { name: "who", description: "for session: the session's or the user's name (default: all)", completes: ["sessions", "users"] },
  ],
  options: [
    { name: "follow", short: "f", type: "boolean", description: "go on until Ctrl-C, through restarts and new pods" },
    sinceOption("nothing older: 90s, 10m, 2h"),
    {
      name: "tail",
      type: "number",
      value: "LINES",
      description: `last lines of each container only (default: ${defaultTail}, or all with --since)`,
    },
    { name: "previous", short: "p", type: "boolean", description: "of containers that were restarted: the run before" },
    namespaceOption,
    directoryOption,
    ...clusterOptions,
  ],
  examples: [
    { line: "vdi logs --since 10m", does: "what proxies and brokers said in the last ten minutes" },
    { line: "vdi logs broker -f -o json", does: "the brokers' lines as they come, for a script" },
    { line: "vdi logs session alice", does: "the sessions of alice" },
  ],

  shape: object({
    time: time("when the node got the line"),
    namespace: text("namespace of the pod"),
    pod: text("name of the pod; of a session: its name"),
    container: text("`proxy`, `broker` or `session`"),
    text: optional(text("the line; missing when it is an object")),
    event: optional(
      openObject(
        { event: optional(text("what happened: `sign-in`, `session`, `attach`, `detach`, `trouble`, …")) },
        "the object that the line is, with its own fields",
      ),
    ),
  }),

  async *stream(ctx, input) {
    const { config, cluster } = configurationOf(ctx, input);
    const topic = (textOf(input, "topic") ?? "all") as LogTopic;
    const source = logSource(config, topic, textOf(input, "who") ?? "");
    const sinceSeconds = sinceOf(input);
    const tail = numberOf(input, "tail") ?? (sinceSeconds === undefined ? defaultTail : undefined);
    const scope = { tail, sinceSeconds };
    const transport = await ctx.ports.connectKube(cluster);
    try {
      if (flagOf(input, "follow")) {
        yield* followLogs({ transport, source, scope, signal: ctx.signal, note: (note) => ctx.progress.line(note) });
      } else yield* await once(ctx, input, transport, source, scope);
    } catch (thrown) {
      throw explainKubeError(thrown, `the logs of ${config.namespace} cannot be read`);
    } finally {
      transport.close();
    }
  },

  human(item, style) {
    const name = item.container === "session" ? item.pod : `${item.pod.split("-").at(-1)}/${item.container}`.padEnd(12);
    return `${colourOf(item.pod, style)(name)} ${printable(item.event === undefined ? (item.text ?? "") : readable(item.event))}`;
  },
};

async function once(
  ctx: Context,
  input: Input,
  transport: KubeTransport,
  source: ReturnType<typeof logSource>,
  scope: { readonly tail: number | undefined; readonly sinceSeconds: number | undefined },
): Promise<readonly LogItem[]> {
  const pods = await podsOf(transport, source, ctx.signal);
  const previous = flagOf(input, "previous");
  if (pods.length === 0) {
    const who = textOf(input, "who");
    throw new VdiError({
      what: `there is no pod whose log could be shown in ${source.namespace}`,
      why: who === undefined ? undefined : `neither a session nor a user with a session is called '${who}'`,
      try: source.containers.includes("session") ? "vdi sessions list" : "vdi status",
    });
  }
  const items = await readLogs(transport, source, pods, { ...scope, previous }, ctx.signal);
  if (items.length === 0) ctx.progress.line(previous ? "no container was restarted" : "there are no lines");
  return items;
}

/** The seconds of `--since`. Throws a usage error for what is no duration. */
export function sinceOf(input: Input): number | undefined {
  const since = textOf(input, "since");
  if (since === undefined) return undefined;
  const seconds = secondsOf(since);
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new VdiError({ what: "--since needs a duration", why: `'${since}' is none`, try: "--since 10m", exitCode: ExitCode.usage });
}

/** Sessions write what their users like: nothing of it may reach the terminal as a command. */
export function printable(line: string): string {
  const escaped = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return line.replaceAll(/\p{Cc}/gu, (character) => (character === "\t" ? character : escaped(character)));
}

function colourOf(pod: string, style: Style): (text: string) => string {
  const colours = [style.cyan, style.green, style.yellow, style.blue, style.magenta];
  const sum = [...pod].reduce((total, letter) => total * 31 + letter.charCodeAt(0), 7) >>> 0;
  return colours[sum % colours.length] ?? style.cyan;
}
