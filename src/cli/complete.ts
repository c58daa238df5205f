import { commands } from "../commands/index.ts";
import type { AnyCommand, Completes, OptionSpec } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { type Candidate, candidatesOf } from "./candidates.ts";
import { groupSummaries } from "./groups.ts";

/** What a shell can offer; `paths`: it should complete a path by itself. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths?: "directories" | "files";
}

const nothing: Completion = { candidates: [] };

const outputOption: OptionSpec = {
  name: "output",
  short: "o",
  type: "string",
  value: "FORM",
  description: "form of the result",
  choices: ["human", "json", "yaml"],
};
const helpOption: OptionSpec = { name: "help", short: "h", type: "boolean", description: "help for the command" };

/** What can stand for the last of the words behind `vdi`, which may be empty or the beginning of one. */
export async function complete(words: readonly string[], ctx: Context): Promise<Completion> {
  const [before, current] = split(words);
  const names = before.filter((word) => !word.startsWith("-"));
  const rest = names[0] === "help" ? names.slice(1) : names;
  const entry = commands.find(({ path }) => path.every((word, place) => rest[place] === word));
  if (entry === undefined) return matching(commandNames(rest, names[0] === "help"), current);
  if (names[0] === "help") return nothing;
  return ofCommand(await entry.load(), before, current, ctx);
}

/** bash takes `--name=value` for three words. */
function split(words: readonly string[]): readonly [readonly string[], string] {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const inline = /^(--[a-z-]+)=(.*)$/s.exec(last);
  if (inline !== null) return [[...before, inline[1] ?? ""], inline[2] ?? ""];
  if (last === "=") return [before, ""];
  return [before.filter((word, at) => word !== "=" || at !== before.length - 1), last];
}

function commandNames(path: readonly string[], isHelp: boolean): readonly Candidate[] {
  const below = commands.filter((entry) => path.every((word, place) => entry.path[place] === word));
  const own = below.map((entry): Candidate => {
    const word = entry.path[path.length] ?? "";
    return { word, does: entry.path.length > path.length + 1 ? (groupSummaries[[...path, word].join(" ")] ?? "") : entry.summary };
  });
  const help = path.length === 0 && !isHelp ? [{ word: "help", does: "help for a command" }] : [];
  return [...new Map([...own, ...help].map((candidate) => [candidate.word, candidate])).values()];
}

async function ofCommand(command: AnyCommand, before: readonly string[], current: string, ctx: Context): Promise<Completion> {
  const options = [...(command.options ?? []), outputOption, helpOption];
  const pending = optionOf(options, before.at(-1));
  if (pending !== undefined && pending.type !== "boolean") return values(pending.choices, pending.completes, before, current, ctx);
  if (current.startsWith("-")) {
    const given = new Set(before.map((word) => optionOf(options, word)?.name));
    const free = options.filter(({ name, type }) => type === "list" || !given.has(name));
    return matching(
      free.map((option) => ({ word: longName(option), does: option.description })),
      current,
    );
  }
  const args = command.args ?? [];
  const given = positionals(options, before).slice(command.path.length);
  const arg = args[given.length] ?? (args.at(-1)?.variadic === true ? args.at(-1) : undefined);
  if (arg === undefined) return nothing;
  const found = await values(arg.choices, arg.completes, before, current, ctx);
  return { ...found, candidates: found.candidates.filter(({ word }) => !given.includes(word)) };
}

function longName({ name }: OptionSpec): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function optionOf(options: readonly OptionSpec[], word: string | undefined): OptionSpec | undefined {
  return options.find((option) => longName(option) === word || (option.short !== undefined && `-${option.short}` === word));
}

function positionals(options: readonly OptionSpec[], before: readonly string[]): readonly string[] {
  return before.filter((word, at) => {
    const option = optionOf(options, before[at - 1]);
    return !word.startsWith("-") && (option === undefined || option.type === "boolean");
  });
}

async function values(
  choices: readonly string[] | undefined,
  completes: Completes | readonly Completes[] | undefined,
  before: readonly string[],
  current: string,
  ctx: Context,
): Promise<Completion> {
  if (choices !== undefined)
    return matching(
      choices.map((word) => ({ word, does: "" })),
      current,
    );
  const kinds = completes === undefined ? [] : typeof completes === "string" ? [completes] : completes;
  const paths = kinds.find((kind) => kind === "directories" || kind === "files");
  if (paths === "directories" || paths === "files") return { candidates: [], paths };
  const givenBy = (...names: readonly string[]): string | undefined => {
    const at = before.findLastIndex((word) => names.includes(word));
    return at < 0 ? undefined : before[at + 1];
  };
  const input = {
    dir: givenBy("--dir"),
    namespace: givenBy("--namespace", "-n"),
    kubeconfig: givenBy("--kubeconfig"),
    context: givenBy("--context"),
  };
  const all = await Promise.all(kinds.map((kind) => candidatesOf(kind, ctx, input)));
  return matching([...new Map(all.flat().map((candidate) => [candidate.word, candidate])).values()], current);
}

function matching(candidates: readonly Candidate[], current: string): Completion {
  return { candidates: candidates.filter(({ word }) => word.startsWith(current)) };
}

/** The lines that the shells' scripts read: `word TAB description`, or the kind of path that the shell is to complete. */
export function completionText({ candidates, paths }: Completion): string {
  if (paths !== undefined) return `:${paths}\n`;
  return candidates.map(({ word, does }) => `${word}\t${does.replaceAll(/\s+/g, " ")}\n`).join("");
}
