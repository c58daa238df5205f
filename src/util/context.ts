import type { Ports } from "./ports.ts";

/** Where progress goes while a command works: stderr, live on a terminal, plain lines in a pipe. */
export interface ProgressSink {
  /** A line that stays. */
  line(text: string): void;
  /** A line that the next one replaces on a terminal; in a pipe it is printed only when it differs from the last. */
  status(text: string): void;
  /** Removes the replaceable line. */
  clear(): void;
}

/** Everything that a command may use of the world. A command has no other I/O. */
export interface Context {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: ProgressSink;
  /** Aborted by Ctrl-C, SIGTERM and a terminal that goes away. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  now(): number;
  /** True when there is a person at both ends: stdin and stderr are terminals. */
  readonly interactive: boolean;
  /** Asks a yes-or-no question; false when nobody can be asked. */
  confirm(question: string): Promise<boolean>;
  /** All of standard input. Throws a usage error when it is not UTF-8. */
  readStdin(): Promise<string>;
  /** The directory of the distribution: templates, images, to_container, dist. Absolute. */
  readonly distribution: string;
  readonly version: string;
  readonly ports: Ports;
}
