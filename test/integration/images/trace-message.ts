/** What a fake engine tells of a step. */
export interface FakeVertex {
  readonly digest: string;
  readonly name: string;
  readonly startedMs?: number;
  readonly completedMs?: number;
  readonly cached?: boolean;
  readonly error?: string;
}

/** A `moby.buildkit.trace` line as the engine writes it: protobuf, in base64, in JSON. */
export function traceLine(
  vertexes: readonly FakeVertex[],
  logs: readonly { readonly vertex: string; readonly text: string }[] = [],
): string {
  const message = Buffer.concat([
    ...vertexes.map((each) => bytes(1, vertex(each))),
    ...logs.map((each) => bytes(3, Buffer.concat([text(1, each.vertex), text(4, each.text)]))),
  ]);
  return `${JSON.stringify({ id: "moby.buildkit.trace", aux: message.toString("base64") })}\n`;
}

function vertex(each: FakeVertex): Buffer {
  return Buffer.concat([
    text(1, each.digest),
    // An input: a field that the reader passes over.
    text(2, "sha256:input"),
    text(3, each.name),
    each.cached === true ? number(4, 1) : Buffer.alloc(0),
    each.startedMs === undefined ? Buffer.alloc(0) : bytes(5, timestamp(each.startedMs)),
    each.completedMs === undefined ? Buffer.alloc(0) : bytes(6, timestamp(each.completedMs)),
    each.error === undefined ? Buffer.alloc(0) : text(7, each.error),
  ]);
}

function timestamp(ms: number): Buffer {
  return Buffer.concat([number(1, Math.floor(ms / 1000)), number(2, (ms % 1000) * 1_000_000)]);
}

function varint(value: number): Buffer {
  const found: number[] = [];
  let rest = value;
  while (rest > 127) {
    found.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...found, rest]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, "utf8"));
}
