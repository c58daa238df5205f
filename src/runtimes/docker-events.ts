import { type EngineClient, EngineError, filtersOf } from "../engine/engine-client.ts";
import { linesOf } from "../util/lines.ts";
import { pause } from "../util/pause.ts";

/** A change on the engine. */
export interface EngineEvent {
  /** `start`, `die`, `destroy` and so on. */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/** What to watch and whom to tell. */
export interface EngineEventsOptions {
  readonly client: EngineClient;
  /** Only events that fit, as the engine's API has it. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly signal: AbortSignal;
  /** Lists what there is, each time that events may have been missed; those that come meanwhile are told already. */
  onOpen(): Promise<void>;
  onEvent(event: EngineEvent): void;
  /** Told of every failure before the next try; the watch goes on by itself. */
  onTrouble?(error: unknown, retryInMs: number): void;
  /** An engine that hangs does not close the connection: so often it is asked whether it is there. Default: 30 s. */
  readonly pingEveryMs?: number;
}

/** A watch that is under way. */
export interface EngineEvents {
  /** Fulfilled after the first list. Rejected when the watch ends before it. */
  readonly listed: Promise<void>;
  /** Fulfilled after the signal's abort; rejected when a callback throws something else than an `EngineError`. */
  readonly done: Promise<void>;
}

const firstBackOffMs = 100;
const longestBackOffMs = 5_000;
const pingTimeoutMs = 10_000;
/** The connection is there a moment before it is subscribed to: what happens in between is told again. */
const overlapMs = 2_000;

/**
 * Watches the engine's events for as long as the signal is not aborted. The connection is opened first and the list made after it,
 * so that nothing can happen between the two; an event only says what to look at again, so that hearing one twice does no harm.
 */
export function watchEngine(options: EngineEventsOptions): EngineEvents {
  let isListed: () => void = () => undefined;
  let isNot: (reason: unknown) => void = () => undefined;
  const listed = new Promise<void>((resolve, reject) => {
    isListed = resolve;
    isNot = reject;
  });
  const done = run(options, isListed);
  done.then(
    () => isNot(new DOMException("The watch was ended before its first list", "AbortError")),
    (thrown: unknown) => isNot(thrown),
  );
  // Whoever waits for neither must not bring the process down; `done` still rejects for those who look.
  listed.catch(() => undefined);
  return { listed, done };
}

async function run(options: EngineEventsOptions, onListed: () => void): Promise<void> {
  const { signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await follow(options, () => {
        failures = 0;
        onListed();
      });
      throw new EngineError({ path: "/events" }, 0, "the engine closed the connection", "CUT");
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof EngineError)) throw thrown;
      // Half to all of an interval that doubles with each failure.
      const waitMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      failures += 1;
      options.onTrouble?.(thrown, waitMs);
      await pause(waitMs, signal);
    }
  }
}

async function follow(options: EngineEventsOptions, onListed: () => void): Promise<void> {
  const { client, filters, signal } = options;
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener("abort", end);
  try {
    const since = ((Date.now() - overlapMs) / 1000).toFixed(3);
    const response = await client.stream({ path: "/events", query: { since, filters: filtersOf(filters) }, signal: stop.signal });
    const reading = read(response, options);
    const guard = watchOver(options, stop.signal);
    const listing = options.onOpen().then(onListed);
    // The listing is left behind when the connection ends before it; whatever it still finds out is not wrong.
    listing.catch(() => undefined);
    const all = Promise.all([listing, reading]);
    await Promise.race([all, reading, guard]);
  } finally {
    signal.removeEventListener("abort", end);
    stop.abort();
  }
}

async function read(response: AsyncIterable<unknown>, { onEvent }: EngineEventsOptions): Promise<void> {
  const lines = linesOf(response);
  for (;;) {
    let line: string;
    try {
      const next = await lines.next();
      if (next.done === true) return;
      line = next.value;
    } catch (thrown) {
      throw new EngineError({ path: "/events" }, 0, String(thrown), "CUT");
    }
    onEvent(JSON.parse(line) as EngineEvent);
  }
}

/** Rejects when the engine does not answer any more. */
async function watchOver({ client, pingEveryMs = 30_000 }: EngineEventsOptions, signal: AbortSignal): Promise<never> {
  for (;;) {
    await pause(pingEveryMs, signal);
    if (signal.aborted) return new Promise<never>(() => undefined);
    await client.send({ path: "/_ping", timeoutMs: pingTimeoutMs, signal });
  }
}
