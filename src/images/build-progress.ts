import type { ProgressSink } from "../util/context.ts";
import type { EngineEvent } from "./engine-stream.ts";

/** How many lines of a failing step are shown. */
const lastLines = 25;

interface RunningStep {
  readonly name: string;
  readonly sinceMs: number;
}

/** What a build has told so far, for the screen and for the words of its failure. */
interface ImageState {
  readonly steps: Map<string, RunningStep>;
  readonly names: Map<string, string>;
  readonly output: Map<string, string>;
  failed: string | undefined;
  status: string | undefined;
}

/**
 * Shows several builds at once. Live: one line with the running step of each, and a line that stays for each step that took a
 * while. Else: a line when a step starts and when it ends.
 */
export class BuildProgress {
  readonly #sink: ProgressSink;
  readonly #live: boolean;
  readonly #now: () => number;
  readonly #images = new Map<string, ImageState>();
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: ProgressSink, options: { readonly live: boolean; readonly now: () => number }) {
    this.#sink = sink;
    this.#live = options.live;
    this.#now = options.now;
  }

  /** A build or a push of an image begins. */
  start(image: string, words: string): void {
    this.#images.set(image, { steps: new Map(), names: new Map(), output: new Map(), failed: undefined, status: undefined });
    this.#sink.line(`${image}: ${words}`);
    if (this.#live) this.#timer ??= setInterval(() => this.#show(), 500);
  }

  /** Something of a running build or push. */
  report(image: string, event: EngineEvent): void {
    const state = this.#images.get(image);
    if (state === undefined) return;
    if (event.kind === "output") {
      // The end of a long output is enough to explain a failure.
      state.output.set(event.id, ((state.output.get(event.id) ?? "") + event.text).slice(-20_000));
    } else if (event.kind === "status") {
      state.status = event.text;
    } else if (event.kind === "step") {
      this.#step(image, state, event);
    }
    if (this.#live) this.#show();
  }

  #step(image: string, state: ImageState, event: Extract<EngineEvent, { kind: "step" }>): void {
    state.names.set(event.id, event.name);
    if (event.state === "started") {
      state.steps.set(event.id, { name: event.name, sinceMs: this.#now() });
      if (!this.#live && isOurs(event.name)) this.#sink.line(`${image}: ${shortStep(event.name)}`);
      return;
    }
    state.steps.delete(event.id);
    if (event.state === "failed") state.failed ??= event.id;
    if (event.state !== "done" || !isOurs(event.name)) return;
    const seconds = event.milliseconds / 1000;
    if (!this.#live || seconds >= 2) this.#sink.line(`${image}: ${shortStep(event.name)} — ${seconds.toFixed(1)} s`);
  }

  /** The build or push is over; `words` stay. */
  end(image: string, words: string | undefined): void {
    this.#images.delete(image);
    if (words !== undefined) this.#sink.line(`${image}: ${words}`);
    if (this.#images.size === 0) this.stop();
  }

  /** What failed, with the last lines of its output; undefined when no step did. */
  failure(image: string): { readonly step: string; readonly output: readonly string[] } | undefined {
    const state = this.#images.get(image);
    if (state?.failed === undefined) return undefined;
    return {
      step: oneLine(state.names.get(state.failed) ?? ""),
      output: printableLines(state.output.get(state.failed) ?? "").slice(-lastLines),
    };
  }

  /** Ends all drawing. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#sink.clear();
  }

  #show(): void {
    const parts: string[] = [];
    for (const [image, state] of this.#images) {
      const running = [...state.steps.values()].filter((step) => isOurs(step.name)).sort((one, other) => one.sinceMs - other.sinceMs)[0];
      if (running === undefined) parts.push(`${image}${state.status === undefined ? "" : `: ${oneLine(state.status)}`}`);
      else parts.push(`${image} ${shortStep(running.name, 60)} ${Math.round((this.#now() - running.sinceMs) / 1000)} s`);
    }
    if (parts.length > 0) this.#sink.status(parts.join("  |  "));
  }
}

/** A step of the Dockerfile, rather than one of the engine's own. */
function isOurs(name: string): boolean {
  return /^\[(?!internal\])[^\]]*\d+\/\d+\]/.test(name);
}

/** A step's name on one line, without what every step of ours begins with. */
function shortStep(name: string, width = 110): string {
  const text = oneLine(name)
    .replace(/--mount=\S+ /g, "")
    .replace(/\. \/run\/build-env\/env\.sh *(&&|;) */, "");
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The lines of a program's output as they would stand on a terminal: what a carriage return overwrote is left out, and so are control characters. */
function printableLines(text: string): string[] {
  return text
    .replace(/\r\n/g, "\n")
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r") + 1))
    .map((line) =>
      line
        .replace(/\p{Cc}\[[0-9;?]*[A-Za-z]/gu, "")
        .replaceAll("\t", " ")
        .replace(/\p{Cc}/gu, "")
        .trimEnd(),
    )
    .filter((line) => line !== "");
}
