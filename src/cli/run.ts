import { Argument, Command as CommanderCommand, CommanderError, InvalidArgumentError, Option } from "commander";
import { commands } from "../commands/index.ts";
import type { AnyCommand, ArgumentSpec, CommandEntry, Input, OptionSpec } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { groupSummaries } from "./groups.ts";
import { formatData, formatItem, type OutputFormat, styleFor } from "./output.ts";
import { describeFailure, failureLine } from "./print-error.ts";

/** Where the text of a run goes. */
export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
  readonly colour: boolean;
  /** Told of every result before it is printed; tests hold it against the command's shape. */
  seen?(command: AnyCommand, data: unknown): void;
}

/**
 * Runs one command line (without `node` and the script's name) and gives its exit code.
 * Results go to stdout, everything else to stderr; nothing is thrown.
 */
export async function runCommandLine(argv: readonly string[], ctx: Context, streams: Streams): Promise<ExitCode> {
  if (argv[0] === "__complete") return completeLine(argv.slice(1), ctx, streams);
  const style = styleFor(streams.colour);
  const asJson = wantsJson(argv);
  let exitCode: ExitCode = ExitCode.ok;
  const execute = async (command: AnyCommand, input: Input, format: OutputFormat): Promise<void> => {
    if ("stream" in command) {
      for await (const item of command.stream(ctx, input)) {
        ctx.progress.clear();
        streams.seen?.(command, item);
        streams.stdout(await formatItem(command, item, format, style));
      }
      // An interrupt is how a stream without an end is ended: it is no failure that needs words.
      exitCode = ctx.signal.aborted ? ExitCode.interrupted : ExitCode.ok;
      return;
    }
    const data = await command.run(ctx, input);
    ctx.progress.clear();
    streams.seen?.(command, data);
    streams.stdout(await formatData(command, data, format, style));
    exitCode = command.exitCode?.(data) ?? ExitCode.ok;
  };
  let usage = "";
  try {
    const keep = (text: string): void => {
      usage += text;
    };
    const told = { stdout: streams.stdout, stderr: asJson ? keep : streams.stderr };
    const program = await buildProgram(argv, ctx.version, told, execute);
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    ctx.progress.clear();
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return ExitCode.ok;
      // commander has said it in its own words by now; help and version come this way too.
      if (asJson) streams.stderr(failureLine(usageError(usage), false));
      return ExitCode.usage;
    }
    const failure = describeFailure(thrown, ctx.signal.aborted, style);
    streams.stderr(asJson ? failureLine(thrown, ctx.signal.aborted) : failure.text);
    return failure.exitCode;
  }
}

/** Answers the scripts of `vdi completion`; never with an error, which would stand in the middle of the line that is being typed. */
async function completeLine(words: readonly string[], ctx: Context, streams: Streams): Promise<ExitCode> {
  const quiet = { ...ctx, progress: { line: () => undefined, status: () => undefined, clear: () => undefined } };
  const { complete, completionText } = await import("./complete.ts");
  streams.stdout(completionText(await complete(words, quiet).catch(() => ({ candidates: [] }))));
  return ExitCode.ok;
}

/** Known before the line is parsed, so that also a line that cannot be parsed is answered in the form that it asks for. */
function wantsJson(argv: readonly string[]): boolean {
  const at = argv.findIndex((word) => word === "-o" || word === "--output");
  return argv[at + 1] === "json" && at >= 0 ? true : argv.includes("--output=json") || argv.includes("-ojson");
}

function usageError(words: string): VdiError {
  const [first = "", ...others] = words.trim().split("\n");
  const why = others.join("\n").trim();
  return new VdiError({ what: first.replace(/^error: /, ""), why: why === "" ? undefined : why, exitCode: ExitCode.usage });
}

type Execute = (command: AnyCommand, input: Input, format: OutputFormat) => Promise<void>;

async function buildProgram(
  argv: readonly string[],
  version: string,
  streams: Pick<Streams, "stdout" | "stderr">,
  execute: Execute,
): Promise<CommanderCommand> {
  const program = new CommanderCommand("vdi")
    .description("Linux desktops for many users on a Kubernetes cluster")
    .version(version, "-V, --version")
    .helpCommand("help [command]", "help for a command")
    .showHelpAfterError("(vdi help shows the commands)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout(text),
      writeErr: (text) => streams.stderr(text),
    });
  const groups = new Map<string, CommanderCommand>();
  for (const entry of commands) {
    const parent = groupOf(program, groups, entry);
    const node = parent
      .command(entry.path.at(-1) ?? "")
      .summary(entry.summary)
      .copyInheritedSettings(parent);
    // Only the command that the line names is loaded: the others are known by their summaries.
    if (isNamed(argv, entry)) declare(node, await entry.load(), execute);
  }
  return program;
}

function isNamed(argv: readonly string[], entry: CommandEntry): boolean {
  const words = argv.filter((word) => !word.startsWith("-"));
  const named = words[0] === "help" ? words.slice(1) : words;
  return entry.path.every((word, place) => named[place] === word);
}

/** The command that a command's name stands below: `local users` for `local users list`. */
function groupOf(program: CommanderCommand, groups: Map<string, CommanderCommand>, entry: CommandEntry): CommanderCommand {
  return entry.path.slice(0, -1).reduce((parent, word, at) => {
    const name = entry.path.slice(0, at + 1).join(" ");
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group = parent
      .command(word)
      .summary(groupSummaries[name] ?? name)
      .copyInheritedSettings(parent);
    groups.set(name, group);
    return group;
  }, program);
}

function declare(node: CommanderCommand, command: AnyCommand, execute: Execute): void {
  node.description(command.description ?? `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`);
  for (const arg of command.args ?? []) node.addArgument(commanderArgument(arg));
  for (const option of command.options ?? []) node.addOption(commanderOption(option));
  const output = new Option("-o, --output <form>", "form of the result").choices(["human", "json", "yaml"]).default("human");
  node.addOption(output);
  const examples = command.examples.map(({ line, does }) => `  ${line}\n      ${does}`);
  if (examples.length > 0) node.addHelpText("after", `\nExamples:\n${examples.join("\n")}`);
  node.action(async () => {
    const { output: format, ...options } = node.opts<{ output: OutputFormat }>();
    const input: Record<string, Input[string]> = { ...options };
    // commander stores `--no-cache` as `cache: false`; our names say what stands on the line.
    for (const { name } of (command.options ?? []).filter((option) => /^no[A-Z]/.test(option.name))) {
      const stored = `${name.charAt(2).toLowerCase()}${name.slice(3)}`;
      input[name] = input[stored] === false;
      delete input[stored];
    }
    for (const [place, arg] of (command.args ?? []).entries()) {
      const value = node.processedArgs[place] as Input[string];
      if (value !== undefined) input[arg.name] = value;
    }
    await execute(command, input, format);
  });
}

function commanderArgument(spec: ArgumentSpec): Argument {
  const dots = spec.variadic === true ? "..." : "";
  const name = `${spec.name}${dots}`;
  const argument = new Argument(spec.required === true ? `<${name}>` : `[${name}]`, spec.description);
  return spec.choices === undefined ? argument : argument.choices(spec.choices);
}

function commanderOption(spec: OptionSpec): Option {
  const long = `--${spec.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const value = spec.value ?? spec.name.toUpperCase();
  const placeholder = spec.type === "boolean" ? "" : spec.whenBare === undefined ? ` <${value}>` : ` [${value}]`;
  const option = new Option(`${spec.short === undefined ? "" : `-${spec.short}, `}${long}${placeholder}`, spec.description);
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.whenBare !== undefined) option.preset(spec.whenBare);
  if (spec.default !== undefined) option.default(spec.default);
  if (spec.type === "number") option.argParser(parseNumber);
  if (spec.type === "list") option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  return option;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError("It must be a number, 0 or more.");
  return value;
}
