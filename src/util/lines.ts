import { StringDecoder } from "node:string_decoder";

/** Whoever writes a log may leave out the line breaks, and no reader is to keep all of it. */
export const longestLogLine = 65_536;

/**
 * The lines of a stream of bytes, as they are completed; a last one without a line break included.
 * Of a line with more characters than `longest` only its beginning is kept.
 */
export async function* linesOf(source: AsyncIterable<unknown>, longest = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  const cut = (text: string): string => (text.length > longest ? text.slice(0, longest) : text);
  let rest = "";
  for await (const chunk of source) {
    // The rest has no line break and is not searched again: a line may come in very many chunks.
    const [first = "", ...others] = decoder.write(chunk as Buffer).split("\n");
    rest = cut(rest + first);
    for (const other of others) {
      if (rest !== "") yield rest;
      rest = cut(other);
    }
  }
  rest = cut(rest + decoder.end());
  if (rest !== "") yield rest;
}
