import { type ChildProcess, spawn } from "node:child_process";
import { isAbsolute, join } from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** A user's `exec` of a kubeconfig. */
export interface CredentialsProgram {
  readonly apiVersion?: string;
  readonly command?: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly installHint?: string;
  readonly interactiveMode?: "Never" | "IfAvailable" | "Always";
  readonly provideClusterInfo?: boolean;
}

/** What a program gave. */
export interface ProgramCredentials {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  /** Until when they may be used, if it said so. */
  readonly expirationTimestamp?: string;
}

/** What a program is run with. */
export interface ProgramOptions {
  /** The directory of the kubeconfig: a command like `./bin/login` is looked for from there. */
  readonly directory: string;
  /** Told to a program that wants to know (`provideClusterInfo`). */
  readonly cluster: object;
  /** Where a person reads what the program asks, if one is there. */
  readonly terminal?: { write(text: string): unknown } | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** A program that nobody can answer has this long, one that may ask a person to sign in longer. */
const deadlineMs = 60_000;
const personDeadlineMs = 5 * 60_000;
const killAfterMs = 2_000;
const shownCharacters = 2_000;

/**
 * Runs a credentials program as kubectl does (client.authentication.k8s.io). What it says on standard error is shown on a terminal
 * while it runs, so that "open this page and enter that code" is seen; otherwise it is in the error. Its output is never shown.
 */
export async function runCredentialsProgram(exec: CredentialsProgram, options: ProgramOptions): Promise<ProgramCredentials> {
  options.signal?.throwIfAborted();
  const mode = exec.interactiveMode ?? "IfAvailable";
  const interactive = mode !== "Never" && process.stdin.isTTY === true;
  const { command = "" } = exec;
  if (command === "") throw noCredentials("its 'exec' names no command");
  if (mode === "Always" && !interactive) throw noCredentials(`${command} needs a terminal to ask on, and standard input is none`);
  const info = {
    apiVersion: exec.apiVersion,
    kind: "ExecCredential",
    spec: { interactive, ...(exec.provideClusterInfo === true ? { cluster: options.cluster } : {}) },
  };
  const own = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  const child = spawn(command.includes("/") && !isAbsolute(command) ? join(options.directory, command) : command, exec.args ?? [], {
    env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    stdio: [interactive ? "inherit" : "ignore", "pipe", "pipe"],
  });
  const limitMs = options.deadlineMs ?? (options.terminal === undefined ? deadlineMs : personDeadlineMs);
  return credentialsOf(exec, await outputOf(child, exec, limitMs, options));
}

function outputOf(child: ChildProcess, exec: CredentialsProgram, limitMs: number, { terminal, signal }: ProgramOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let said = "";
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      process.removeListener("exit", kill);
      settle();
    };
    const kill = (): void => void child.kill();
    const giveUp = (why: unknown): void => {
      kill();
      setTimeout(() => child.kill("SIGKILL"), killAfterMs).unref();
      // Whatever it has started itself may hold them open.
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      end(() => reject(why));
    };
    const abort = (): void => giveUp(signal?.reason);
    const fail = (why: string, hint?: string): VdiError =>
      noCredentials([why, said.trim().slice(-shownCharacters)].filter(Boolean).join("\n"), hint);
    const timer = setTimeout(() => giveUp(fail(`${exec.command} did not end within ${limitMs / 1000} s`)), limitMs);
    signal?.addEventListener("abort", abort);
    process.once("exit", kill);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      terminal?.write(text);
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      end(() => reject(error.code === "ENOENT" ? fail(`there is no program ${exec.command}`, exec.installHint) : fail(error.message))),
    );
    child.on("close", (code, by) =>
      end(() => (code === 0 ? resolve(output) : reject(fail(`${exec.command} ended with ${by ?? `exit code ${code}`}`)))),
    );
  });
}

function credentialsOf({ command }: CredentialsProgram, output: string): ProgramCredentials {
  let status: ProgramCredentials | null | undefined;
  try {
    status = (JSON.parse(output) as { readonly status?: ProgramCredentials | null } | null)?.status;
  } catch {
    // The parser's own words would show a part of the output.
  }
  if (!status?.token && !status?.clientCertificateData) throw noCredentials(`${command} answered with no ExecCredential`);
  return status;
}

function noCredentials(why: string, hint?: string): VdiError {
  return new VdiError({
    what: "the kubeconfig gives no credentials",
    why,
    try: hint?.trim() || "kubectl auth whoami, with the same kubeconfig and context",
    exitCode: ExitCode.unreachable,
  });
}
