import { StringDecoder } from "node:string_decoder";

/** The lines of a stream of bytes, as they are completed; a last one without a line break included. */
export async function* linesOf(source: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of source) {
    const parts = (rest + decoder.write(chunk as Buffer)).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
  rest += decoder.end();
  if (rest !== "") yield rest;
}
