import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "./util/context.ts";
import { ExitCode } from "./util/exit-code.ts";
import { manyListeners } from "./util/many-listeners.ts";
import type { Ports } from "./util/ports.ts";

// The bundle lies in dist/, one level below the distribution's top.
const distribution = dirname(dirname(fileURLToPath(import.meta.url)));

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(distribution, "package.json"), "utf8")) as { version: string };
  return manifest.version;
}

const interrupt = new AbortController();

// Each port loads its library on first use, so that commands that need none stay quick.
const ports: Ports = {
  async connectKube(choice) {
    const { connectKubeconfig } = await import("./kube/kubeconfig.ts");
    return connectKubeconfig(choice, process.env, {
      signal: interrupt.signal,
      terminal: process.stderr.isTTY ? process.stderr : undefined,
    });
  },
  async connectEngine() {
    const { connectEngine } = await import("./images/engine.ts");
    return connectEngine({ signal: interrupt.signal });
  },
  async machine() {
    const { thisMachine } = await import("./local/machine.ts");
    return thisMachine(process.env);
  },
};

async function main(argv: readonly string[]): Promise<ExitCode> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    process.stdout.write(`${readVersion()}\n`);
    return ExitCode.ok;
  }
  manyListeners(interrupt.signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      isTerminalGone ||= signal === "SIGHUP";
      // The second one does not wait for a tidy end; but for a terminal that goes away shell and kernel send one each.
      if (interrupt.signal.aborted && signal !== "SIGHUP") process.exit(ExitCode.interrupted);
      interrupt.abort();
    });
  }
  const [{ runCommandLine }, { terminalContext }] = await Promise.all([import("./cli/run.ts"), import("./cli/terminal.ts")]);
  const ctx: Context = terminalContext({ distribution, version: readVersion(), ports, signal: interrupt.signal });
  return runCommandLine(argv, ctx, {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    colour: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  });
}

let isTerminalGone = false;

/** Nobody is there any more: the pipe's reader has ended, or the terminal is gone. */
function isUnheard({ isTTY }: NodeJS.WriteStream, { code }: NodeJS.ErrnoException): boolean {
  // Of a file it says that its disk is broken.
  const ofTerminal = code === "EIO" && isTTY;
  isTerminalGone ||= ofTerminal;
  return code === "EPIPE" || ofTerminal;
}

// Node aborts at its end, with a core dump, when it cannot put the settings of a terminal back. Ending by the signal comes before that.
process.on("exit", () => {
  if (!isTerminalGone) return;
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
});

// A reader that has seen enough (`vdi … | head`) is no failure.
process.stdout.on("error", (error) => {
  if (isUnheard(process.stdout, error)) process.exit(ExitCode.ok);
  throw error;
});

// Who hears no more of a command does not end it in the middle of its work.
process.stderr.on("error", (error) => {
  if (!isUnheard(process.stderr, error)) throw error;
});

// The exit code is set rather than exit() called: what stands in a pipe's buffer is written first.
process.exitCode = await main(process.argv.slice(2));
// Then nobody waits any more for a credentials program or an engine that gives no answer.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
