import { PassThrough } from "node:stream";
import { afterEach, expect, it } from "vitest";
import { askYesNo } from "../../../src/cli/question.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A terminal on which these keys are pressed as soon as the question stands there. */
function ask(keys: string): { readonly answer: Promise<boolean>; readonly signal: AbortSignal } {
  const interrupt = new AbortController();
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  ends.push(() => input.destroy());
  const place = { input, output, signal: interrupt.signal, interrupt: () => void setImmediate(() => interrupt.abort()) };
  output.once("data", () => input.write(keys));
  return { answer: askYesNo("Really?", place), signal: interrupt.signal };
}

it.each([
  ["y\r", true],
  ["Yes\r", true],
  ["\r", false],
  ["no\r", false],
  ["\u0004", false],
])("takes %j for %s", async (keys, wanted) => {
  expect(await ask(keys).answer).toBe(wanted);
});

it("ends with the interruption on Ctrl-C, which no signal tells of while a line is edited", async () => {
  const { answer, signal } = ask("\u0003");
  await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  expect(signal.aborted).toBe(true);
});
