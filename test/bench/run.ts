import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { manyListeners } from "../../src/util/many-listeners.ts";
import { messageOf } from "../../src/util/vdi-error.ts";
import type { Bench, World } from "./bench.ts";
import { benches } from "./benches/index.ts";
import { type Deployment, prepareDeployment } from "./deployment.ts";
import { busyShare, describeMachine } from "./machine.ts";
import { renderReport } from "./render.ts";
import { type BenchReport, mergeReports, type Report, rounded } from "./report.ts";

const usage = `usage: npm run bench -- [NAME…] [--quick] [--json FILE] [--document] [--list]

Measures what is named, or everything but what is run by its name only, and writes artifacts/bench.json and artifacts/performance.md.
A complete run that is not quick writes doc/performance.json and doc/performance.md as well.

--quick      a few samples only, to see that it works
--json FILE  write the data there instead of artifacts/bench.json
--document   put what is measured into doc/performance.json and doc/performance.md, in the place of what is there
--render     measure nothing: write doc/performance.md from doc/performance.json
--list       the names, and what each measures
`;

const root = join(import.meta.dirname, "..", "..");
const started = Date.now();
const interrupt = new AbortController();
const interrupted = manyListeners(interrupt.signal);

function say(text: string): void {
  process.stderr.write(`bench: [${String(Math.round((Date.now() - started) / 1000)).padStart(4)} s] ${text}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      document: { type: "boolean", default: false },
      render: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.list) {
    const width = Math.max(...benches.map(({ name }) => name.length));
    for (const { name, what, onlyByName } of benches)
      process.stdout.write(`${name.padEnd(width)}  ${what}${onlyByName === true ? " Only by its name." : ""}\n`);
    return 0;
  }
  const documents = { json: join(root, "doc", "performance.json"), markdown: join(root, "doc", "performance.md") };
  if (values.render) {
    await writeFile(documents.markdown, renderReport(await readReport(documents.json)));
    return 0;
  }
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: there is no ${unknown.join(", ")}; npm run bench -- --list\n`);
    return 2;
  }
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interrupt.abort(new Error("interrupted")));

  const chosen = benches.filter(({ name, onlyByName = false }) => (positionals.length === 0 ? !onlyByName : positionals.includes(name)));
  const jsonFile = resolve(values.json ?? join(root, "artifacts", "bench.json"));
  const markdownFile = join(root, "artifacts", "performance.md");
  const command = `npm run bench${argv.length === 0 ? "" : ` -- ${argv.join(" ")}`}`;
  const machine = await describeMachine(root);
  const reports: BenchReport[] = [];
  const report = (): Report => rounded({ version: 1, quick: values.quick, machine, benches: reports });
  const shared: Shared = { deployment: undefined };
  for (const [at, bench] of chosen.entries()) {
    if (interrupted.aborted) break;
    say(`${at + 1} of ${chosen.length}: ${bench.name}`);
    reports.push(await measure(bench, values.quick, command, shared));
    // After each: whoever interrupts it keeps what was measured.
    await write(jsonFile, `${JSON.stringify(report(), undefined, 1)}\n`);
    await write(markdownFile, renderReport(report()));
  }
  const failed = reports.filter(({ error }) => error !== undefined);
  if (interrupted.aborted) {
    say("interrupted");
    return 130;
  }
  if (values.document || (positionals.length === 0 && !values.quick)) {
    // A complete run leaves the figures of those that are run by their names only.
    const before = existsSync(documents.json) ? await readReport(documents.json) : undefined;
    const merged = mergeReports(
      before,
      report(),
      benches.map(({ name }) => name),
    );
    await write(documents.json, `${JSON.stringify(merged)}\n`);
    await write(documents.markdown, renderReport(merged));
    say(`wrote ${relative(root, documents.json)} and ${relative(root, documents.markdown)}`);
  }
  say(`wrote ${relative(process.cwd(), jsonFile)} and ${relative(process.cwd(), markdownFile)}`);
  for (const { name, error } of failed) say(`FAILED ${name}: ${error}`);
  return failed.length === 0 ? 0 : 1;
}

interface Shared {
  deployment: Promise<Deployment> | undefined;
}

/** Runs one bench and undoes what it has left, however it ends. */
async function measure(bench: Bench, quick: boolean, command: string, shared: Shared): Promise<BenchReport> {
  const undos: (() => Promise<unknown>)[] = [];
  const world: World = {
    quick,
    root,
    signal: interrupted,
    say: (text) => say(`${bench.name}: ${text}`),
    count: (full, few) => (quick ? few : full),
    deployment: () => {
      shared.deployment ??= prepareDeployment();
      return shared.deployment;
    },
    defer: (undo) => undos.unshift(undo),
  };
  const { name, what, how, heldBackBy } = bench;
  const busyBefore = await busyShare();
  const from = Date.now();
  const report = (figures: BenchReport["figures"], error?: string): BenchReport => ({
    ...{ name, what, how, heldBackBy, command, busyBefore, figures },
    time: new Date(from).toISOString(),
    seconds: (Date.now() - from) / 1000,
    ...(error === undefined ? {} : { error }),
  });
  try {
    return report(await bench.run(world));
  } catch (thrown) {
    say(`${name}: ${(thrown as Error).stack ?? messageOf(thrown)}`);
    return report([], messageOf(thrown));
  } finally {
    for (const undo of undos) await undo().catch((thrown: unknown) => say(`${name}: could not be undone: ${messageOf(thrown)}`));
  }
}

async function readReport(file: string): Promise<Report> {
  return JSON.parse(await readFile(file, "utf8")) as Report;
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    process.stderr.write(`bench: ${messageOf(thrown)}\n`);
    process.exitCode = 2;
  },
);
