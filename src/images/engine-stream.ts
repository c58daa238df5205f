import { decodeTrace, type TraceVertex } from "./buildkit-trace.ts";

/** How far a step is; a step that was stopped because another one failed is `cancelled`. */
export type StepState = "started" | "cached" | "done" | "failed" | "cancelled";

/** What happens while the engine builds, pulls or pushes. */
export type EngineEvent =
  | { readonly kind: "step"; readonly id: string; readonly name: string; readonly state: StepState; readonly milliseconds: number }
  | { readonly kind: "output"; readonly id: string; readonly text: string }
  | { readonly kind: "status"; readonly text: string }
  /** The id of the built image. */
  | { readonly kind: "image"; readonly id: string }
  /** The digest under which a registry has the pushed image. */
  | { readonly kind: "digest"; readonly digest: string }
  | { readonly kind: "error"; readonly message: string };

/**
 * The engine's answer to a build, pull or push as events: JSON values one after the other, with BuildKit's own messages in
 * them. A failure arrives as an event of the kind `error` in an answer that looks like a success.
 */
export async function* engineEvents(answer: AsyncIterable<Buffer | string>): AsyncGenerator<EngineEvent> {
  const reader = new StepReader();
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield* reader.read(line);
  }
  yield* reader.read(rest);
}

/** Turns lines into events; it remembers which steps were reported, because BuildKit repeats them. */
class StepReader {
  readonly #reported = new Map<string, string>();

  *read(line: string): Generator<EngineEvent> {
    if (line.trim() === "") return;
    const message = parse(line);
    if (message === undefined) return yield { kind: "status", text: line.trim() };
    const error = textAt(message["errorDetail"], "message") ?? (typeof message["error"] === "string" ? message["error"] : undefined);
    if (error !== undefined) return yield { kind: "error", message: error.trim() };
    if (message["id"] === "moby.buildkit.trace" && typeof message["aux"] === "string") return yield* this.#trace(message["aux"]);
    const id = textAt(message["aux"], "ID");
    if (id !== undefined) return yield { kind: "image", id };
    const digest = textAt(message["aux"], "Digest");
    if (digest !== undefined) return yield { kind: "digest", digest };
    const text = typeof message["status"] === "string" ? message["status"] : undefined;
    if (text !== undefined)
      yield { kind: "status", text: typeof message["id"] === "string" && message["id"] !== "" ? `${message["id"]}: ${text}` : text };
  }

  *#trace(base64: string): Generator<EngineEvent> {
    const { vertexes, logs } = decodeTrace(base64);
    const ended: EngineEvent[] = [];
    for (const vertex of vertexes) {
      if (vertex.startedMs === undefined) continue;
      const state = stateOf(vertex);
      // BuildKit may look at a step again after it has ended; its first end is the one that counts.
      const before = this.#reported.get(vertex.digest);
      if (before === state || (before !== undefined && before !== "started")) continue;
      this.#reported.set(vertex.digest, state);
      const milliseconds = (vertex.completedMs ?? vertex.startedMs) - vertex.startedMs;
      const event: EngineEvent = { kind: "step", id: vertex.digest, name: vertex.name, state, milliseconds };
      if (state === "started") yield event;
      else ended.push(event);
    }
    for (const log of logs) yield { kind: "output", id: log.vertex, text: log.text };
    // A step's last output may come in the same message as its end.
    yield* ended;
  }
}

function stateOf(vertex: TraceVertex): StepState {
  if (vertex.completedMs === undefined) return "started";
  if (vertex.error !== "") return /context canceled/.test(vertex.error) ? "cancelled" : "failed";
  return vertex.cached ? "cached" : "done";
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function textAt(value: unknown, key: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === "string" && found !== "" ? found : undefined;
}
