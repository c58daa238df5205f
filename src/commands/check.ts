import { allChecks, checksBefore } from "../checks/all.ts";
import { type Category, type CheckResult, categories } from "../checks/check.ts";
import { runChecks } from "../checks/runner.ts";
import { checkWorld } from "../checks/world.ts";
import { readingOf } from "../config/load-config.ts";
import type { Command, Style } from "../util/command.ts";
import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption } from "../util/options.ts";
import { choice, flag, list, number, object, optional, type Shape, text, texts } from "../util/shape.ts";
import { wrapped } from "../util/wrap.ts";
import { clusterOf } from "./prepared.ts";
import { directoryField, namespaceField } from "./shapes.ts";

/** What `vdi check` gives. */
export interface Checked {
  readonly namespace: string;
  readonly directory: string;
  /** `before`: only what a deployment needs was looked at. */
  readonly stage: "before" | "deployed";
  /** True when nothing failed. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<CheckResult["status"], number>>;
  readonly checks: readonly CheckResult[];
}

const statuses = ["ok", "warning", "failed", "skipped"] as const;

/** `vdi check`: everything that has to hold before a deployment, and of one. */
export const check: Command<Checked> = {
  path: ["check"],
  summary: "find out what is wrong, before a deployment or with one",
  description:
    "Looks at this machine, the directory, the cluster and the deployment on it, and says what is not as it should be and what to try. Changes nothing (--probe-network makes a pod and removes it). Exit code 0 when nothing failed, 3 when something did; doc/checks.md has a chapter for each check.",
  options: [
    { name: "pre", type: "boolean", description: "only what has to hold before vdi deploy" },
    { name: "probeNetwork", type: "boolean", description: "try with a pod, for some seconds, whether the network enforces the policies" },
    namespaceOption,
    directoryOption,
    ...clusterOptions,
  ],
  examples: [
    { line: "vdi check --pre", does: "before the first vdi deploy" },
    { line: "vdi check", does: "the deployment that you are in" },
    { line: "vdi check --probe-network", does: "and whether the cluster's network keeps sessions apart" },
    { line: "vdi check -o json | jq '.checks[] | select(.status == \"failed\")'", does: "for a monitor" },
  ],

  shape: object({
    namespace: namespaceField,
    directory: directoryField,
    stage: choice(["before", "deployed"], "`before`: only what a deployment needs was looked at"),
    ok: flag("nothing failed; exit code 3 when something did"),
    counts: object(
      Object.fromEntries(statuses.map((status) => [status, number("how many")])) as Record<CheckResult["status"], Shape<number>>,
      "the checks by what became of them",
    ),
    checks: list(
      object({
        id: text("its name, and the anchor of its chapter in doc/checks.md"),
        category: choice(Object.keys(categories) as Category[], "the group that it is shown in"),
        description: text("what holds when all is well"),
        severity: choice(["fatal", "warning"], "`warning`: it never fails, it only warns"),
        status: choice(statuses, "what became of it"),
        detail: optional(text("with which value it holds")),
        problems: texts("what was found, a line each"),
        try: texts("what to do about it, a suggestion each"),
        why: optional(text("why it was skipped")),
        see: optional(text("the page of the documentation that has more")),
      }),
      "all checks, in the order in which they are shown",
    ),
  }),

  async run(ctx, input) {
    const before = flagOf(input, "pre");
    const reading = readingOf(ctx, input);
    const world = checkWorld(ctx, reading, clusterOf(input), { probeNetwork: flagOf(input, "probeNetwork") });
    try {
      const checks = await runChecks(before ? checksBefore : allChecks, world, {
        signal: ctx.signal,
        // A person sees that something is being done; in a pipe only the result counts.
        ...(ctx.interactive ? { onResult: (_, done, total) => ctx.progress.status(`${done} of ${total} checks`) } : {}),
      });
      const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
      for (const { status } of checks) counts[status] += 1;
      return {
        namespace: reading.values.get("NAMESPACE") ?? "",
        directory: reading.directory,
        stage: before ? "before" : "deployed",
        ok: counts.failed === 0,
        counts,
        checks,
      };
    } finally {
      await world.close();
    }
  },

  human(data, style) {
    const blocks = Object.entries(categories).flatMap(([key, title]) => {
      const members = data.checks.filter(({ category }) => category === key);
      return members.length === 0 ? [] : [[style.bold(title), ...members.map((result) => linesOf(result, style))].join("\n")];
    });
    return [...blocks, summaryOf(data, style)].join("\n\n");
  },

  exitCode: (data) => (data.ok ? ExitCode.ok : ExitCode.checkFailed),
};

const indent = "        ";
const words: Readonly<Record<CheckResult["status"], string>> = { ok: "ok", warning: "warn", failed: "FAIL", skipped: "skip" };

function linesOf(result: CheckResult, style: Style): string {
  const colour = { ok: style.green, warning: style.yellow, failed: style.red, skipped: style.dim }[result.status];
  const more = result.detail ?? result.why;
  const head = wrapped(more === undefined ? result.description : `${result.description} (${more})`, indent).trimStart();
  return [
    `  ${colour(words[result.status])}${" ".repeat(indent.length - 2 - words[result.status].length)}${head}`,
    ...result.problems.map((problem) => wrapped(problem, indent)),
    ...result.try.map((each) => hanging("try: ", each)),
    ...(result.see === undefined ? [] : [`${indent}see: ${result.see}`]),
  ].join("\n");
}

/** The first line begins with a word, the following ones stand below the text behind it. */
function hanging(word: string, text: string): string {
  const deeper = `${indent}${" ".repeat(word.length)}`;
  return `${indent}${word}${wrapped(text, deeper).trimStart()}`;
}

function summaryOf({ counts, ok }: Checked, style: Style): string {
  const parts = [`${counts.ok} ok`];
  if (counts.warning > 0) parts.push(style.yellow(counted(counts.warning, "warning")));
  if (counts.failed > 0) parts.push(style.red(`${counts.failed} failed`));
  if (counts.skipped > 0) parts.push(`${counts.skipped} skipped`);
  return `${ok ? style.green("nothing failed") : style.red("something failed")}: ${parts.join(", ")}`;
}
