/** A step of a build as BuildKit reports it. It is reported again whenever something of it changes. */
export interface TraceVertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  /** Milliseconds since the epoch. */
  readonly startedMs: number | undefined;
  readonly completedMs: number | undefined;
  readonly error: string;
}

/** Output of a step's program. */
export interface TraceLog {
  readonly vertex: string;
  readonly text: string;
}

/** One message of BuildKit about a running build. */
export interface Trace {
  readonly vertexes: readonly TraceVertex[];
  readonly logs: readonly TraceLog[];
}

/** One field of a protobuf message: a number, or bytes that are a text or a message of their own. */
type Field = { readonly number: number; readonly varint: number } | { readonly number: number; readonly bytes: Buffer };

/**
 * Decodes the base64 text of a `moby.buildkit.trace` message: protobuf of BuildKit's `StatusResponse`
 * (https://github.com/moby/buildkit/blob/master/api/services/control/control.proto), of which the steps and their output are read.
 */
export function decodeTrace(base64: string): Trace {
  const vertexes: TraceVertex[] = [];
  const logs: TraceLog[] = [];
  for (const field of fieldsOf(Buffer.from(base64, "base64"))) {
    if (!("bytes" in field)) continue;
    if (field.number === 1) vertexes.push(vertexOf(field.bytes));
    else if (field.number === 3) logs.push(logOf(field.bytes));
  }
  return { vertexes, logs };
}

function vertexOf(bytes: Buffer): TraceVertex {
  let digest = "";
  let name = "";
  let error = "";
  let cached = false;
  let startedMs: number | undefined;
  let completedMs: number | undefined;
  for (const field of fieldsOf(bytes)) {
    if ("varint" in field) {
      if (field.number === 4) cached = field.varint !== 0;
    } else if (field.number === 1) digest = field.bytes.toString("utf8");
    else if (field.number === 3) name = field.bytes.toString("utf8");
    else if (field.number === 5) startedMs = timestampOf(field.bytes);
    else if (field.number === 6) completedMs = timestampOf(field.bytes);
    else if (field.number === 7) error = field.bytes.toString("utf8");
  }
  return { digest, name, cached, startedMs, completedMs, error };
}

function logOf(bytes: Buffer): TraceLog {
  let vertex = "";
  let text = "";
  for (const field of fieldsOf(bytes)) {
    if (!("bytes" in field)) continue;
    if (field.number === 1) vertex = field.bytes.toString("utf8");
    else if (field.number === 4) text = field.bytes.toString("utf8");
  }
  return { vertex, text };
}

function timestampOf(bytes: Buffer): number {
  let seconds = 0;
  let nanos = 0;
  for (const field of fieldsOf(bytes)) {
    if (!("varint" in field)) continue;
    if (field.number === 1) seconds = field.varint;
    else if (field.number === 2) nanos = field.varint;
  }
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}

/** The fields of one message. A message that ends too early ends the list: progress is no reason to stop a build. */
function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    // Multiplication, because shifts are of 32 bits only.
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) yield { number, varint: varint() };
    else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) return;
      yield { number, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else return;
  }
}
