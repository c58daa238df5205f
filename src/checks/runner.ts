import { explainKubeError } from "../kube/errors.ts";
import { manyListeners } from "../util/many-listeners.ts";
import { isAbort, messageOf, VdiError } from "../util/vdi-error.ts";
import { type Check, type CheckResult, checksPage, type Finding } from "./check.ts";

const defaultDeadlineMs = 15_000;

/** How checks are run. */
export interface RunOptions {
  readonly signal: AbortSignal;
  /** Told of each result as it comes, in no order. */
  onResult?(result: CheckResult, done: number, total: number): void;
}

/**
 * Runs checks, each as soon as those that it needs have ended, and gives their results in the order of the list.
 * A check is skipped when one that it needs failed or was skipped. One that throws or does not end in time has failed;
 * only an abort by the caller's signal is thrown.
 */
export async function runChecks<World>(
  checks: readonly Check<World>[],
  world: World,
  options: RunOptions,
): Promise<readonly CheckResult[]> {
  const running = new Map<string, Promise<CheckResult>>();
  let done = 0;
  for (const check of checks) {
    const needed = check.needs.map((id) => {
      const earlier = running.get(id);
      if (earlier === undefined) throw new Error(`the check ${check.id} needs ${id}, which does not come before it`);
      return earlier;
    });
    const result = Promise.all(needed).then(async (results) => {
      const missing = results.find(({ status }) => status === "failed" || status === "skipped");
      const finding: Finding =
        missing === undefined ? await find(check, world, options.signal) : { status: "skipped", why: whyNot(missing) };
      const shown = resultOf(check, finding);
      done += 1;
      options.onResult?.(shown, done, checks.length);
      return shown;
    });
    // All are awaited below; until then a failure of one must not count as unhandled.
    result.catch(() => undefined);
    running.set(check.id, result);
  }
  return Promise.all(running.values());
}

/** What was skipped for another one's sake is skipped for the first cause. */
function whyNot(missing: CheckResult): string {
  return missing.status === "failed" ? `needs: ${missing.description}` : (missing.why ?? missing.description);
}

async function find<World>(check: Check<World>, world: World, signal: AbortSignal): Promise<Finding> {
  signal.throwIfAborted();
  const deadlineMs = check.deadlineMs ?? defaultDeadlineMs;
  const stop = new AbortController();
  const ends = manyListeners(AbortSignal.any([signal, stop.signal]));
  let last: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let abort: (() => void) | undefined;
  try {
    return await Promise.race([
      check.run(world, {
        signal: ends,
        saw: (what) => {
          last = what;
        },
      }),
      new Promise<Finding>((resolve, reject) => {
        timer = setTimeout(() => {
          const seen = last === undefined ? "" : `; last: ${last}`;
          resolve({ status: "failed", problems: [`it took longer than ${deadlineMs / 1000} s${seen}`] });
        }, deadlineMs);
        abort = () => reject(signal.reason);
        signal.addEventListener("abort", abort);
      }),
    ]);
  } catch (thrown) {
    if (signal.aborted && isAbort(thrown)) throw thrown;
    return findingOf(thrown);
  } finally {
    clearTimeout(timer);
    if (abort !== undefined) signal.removeEventListener("abort", abort);
    stop.abort();
  }
}

/** What was thrown, as a finding: the words of an error of ours, else the message, so that the other checks are still told. */
function findingOf(thrown: unknown): Finding {
  const error = explainKubeError(thrown, "the cluster could not be asked");
  if (!(error instanceof VdiError)) return { status: "failed", problems: [`a bug of vdi in this check: ${messageOf(thrown)}`] };
  const problems = [error.what, ...(error.why === undefined ? [] : error.why.split("\n"))];
  return { status: "failed", problems, ...(error.tries.length === 0 ? {} : { try: error.tries }) };
}

function resultOf<World>(check: Check<World>, finding: Finding): CheckResult {
  const { id, category, description, severity } = check;
  const status = finding.status === "failed" && severity === "warning" ? "warning" : finding.status;
  const base = { id, category, description, severity, status };
  switch (finding.status) {
    case "ok":
      return { ...base, ...(finding.detail === undefined ? {} : { detail: finding.detail }), problems: [], try: [] };
    case "skipped":
      return { ...base, problems: [], try: [], why: finding.why };
    default:
      return { ...base, problems: finding.problems, try: finding.try ?? check.hint, see: `${checksPage}#${id}` };
  }
}
