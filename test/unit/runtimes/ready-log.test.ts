import { expect, it } from "vitest";
import { followUntilReady } from "../../../src/runtimes/ready-log.ts";

/** The words for the user in a log that then says that Xpra is ready. */
async function wordsIn(log: string): Promise<string[]> {
  const found: string[] = [];
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.from(log);
    yield Buffer.from("\nxpra is ready.\n");
  }
  const listener = {
    onOpen: () => undefined,
    onReady: () => undefined,
    onWords: (words: string) => void found.push(words),
    onTrouble: () => undefined,
  };
  await followUntilReady(async () => source(), new AbortController().signal, listener);
  return found;
}

it("tells the words of a phase, and reads no line without an end", async () => {
  expect(await wordsIn("noise\nvdi: phase home Your files are being fetched.")).toEqual(["Your files are being fetched."]);
  expect(await wordsIn(`vdi: phase home Your ${"x".repeat(100_000)}.`)).toEqual([]);
});
