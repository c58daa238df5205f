import { linesOf } from "../util/lines.ts";
import { pause } from "../util/pause.ts";
import { KubeError, type KubeTransport } from "./transport.ts";

/** The part of every object that a watch needs. */
export interface WatchedObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
}

/** A change of one object. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

/** What to watch and whom to tell. */
export interface WatchOptions<T extends WatchedObject> {
  readonly transport: KubeTransport;
  /** Path of the collection: `/api/v1/namespaces/x/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** All objects there are, after every list: the first one and each one after the thread was lost. */
  onList(objects: readonly T[]): void;
  /** For long lists: each page as it comes, and nothing is kept for `onList`, which is then called without objects after the last page. */
  onPage?(objects: readonly T[], isFirst: boolean): void;
  onEvent(event: WatchEvent<T>): void;
  /** Told of every failure before the next try; the watch goes on by itself. */
  onTrouble?(error: unknown, retryInMs: number): void;
  /** What is there already is of no interest: `onList` gets nothing, and hears only that something may have been missed. */
  readonly fromNow?: boolean;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** A watch that says nothing for so long is connected anew; the server sends a bookmark about once a minute. Default: 90 s. */
  readonly silenceMs?: number;
  /** Longest pause between two tries. Default: 30 s. */
  readonly maxBackOffMs?: number;
}

/** A watch that is under way. */
export interface Watch {
  /** Fulfilled after the first list. Rejected when the watch ends before it. */
  readonly listed: Promise<void>;
  /** Fulfilled after the signal's abort; rejected when a callback throws: its state is then not to be trusted. */
  readonly done: Promise<void>;
}

/** A pod whose user is in a thousand groups has 120 KB, and a page is kept several times over while it is read. */
const pageSize = 100;
const firstBackOffMs = 200;

/**
 * Lists a collection and then watches it from that version on, for as long as the signal is not aborted.
 * A watch that the server ends is continued from the last version; after an error or when the version is too old (410)
 * everything is listed again, after a pause that grows and is jittered.
 */
export function startWatch<T extends WatchedObject>(options: WatchOptions<T>): Watch {
  const listed = deferred();
  const done = run(options, listed.resolve);
  done.then(
    () => listed.reject(new DOMException("The watch was ended before its first list", "AbortError")),
    (thrown: unknown) => listed.reject(thrown),
  );
  // Whoever waits for neither must not bring the process down; `done` still rejects for those who look.
  listed.promise.catch(() => undefined);
  return { listed: listed.promise, done };
}

async function run<T extends WatchedObject>(options: WatchOptions<T>, onListed: () => void): Promise<void> {
  const { signal } = options;
  let version: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        version = await list(options);
        onListed();
      }
      const startedAt = performance.now();
      version = await follow(options, version, () => {
        failures = 0;
      });
      // A server that ends every watch at once must not be asked in a tight loop.
      if (performance.now() - startedAt > 1000) continue;
    } catch (thrown) {
      if (thrown instanceof CallbackError) throw thrown.cause;
      if (signal.aborted) return;
      version = undefined;
      const pauseMs = isGone(thrown) && failures === 0 ? Math.random() * firstBackOffMs : backOffMs(failures, options.maxBackOffMs);
      const waitMs = Math.max(pauseMs, thrown instanceof KubeError ? (thrown.retryAfterMs ?? 0) : 0);
      // Where nothing happens the version grows old by itself: events have no bookmarks.
      const isTrouble = !isGone(thrown) || failures > 0;
      failures += 1;
      if (isTrouble) callBack(() => options.onTrouble?.(thrown, waitMs));
      await pause(waitMs, signal);
      continue;
    }
    await pause(backOffMs(failures, options.maxBackOffMs), signal);
    failures += 1;
  }
}

/** Half to all of an interval that doubles with each failure, so that many brokers do not come back in step. */
function backOffMs(failures: number, maxMs = 30_000): number {
  return Math.min(maxMs, firstBackOffMs * 2 ** Math.min(failures, 16)) * (0.5 + Math.random() / 2);
}

interface ListBody<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

async function list<T extends WatchedObject>(options: WatchOptions<T>): Promise<string> {
  const { transport, path, query, signal } = options;
  if (options.fromNow === true) {
    // The version of a list is the collection's, however short the list is.
    const page = await transport.json<ListBody<T>>({ path, query: { ...query, limit: 1 }, signal });
    callBack(() => options.onList([]));
    return page.metadata?.resourceVersion ?? "0";
  }
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page: ListBody<T> = await transport.json<ListBody<T>>({ path, query: { ...query, limit: pageSize, continue: next }, signal });
    const isFirst = next === undefined;
    if (options.onPage === undefined) for (const item of page.items ?? []) objects.push(item);
    else callBack(() => options.onPage?.(page.items ?? [], isFirst));
    next = page.metadata?.continue === "" ? undefined : page.metadata?.continue;
    if (next !== undefined) continue;
    callBack(() => options.onList(objects));
    return page.metadata?.resourceVersion ?? "0";
  }
}

/** Follows one connection to its end and gives the version to go on from. */
async function follow<T extends WatchedObject>(options: WatchOptions<T>, from: string, onLife: () => void): Promise<string> {
  const silenceMs = options.silenceMs ?? 90_000;
  let version = from;
  const response = await options.transport.stream({
    path: options.path,
    query: {
      ...options.query,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: from,
      timeoutSeconds: 240 + Math.floor(Math.random() * 60),
    },
    signal: options.signal,
  });
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    response.destroy();
  }, silenceMs);
  try {
    for await (const line of linesOf(response)) {
      timer.refresh();
      const event = JSON.parse(line) as { type: string; object: T };
      if (event.type === "ERROR") throw errorOfEvent(event.object, options.path);
      onLife();
      version = event.object.metadata?.resourceVersion ?? version;
      if (event.type === "ADDED" || event.type === "MODIFIED" || event.type === "DELETED") {
        callBack(() => options.onEvent(event as WatchEvent<T>));
      }
    }
  } catch (thrown) {
    // A connection that was cut loses nothing: the watch goes on from the same version, without a list.
    if (!silent && !isCut(thrown)) throw thrown;
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
  return version;
}

function errorOfEvent(object: unknown, path: string): KubeError {
  const status = object as { code?: number; reason?: string; message?: string };
  return new KubeError({
    status: status.code ?? 500,
    reason: status.reason ?? "Unexpected",
    message: status.message ?? "the watch failed",
    request: { path },
  });
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof KubeError && thrown.status === 410;
}

function isCut(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown }).code;
  return code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE";
}

/** Marks what a callback threw, so that it is not taken for trouble with the server. */
class CallbackError extends Error {
  constructor(cause: unknown) {
    super("callback failed", { cause });
  }
}

function callBack(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    throw new CallbackError(thrown);
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve: () => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
