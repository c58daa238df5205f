import { explain } from "../explain/explain.ts";
import { gatherFacts } from "../explain/gather.ts";
import { explainKubeError } from "../kube/errors.ts";
import type { Command } from "../util/command.ts";
import { clusterOptions, directoryOption, namespaceOption, sinceOption, textOf } from "../util/options.ts";
import { type DataOf, flag, list, object, optional, text, texts, time } from "../util/shape.ts";
import { wrap, wrapped } from "../util/wrap.ts";
import { sinceOf } from "./logs.ts";
import { withCluster } from "./prepared.ts";

const defaultSinceSeconds = 86_400;

const shape = object({
  user: text("whose login it is"),
  cause: text("for programs: `credentials`, `locked`, `no-room`, `crashed`, `cut`, `well` and so on"),
  isWell: flag("false: something kept the user from working"),
  at: optional(time("when; missing when nothing was seen")),
  text: text("what happened, in a few sentences"),
  try: texts("what to do about it, most likely first"),
  evidence: list(
    object({
      time: text("when, RFC 3339"),
      from: text("where it stands: a pod and its container, or an event"),
      text: text("what it says"),
    }),
    "what the explanation is made from, oldest first",
  ),
});

/** What `vdi explain` gives. */
export type LoginExplained = DataOf<typeof shape>;

/** `vdi explain`: why somebody could not sign in or work. */
export const explainCommand: Command<LoginExplained> = {
  path: ["explain"],
  summary: "explain why somebody could not sign in or work",
  description:
    "Looks at the logs of all proxies and brokers, at the user's sessions and their events, and at the deployment directory, and says what happened at the last login and what to do. Changes nothing.",
  args: [{ name: "who", description: "name of a user, or of a session", required: true, completes: ["users", "sessions"] }],
  options: [sinceOption("how far to look back: 90s, 10m, 2h (default: 1d)"), namespaceOption, directoryOption, ...clusterOptions],
  examples: [
    { line: "vdi explain alice", does: "what happened at the last login of alice" },
    { line: "vdi explain alice-desktop --since 10m -o json", does: "the same by a session's name, for a script" },
  ],

  shape,

  run: (ctx, input) =>
    withCluster(ctx, input, async (config, transport) => {
      try {
        const facts = await gatherFacts({
          transport,
          config,
          who: textOf(input, "who") ?? "",
          sinceSeconds: sinceOf(input) ?? defaultSinceSeconds,
          now: ctx.now(),
          signal: ctx.signal,
        });
        return { user: facts.user, ...explain(facts) };
      } catch (thrown) {
        throw explainKubeError(thrown, `the login of ${textOf(input, "who") ?? ""} cannot be looked at`);
      }
    }),

  human(data, style) {
    const when = data.at === undefined ? "" : `, ${data.at.slice(0, 19).replace("T", " ")} UTC`;
    const head = `${data.user}: ${titles[data.cause] ?? data.cause.replaceAll("-", " ")}${when}`;
    const tries = data.try.flatMap((hint) =>
      wrap(hint, 73).map((line, at) => (at === 0 ? `  ${style.bold("try:")} ${line}` : `       ${line}`)),
    );
    const width = Math.max(0, ...data.evidence.map(({ from }) => shortened(from).length));
    const lines = data.evidence.flatMap((seen) => {
      const place = `  ${seen.time.slice(11, 19).padEnd(8)} ${shortened(seen.from).padEnd(width)}  `;
      const room = Math.max(30, 80 - place.length);
      // Names of pods and images are longer than a line has room for.
      const body = wrap(printable(seen.text).replaceAll(new RegExp(`\\S{${room}}`, "g"), "$& "), room);
      return body.map((line, at) => style.dim(`${at === 0 ? place : " ".repeat(place.length)}${line}`));
    });
    return [
      data.isWell ? style.green(head) : style.red(head),
      wrapped(data.text, "  "),
      ...(tries.length === 0 ? [] : ["", ...tries]),
      ...(lines.length === 0 ? [] : ["", ...lines]),
    ].join("\n");
  },
};

/** Causes whose word for programs says too little. */
const titles: Readonly<Record<string, string>> = {
  credentials: "wrong password",
  limited: "too many wrong passwords",
  removed: "the account was removed",
  memory: "the session needed too much memory",
  disk: "the session needed too much disk",
  crashed: "the session crashed",
  evicted: "the session was evicted",
  image: "no image",
  policy: "not admitted by the cluster",
  silent: "the session does not answer",
  stuck: "the session hangs",
  away: "the cluster was away",
  cut: "the connection was lost",
  well: "all is well",
  attached: "all is well",
};

/** `x7k2p/proxy` for `xpra-proxy-7c9f-x7k2p/proxy`: the end is what tells one from the other. */
function shortened(from: string): string {
  return from.replace(/^(?:\S*-)?([^\s/-]+)\/(proxy|broker)$/, "$1/$2");
}

/** What a session printed must not give orders to the terminal. */
function printable(line: string): string {
  return line.replaceAll(/\p{Cc}/gu, " ");
}
