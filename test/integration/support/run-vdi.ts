import { join } from "node:path";
import { runCommandLine } from "../../../src/cli/run.ts";
import type { AnyCommand } from "../../../src/util/command.ts";
import type { Context } from "../../../src/util/context.ts";
import type { ExitCode } from "../../../src/util/exit-code.ts";
import { manyListeners } from "../../../src/util/many-listeners.ts";
import type { Ports } from "../../../src/util/ports.ts";
import { problemsOf } from "../../../src/util/shape.ts";

/** What a command line gave. */
export interface RunResult {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  /** Errors, then nothing else: progress is kept apart. */
  readonly stderr: string;
  readonly progress: readonly string[];
}

/** The world that a command line runs in; what is left out is refused when a command asks for it. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly ports?: Partial<Ports>;
  readonly signal?: AbortSignal;
  /** The answer to every question; nobody is there to be asked without it. */
  readonly answer?: boolean;
  /** Told of the result, or of each item of a stream, when it comes. */
  onData?(data: unknown): void;
}

/** The top of the repository: what `vdi` takes its distribution from. */
export const distribution = join(import.meta.dirname, "..", "..", "..");

/** Runs `vdi` in this process, as `vdi …argv` would run in a pipe. */
export async function runVdi(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  let stdout = "";
  let stderr = "";
  const progress: string[] = [];
  const signal = manyListeners(options.signal ?? new AbortController().signal);
  const ctx: Context = {
    cwd: options.cwd ?? distribution,
    env: options.env ?? {},
    progress: { line: (text) => progress.push(text), status: (text) => progress.push(text), clear: () => {} },
    signal,
    now: Date.now,
    interactive: options.answer !== undefined,
    confirm: async () => options.answer ?? false,
    readStdin: async () => options.stdin ?? "",
    distribution,
    version: "0.0.0-test",
    ports: {
      connectKube: options.ports?.connectKube ?? refuse("a cluster"),
      connectEngine: options.ports?.connectEngine ?? refuse("an engine"),
      machine: options.ports?.machine ?? refuse("the machine"),
    },
  };
  const exitCode = await runCommandLine(argv, ctx, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    colour: false,
    seen(command, data) {
      checkShape(command, data);
      options.onData?.(data);
    },
  });
  return { exitCode, stdout, stderr, progress };
}

/** So that no result of any test differs from what doc/json.md says. */
function checkShape(command: AnyCommand, data: unknown): void {
  const problems = problemsOf(command.shape, JSON.parse(JSON.stringify(data ?? null)));
  if (problems.length > 0) throw new Error(`vdi ${command.path.join(" ")} -o json is not as documented:\n${problems.join("\n")}`);
}

function refuse(what: string): () => Promise<never> {
  return async () => {
    throw new Error(`this test gave the command no way to ${what}`);
  };
}
