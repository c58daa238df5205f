import type Dockerode from "dockerode";
import { sessionObject } from "../../engine/docker-names.ts";
import { localConfig } from "../../local/directory.ts";
import { lookOnEngine } from "../../local/down.ts";
import { followLocalLog, type LocalLogItem, readLocalLog } from "../../local/logs.ts";
import { merged } from "../../local/merged.ts";
import { containerName } from "../../local/names.ts";
import { readable } from "../../logs/readable.ts";
import type { Input, StreamCommand } from "../../util/command.ts";
import { flagOf, numberOf, sinceOption, textOf } from "../../util/options.ts";
import { object, openObject, optional, text, time } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { printable, sinceOf } from "../logs.ts";
import { localDirectoryOption } from "./options.ts";

const defaultTail = 200;

/** `vdi local logs`: what proxy, broker and sessions of this machine write. */
export const localLogs: StreamCommand<LocalLogItem> = {
  path: ["local", "logs"],
  summary: "show what proxy, broker and sessions write",
  description:
    "Shows the lines of the containers in the order of time. Without arguments: proxy and broker. What is or looks like a secret is left out.",
  args: [
    { name: "topic", description: "whose log (default: proxy and broker)", choices: ["proxy", "broker", "session"] },
    { name: "session", description: "for session: its name (default: all)" },
  ],
  options: [
    { name: "follow", short: "f", type: "boolean", description: "go on until Ctrl-C, through restarts" },
    sinceOption("nothing older: 90s, 10m, 2h"),
    {
      name: "tail",
      type: "number",
      value: "LINES",
      description: `last lines of each container only (default: ${defaultTail}, or all with --since)`,
    },
    localDirectoryOption,
  ],
  examples: [
    { line: "vdi local logs -f", does: "proxy and broker, as it comes" },
    { line: "vdi local logs session xpra-user01-desktop", does: "what this desktop says" },
  ],

  shape: object({
    time: time("when the engine got the line"),
    container: text("name of the container"),
    text: optional(text("the line; missing when it is an object")),
    event: optional(openObject({ event: optional(text("what happened: `sign-in`, `session`, …")) }, "the object that the line is")),
  }),

  async *stream(ctx, input) {
    const { namespace } = localConfig(ctx, input);
    const docker = await ctx.ports.connectEngine();
    const names = await containersOf(docker, input, namespace);
    const seconds = sinceOf(input);
    const scope = {
      tail: numberOf(input, "tail") ?? (seconds === undefined ? defaultTail : undefined),
      since: seconds === undefined ? undefined : Math.floor(ctx.now() / 1000) - seconds,
    };
    if (flagOf(input, "follow")) {
      yield* merged(
        names.map((name) => followLocalLog(docker, name, scope, ctx.signal)),
        ctx.signal,
      );
      return;
    }
    const items: LocalLogItem[] = [];
    for (const name of names) for await (const item of readLocalLog(docker, name, scope)) items.push(item);
    yield* items.sort((a, b) => (a.time < b.time ? -1 : 1));
  },

  human: (item, style) =>
    `${style.cyan(shortName(item.container).padEnd(7))} ${printable(item.event === undefined ? (item.text ?? "") : readable(item.event))}`,
};

/** The containers whose logs are meant. Throws where there is none. */
async function containersOf(docker: Dockerode, input: Input, namespace: string): Promise<readonly string[]> {
  const topic = textOf(input, "topic");
  const session = textOf(input, "session");
  const there = (await lookOnEngine(docker, namespace)).containers;
  const wanted =
    topic === "session"
      ? there.filter(
          ({ component, name }) => component === "session" && (session === undefined || name === sessionObject(namespace, session)),
        )
      : there.filter(({ name }) =>
          (["broker", "proxy"] as const).some((part) => (topic ?? part) === part && name === containerName(namespace, part)),
        );
  if (wanted.length > 0) return wanted.map(({ name }) => name);
  throw new VdiError({
    what: `there is no container whose log could be shown in ${namespace}`,
    why: session === undefined ? undefined : `no session is called '${session}'`,
    try: topic === "session" ? "vdi local status" : "vdi local up",
  });
}

/** The end of a container's name: `proxy`, `broker`, or a session's. */
function shortName(container: string): string {
  return /-(proxy|broker)$/.exec(container)?.[1] ?? container.replace(/^vdi-.*?-s-/, "");
}
