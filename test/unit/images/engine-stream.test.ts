import { describe, expect, it } from "vitest";
import { decodeTrace } from "../../../src/images/buildkit-trace.ts";
import { type EngineEvent, engineEvents } from "../../../src/images/engine-stream.ts";
import { traceLine } from "../../integration/images/trace-message.ts";

async function read(chunks: readonly (string | Buffer)[]): Promise<EngineEvent[]> {
  const found: EngineEvent[] = [];
  async function* answer() {
    yield* chunks;
  }
  for await (const event of engineEvents(answer())) found.push(event);
  return found;
}

describe("the engine's answer", () => {
  it("has a failure in it that looks like a success", async () => {
    const failure = { kind: "error", message: "exit code: 7" };
    expect(await read(['{"errorDetail":{"code":7,"message":"exit code: 7"},"error":"x"}\n'])).toEqual([failure]);
    expect(await read(['{"error":"exit code: 7"}'])).toEqual([failure]);
  });

  it("may be cut anywhere, also within a letter", async () => {
    const bytes = Buffer.from(
      '{"status":"grün"}\r\n{"id":"abc","status":"Pushing"}\n{"aux":{"Tag":"latest","Digest":"sha256:1"}}\n{"id":"moby.image.id","aux":{"ID":"sha256:2"}}',
    );
    const expected = [
      { kind: "status", text: "grün" },
      { kind: "status", text: "abc: Pushing" },
      { kind: "digest", digest: "sha256:1" },
      { kind: "image", id: "sha256:2" },
    ];
    for (let at = 0; at < bytes.length; at += 1) expect(await read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
  });

  it("reports a step when it starts and when it ends, with its output in between, each once", async () => {
    const name = "[1/2] RUN true";
    const vertex = { digest: "sha256:1", name };
    const started = { ...vertex, startedMs: 1_700_000_000_123 };
    const done = { ...started, completedMs: 1_700_000_002_623 };
    const lines = [
      traceLine([vertex]),
      traceLine([started]),
      traceLine([started]),
      traceLine([], [{ vertex: "sha256:1", text: "one\n" }]),
      traceLine([done], [{ vertex: "sha256:1", text: "two\n" }]),
      traceLine([done]),
      traceLine([started]),
    ];
    expect(await read(lines)).toEqual([
      { kind: "step", id: "sha256:1", name, state: "started", milliseconds: 0 },
      { kind: "output", id: "sha256:1", text: "one\n" },
      { kind: "output", id: "sha256:1", text: "two\n" },
      { kind: "step", id: "sha256:1", name, state: "done", milliseconds: 2500 },
    ]);
  });

  it.each([
    ["failed", { error: "exit code: 1" }],
    ["cancelled", { error: "context canceled" }],
    ["cached", { cached: true }],
  ])("tells a step that is %s", async (state, over) => {
    const events = await read([traceLine([{ digest: "d", name: "n", startedMs: 1000, completedMs: 1000, ...over }])]);
    expect(events).toEqual([{ kind: "step", id: "d", name: "n", state, milliseconds: 0 }]);
  });

  it("is not stopped by a message that nobody understands", async () => {
    expect(decodeTrace("")).toEqual({ vertexes: [], logs: [] });
    expect(decodeTrace(Buffer.from([0x0a, 0x7f, 1]).toString("base64"))).toEqual({ vertexes: [], logs: [] });
    expect(decodeTrace(Buffer.from([0xff, 0xff, 0xff]).toString("base64"))).toEqual({ vertexes: [], logs: [] });
    expect(await read(["not json\n", "[]\n", '{"id":"moby.buildkit.trace","aux":1}\n'])).toEqual([{ kind: "status", text: "not json" }]);
  });
});
