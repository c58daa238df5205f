/** The longest line that is accepted; the door's lines are far shorter. */
const longestLine = 64 * 1024;

/**
 * Reads a stream of JSON values, one on each line.
 *
 * A last line without an end of line counts. Throws a `SyntaxError` on a line that is not JSON.
 */
export async function* readJsonLines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      if (rest.length > longestLine && !rest.includes("\n")) throw new SyntaxError("line too long");
      const lines = rest.split("\n");
      rest = done ? "" : (lines.pop() ?? "");
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
