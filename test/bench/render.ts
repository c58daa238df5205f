import type { Figure, Target, Unit } from "./bench.ts";
import type { BenchReport, Report } from "./report.ts";
import { ratioOf, type Summary, summaryOf, type Verdict, verdictsOf } from "./statistics.ts";

/** doc/performance.md, from a run's data alone. */
export function renderReport(report: Report): string {
  const { machine, benches } = report;
  const rows = benches.flatMap((bench) => bench.figures.map((figure) => ({ bench, figure })));
  const aimed = rows.filter(({ figure }) => (figure.targets ?? []).length > 0);
  return [
    "# Performance",
    "",
    "Written by `npm run bench` from `doc/performance.json`; do not edit. Every figure was taken on one machine, each chapter in the run that its last line",
    "names (the commit is that of the newest), with the same thing done the plain way right beside it where there is one. Ratios carry over to other machines, seconds do not.",
    ...(report.quick ? ["", "**A quick run: the figures show that the benches work, and nothing else.**"] : []),
    "",
    "| machine | |",
    "| --- | --- |",
    ...Object.entries(machine).map(([name, value]) => `| ${name} | ${cell(value)} |`),
    "",
    "## What is to be reached",
    "",
    "| what | figure | to reach | |",
    "| --- | --- | --- | --- |",
    ...aimed.flatMap(({ bench, figure }) =>
      verdictsOf(figure).map(
        (verdict) =>
          `| [${cell(figure.what)}](#${bench.name}) | ${verdictText(figure, verdict)} | ${targetText(figure, verdict)} | ${verdict.reached ? "reached" : "**not reached**"} |`,
      ),
    ),
    ...benches.filter(({ error }) => error !== undefined).map(({ name, what }) => `| [${cell(what)}](#${name}) | | | **not measured** |`),
    "",
    ...benches.flatMap(section),
  ].join("\n");
}

function section(bench: BenchReport): string[] {
  const { name, what, how, heldBackBy, figures, error, command, seconds, time, busyBefore } = bench;
  const busy = busyBefore < 0.1 ? "" : `, while others used ${Math.round(busyBefore * 100)} % of the machine`;
  return [
    `## ${name}`,
    "",
    what,
    "",
    how,
    "",
    ...(error === undefined ? [] : [`Could not be measured: ${error}`, ""]),
    ...(figures.length === 0
      ? []
      : [
          "| | n | min | p50 | p95 | p99 | max | ratio, median (min to max) |",
          "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
          ...figures.flatMap(figureRows),
          "",
        ]),
    ...figures.filter(({ note }) => note !== undefined).flatMap(({ what: row, note }) => [`${row}: ${note}`, ""]),
    `What holds it back: ${heldBackBy}`,
    "",
    `\`${command}\`, ${Math.round(seconds)} s on ${time.slice(0, 16).replace("T", " ")} UTC${busy}.`,
    "",
  ];
}

function figureRows(figure: Figure): string[] {
  const { what, unit, samples, plain } = figure;
  const ratio = ratioOf(figure);
  const spread =
    ratio === undefined ? "" : ratio.n === 1 ? number(ratio.p50) : `${number(ratio.p50)} (${number(ratio.min)} to ${number(ratio.max)})`;
  return [
    row(what, unit, summaryOf(samples), spread),
    ...(plain === undefined ? [] : [row(`beside it: ${plain.what}`, unit, summaryOf(plain.samples), "1")]),
  ];
}

function row(what: string, unit: Unit, { n, min, p50, p95, p99, max }: Summary, ratio: string): string {
  const title = unit === "" ? cell(what) : `${cell(what)}, ${unit}`;
  return `| ${title} | ${n} | ${[min, p50, p95, p99, max].map(number).join(" | ")} | ${ratio} |`;
}

function verdictText({ unit }: Figure, { target, value }: Verdict): string {
  return target.exactly === undefined ? `${target.of} ${measure(value, unit)}` : measure(value, unit);
}

function targetText({ unit }: Figure, { target, limit }: Verdict): string {
  if (target.exactly !== undefined) return `exactly ${measure(target.exactly, unit)}`;
  return target.timesPlain === undefined
    ? `at most ${measure(limit, unit)}`
    : `at most ${timesText(target, unit)}: ${measure(limit, unit)}`;
}

function timesText({ timesPlain, atMost }: Target, unit: Unit): string {
  return `${timesPlain} times what runs beside it${atMost === undefined ? "" : ` and ${measure(atMost, unit)}`}`;
}

function measure(value: number, unit: Unit): string {
  return unit === "" ? number(value) : `${number(value)} ${unit}`;
}

/** Three figures; whole numbers stay whole. */
export function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ");
}
