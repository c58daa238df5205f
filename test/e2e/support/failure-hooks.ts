import { afterAll, afterEach } from "vitest";
import { artifactDirectory, keepArtifacts } from "./artifacts.ts";

// Runs before a file's own afterEach and afterAll, which remove what there is to see (`sequence.hooks` in ../project.ts).
const deadlineMs = 120_000;
let kept = 0;

function words(errors: readonly { readonly message?: string; readonly stack?: string }[] | undefined): string {
  return (errors ?? []).map((error) => error.stack ?? error.message ?? "").join("\n\n");
}

async function keep(file: string, name: string, failure: string): Promise<void> {
  kept += 1;
  const directory = artifactDirectory(file, name);
  await keepArtifacts(directory, `${name}\n\n${failure}\n`);
  process.stderr.write(`kept for the failed test: ${directory}\n`);
}

afterEach(async ({ task }) => {
  if (task.result?.state === "fail") await keep(task.file.name, task.name, words(task.result.errors));
}, deadlineMs);

// A set-up that fails has no test of its own.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern that no fixture is wanted
afterAll(async ({}, suite) => {
  if (kept === 0 && suite.result?.state === "fail") await keep(suite.file.name, "set-up", words(suite.result.errors));
}, deadlineMs);
