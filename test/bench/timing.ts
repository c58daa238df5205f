import { spawn } from "node:child_process";

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** So many samples, one after the other. */
export async function samples(count: number, take: () => Promise<number>): Promise<readonly number[]> {
  const taken: number[] = [];
  while (taken.length < count) taken.push(await take());
  return taken;
}

/** What some machines have every Node load at its start is no part of what is measured: a bundle of certificates takes longer than Node itself. */
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...inherited } = process.env;

/** A program as it is started. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Milliseconds from a program's start to its end; throws with what it said when it fails. Nothing else runs in between. */
export function timeProgram({ file, args, cwd, env, input }: Program): Promise<number> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const child = spawn(file, args, { cwd, env: { ...inherited, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString("utf8")).slice(-2_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    // A program that reads no input may have ended before it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    child.once("error", reject);
    child.once("close", (code) => {
      const took = performance.now() - from;
      if (code === 0) resolve(took);
      else reject(new Error(`${file} ended with ${code}: ${said.trim()}`));
    });
  });
}

/** Two rows of samples, taken in turn. */
export interface Pairs {
  readonly ours: readonly number[];
  readonly plain: readonly number[];
}

/**
 * Takes two samples side by side, again and again, so that whatever else the machine does meets both: the one that goes first
 * changes each time. One pair before the first is thrown away.
 */
export async function interleaved(
  count: number,
  ours: () => Promise<number>,
  plain: () => Promise<number>,
  signal?: AbortSignal,
): Promise<Pairs> {
  const rows = { ours: [] as number[], plain: [] as number[] };
  await ours();
  await plain();
  for (let at = 0; at < count; at += 1) {
    signal?.throwIfAborted();
    if (at % 2 === 0) rows.ours.push(await ours());
    rows.plain.push(await plain());
    if (at % 2 === 1) rows.ours.push(await ours());
  }
  return rows;
}
