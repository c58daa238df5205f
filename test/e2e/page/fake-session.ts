import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** The answer that makes an HTTP request into a WebSocket. */
export function acceptWebSocket(request: IncomingMessage): string {
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`];
  if (request.headers["sec-websocket-protocol"] !== undefined) lines.push("Sec-WebSocket-Protocol: binary");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A short binary message of a server's WebSocket. */
export function webSocketFrame(payload: Buffer): Buffer {
  if (payload.length > 125) throw new Error("only short messages are needed here");
  return Buffer.concat([Buffer.of(0x82, payload.length), payload]);
}

/** A packet of short texts in Xpra's framing and its encoding "rencodeplus". */
export function xpraPacket(words: readonly string[]): Buffer {
  const texts = words.map((word) => Buffer.concat([Buffer.of(128 + Buffer.byteLength(word)), Buffer.from(word)]));
  const payload = Buffer.concat([Buffer.of(192 + words.length), ...texts]);
  const header = Buffer.from([0x50, 0x10, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
