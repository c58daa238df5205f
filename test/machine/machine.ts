import { styleFor } from "../../src/cli/output.ts";
import { describeFailure } from "../../src/cli/print-error.ts";
import { ensureEngine } from "../../src/local/engine-start.ts";
import { clusterLayout } from "../cluster/layout.ts";
import { withLock } from "../cluster/lock.ts";
import { ensureTestPackages } from "./packages.ts";

const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => interrupt.abort());

const job = {
  signal: interrupt.signal,
  say: (text: string): void => void process.stderr.write(`machine: ${text}\n`),
};

const { state } = clusterLayout(process.env);
try {
  // Two at once would start two engines.
  await withLock(`${state}/machine.lock`, job, async () => {
    const installed = await ensureTestPackages(job);
    const engine = await ensureEngine(state, job);
    job.say(installed.length === 0 ? "all packages are there" : `installed ${installed.length} packages`);
    job.say(
      `container engine: ${engine.version === "" ? process.env["DOCKER_HOST"] : `Docker ${engine.version}`}${engine.started ? ", started now" : ""}`,
    );
  });
} catch (error) {
  const failure = describeFailure(error, interrupt.signal.aborted, styleFor(false));
  process.stderr.write(failure.text);
  process.exitCode = failure.exitCode;
}
