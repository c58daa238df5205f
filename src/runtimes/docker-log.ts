import type { EngineClient } from "../engine/engine-client.ts";
import type { OpenLog } from "./ready-log.ts";

const headerBytes = 8;

/** Opens the log of a container from its beginning, followed until the container ends. */
export function openContainerLog(client: EngineClient, id: string): OpenLog {
  return async (signal) =>
    withoutHeaders(await client.stream({ path: `/containers/${id}/logs`, query: { follow: true, stdout: true, stderr: true }, signal }));
}

/** Both streams of a container come in one, each piece after eight bytes that say which one and how long. */
export async function* withoutHeaders(source: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of source) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (;;) {
      if (left === 0) {
        if (rest.length < headerBytes) break;
        left = rest.readUInt32BE(4);
        rest = rest.subarray(headerBytes);
      }
      const piece = rest.subarray(0, left);
      if (piece.length > 0) yield piece;
      left -= piece.length;
      rest = rest.subarray(piece.length);
      if (left > 0) break;
    }
  }
}
