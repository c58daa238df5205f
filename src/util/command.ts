import type { Context } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Shape } from "./shape.ts";

/** What the shell can be offered for a word: names that only the directory, the kubeconfig or the cluster knows, or a path. */
export type Completes = "variables" | "users" | "sessions" | "images" | "namespaces" | "contexts" | "directories" | "files";

/** A positional argument of a command. */
export interface ArgumentSpec {
  /** The key in the input, camelCase. */
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** True: takes all that remain, as a list. */
  readonly variadic?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes | readonly Completes[];
}

/** An option of a command; the long form is made from the name (`dryRun` gives `--dry-run`). */
export interface OptionSpec {
  /** The key in the input, camelCase. */
  readonly name: string;
  readonly short?: string;
  readonly type: "string" | "boolean" | "number" | "list";
  /** What stands for the value in the help: `NAME`. Needed unless the type is boolean. */
  readonly value?: string;
  readonly description: string;
  readonly choices?: readonly string[];
  /** The value may be left out; this one is taken then (`--dry-run` = `--dry-run=client`). */
  readonly whenBare?: string;
  readonly default?: string | number | boolean;
  readonly completes?: Completes;
}

/** What the parser gives a command: arguments and options by name, only those that were given or have a default. */
export type Input = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Text attributes for a terminal; each gives its text unchanged in a pipe. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
  blue(text: string): string;
  magenta(text: string): string;
  cyan(text: string): string;
}

interface CommandWords {
  /** `["users", "add-demo"]` is `vdi users add-demo`. */
  readonly path: readonly string[];
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Whole command lines with a word on each. */
  readonly examples: readonly { readonly line: string; readonly does: string }[];
}

/**
 * One command of `vdi`, as a value. It does its work through the context and returns data;
 * what is printed is made of that data: `human` for people, the data itself for `-o json|yaml`.
 */
export interface Command<Data = unknown> extends CommandWords {
  /** What `-o json` prints; doc/json.md is made of it. */
  readonly shape: Shape<Data>;
  run(ctx: Context, input: Input): Promise<Data>;
  /** Pure; ends without a line break. Empty: nothing is printed. */
  human(data: Data, style: Style): string;
  /** The exit code for data that is not a plain success. */
  exitCode?(data: Data): ExitCode;
}

/**
 * A command whose result comes bit by bit, perhaps without an end. Each item is printed as it comes:
 * `human` for people, a line of JSON each for `-o json`, a document each for `-o yaml`.
 */
export interface StreamCommand<Item = unknown> extends CommandWords {
  /** What each line of `-o json` is. */
  readonly shape: Shape<Item>;
  stream(ctx: Context, input: Input): AsyncIterable<Item>;
  /** Pure; ends without a line break. */
  human(item: Item, style: Style): string;
}

// The data's type differs by command; only the command itself looks into it.
export type AnyCommand = Command<never> | StreamCommand<never>;

/** Names a command without loading it, so that `vdi --version` and `--help` stay quick. */
export interface CommandEntry {
  readonly path: readonly string[];
  readonly summary: string;
  load(): Promise<AnyCommand>;
}
