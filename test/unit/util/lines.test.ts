import { expect, it } from "vitest";
import { linesOf, longestLogLine } from "../../../src/util/lines.ts";

async function* chunks(...texts: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function read(source: AsyncIterable<unknown>, longest?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(source, longest)) lines.push(line);
  return lines;
}

it("gives the lines however they are cut, without the empty ones", async () => {
  const euro = Buffer.from("€");
  expect(await read(chunks("a", "b\nc\n\n", "\nd", euro.subarray(0, 1), euro.subarray(1), "\n", "e"))).toEqual(["ab", "c", "d€", "e"]);
  expect(await read(chunks())).toEqual([]);
});

it("keeps the beginning of a line that is too long, and all of the next one", async () => {
  expect(await read(chunks("abcd", "ef", "gh\nijk", "\nlmnop\nq"), 3)).toEqual(["abc", "ijk", "lmn", "q"]);
  expect(await read(chunks("abcdef"), 3)).toEqual(["abc"]);
});

it("reads a flood without a line break, and keeps no more of it than a line", async () => {
  const flood = Array.from({ length: 800 }, () => "x".repeat(65_536));
  expect((await read(chunks(...flood, "\nnext\n"), longestLogLine)).map((line) => line.length)).toEqual([longestLogLine, 4]);
});
