import type { Readable } from "node:stream";
import type Dockerode from "dockerode";
import { eventOf } from "../logs/readable.ts";
import { redact } from "../logs/redact.ts";
import { secretVariable } from "../session/session-settings.ts";
import { pause } from "../util/pause.ts";
import { ifThere, inWords } from "./engine-error.ts";

/** One line of a container's log. */
export interface LocalLogItem {
  /** When the engine got it, RFC 3339. */
  readonly time: string;
  readonly container: string;
  /** The line, without secrets; absent when it is an object. */
  readonly text?: string;
  /** The object that the line is. */
  readonly event?: Readonly<Record<string, unknown>>;
}

/** How much of a log. */
export interface LocalLogScope {
  /** Last lines only; undefined: all. */
  readonly tail: number | undefined;
  /** Seconds since the epoch; undefined: from the beginning. */
  readonly since: number | undefined;
}

const reconnectMs = 1_000;

/** The lines that a container has written; none when it is gone. */
export async function* readLocalLog(docker: Dockerode, name: string, scope: LocalLogScope): AsyncGenerator<LocalLogItem> {
  const container = docker.getContainer(name);
  const read = async (): Promise<LocalLogItem[]> => {
    const secrets = await secretsOf(container);
    const body = (await container.logs({ ...common, ...optionsOf(scope), follow: false })) as unknown as Buffer;
    return linesOf(body).lines.map((line) => itemOf(name, line, secrets));
  };
  yield* (await inWords(`the log of ${name} could not be read`, ifThere(read()))) ?? [];
}

/** The same and what comes later, through restarts, until the signal or until the container is gone. */
export async function* followLocalLog(
  docker: Dockerode,
  name: string,
  scope: LocalLogScope,
  signal: AbortSignal,
): AsyncGenerator<LocalLogItem> {
  let last = "";
  while (!signal.aborted) {
    const container = docker.getContainer(name);
    const from = last === "" ? scope : { tail: undefined, since: Math.floor(Date.parse(last) / 1000) };
    const open = async (): Promise<[readonly string[], Readable]> => [
      await secretsOf(container),
      (await container.logs({ ...common, ...optionsOf(from), follow: true })) as unknown as Readable,
    ];
    const opened = await inWords(`the log of ${name} could not be read`, ifThere(open()));
    if (opened === undefined) return;
    const [secrets, stream] = opened;
    const stop = (): void => void stream.destroy();
    signal.addEventListener("abort", stop, { once: true });
    // An abort while the engine was asked is told to no listener any more.
    if (signal.aborted) stop();
    let rest: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of stream) {
        const { lines, rest: left } = linesOf(Buffer.concat([rest, chunk as Buffer]));
        rest = left;
        for (const line of lines) {
          // After a restart the engine begins with the second that was being read.
          if (last !== "" && line.time <= last) continue;
          last = line.time;
          yield itemOf(name, line, secrets);
        }
      }
    } catch (thrown) {
      // A connection that was cut is made anew; an engine that is gone is found then.
      const isCut = typeof (thrown as { code?: unknown }).code === "string";
      if (!signal.aborted && !isCut) throw thrown;
    } finally {
      signal.removeEventListener("abort", stop);
      stream.destroy();
    }
    await pause(reconnectMs, signal);
  }
}

/** The last lines of a container, for an error. */
export async function logText(container: Dockerode.Container, tail: number): Promise<string> {
  const secrets = await secretsOf(container);
  const body = (await container.logs({ ...common, follow: false, tail })) as unknown as Buffer;
  return linesOf(body)
    .lines.map(({ text }) => redact(text, secrets))
    .join("\n");
}

const common = { stdout: true, stderr: true, timestamps: true };

function optionsOf({ tail, since }: LocalLogScope): { tail?: number; since?: number } {
  return { ...(tail === undefined ? {} : { tail }), ...(since === undefined ? {} : { since }) };
}

interface Line {
  readonly time: string;
  readonly text: string;
}

/** The lines in what the engine sends: frames of eight bytes' head (stream, length) and text with the time at its front. Pure. */
export function linesOf(bytes: Buffer): { readonly lines: readonly Line[]; readonly rest: Buffer } {
  const lines: Line[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = bytes.readUInt32BE(at + 4);
    if (at + 8 + length > bytes.length) break;
    const text = bytes.subarray(at + 8, at + 8 + length).toString("utf8");
    for (const line of text.split("\n").filter((each) => each !== "")) {
      const space = line.indexOf(" ");
      lines.push({ time: line.slice(0, space), text: line.slice(space + 1).replace(/\r$/, "") });
    }
    at += 8 + length;
  }
  return { lines, rest: bytes.subarray(at) };
}

/** The session's password stands in its container's environment. */
async function secretsOf(container: Dockerode.Container): Promise<readonly string[]> {
  const { Config } = await container.inspect();
  const prefix = `${secretVariable}=`;
  return (Config.Env ?? []).filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length));
}

function itemOf(container: string, { time, text }: Line, secrets: readonly string[]): LocalLogItem {
  const safe = redact(text, secrets);
  const event = eventOf(safe);
  return { time, container, ...(event === undefined ? { text: safe } : { event }) };
}
