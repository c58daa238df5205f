import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { isAbort, messageOf } from "../util/vdi-error.ts";

/** A request to the engine. */
export interface EngineRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** With a slash at its beginning, without the version: `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** An object is sent as JSON, bytes as a tar archive. */
  readonly body?: object | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** How long the answer, or its beginning when it is a stream, may take. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** A request that the engine did not answer (status 0), or answered with an error. Its message may quote what was sent. */
export class EngineError extends Error {
  readonly status: number;
  /** `ENOENT`, `EACCES` and so on, when there was no answer. */
  readonly code: string;
  readonly request: Pick<EngineRequest, "method" | "path">;

  constructor(request: EngineRequest, status: number, message: string, code = "") {
    super(message);
    this.name = "EngineError";
    this.status = status;
    this.code = code;
    this.request = { method: request.method ?? "GET", path: request.path };
  }
}

/** Whether something that was thrown is the engine's answer with one of these statuses. */
export function isEngineStatus(thrown: unknown, ...statuses: readonly number[]): thrown is EngineError {
  return thrown instanceof EngineError && statuses.includes(thrown.status);
}

/** A container engine on a unix socket. Every failure is an `EngineError`, except an abort by the caller's signal. */
export interface EngineClient {
  /** The answer's body as an object of the type that the caller knows it to have; undefined when it is empty. */
  json<T>(request: EngineRequest): Promise<T>;
  /** For requests of which only the success matters. */
  send(request: EngineRequest): Promise<void>;
  /** The body as it comes; destroy it, or abort the signal, to end it. */
  stream(request: EngineRequest): Promise<IncomingMessage>;
  /** Ends idle connections; the client can still be used. */
  close(): void;
}

const defaultTimeoutMs = 30_000;
/** The newest version of the API whose forms are used here. An older engine is asked in its own one; newer ones still understand it. */
const newestVersion = "1.44";

/** Makes a client. Nothing is connected before the first request. */
export function engineClient(socketPath: string): EngineClient {
  const agent = new Agent({ keepAlive: true, scheduling: "lifo" });
  let version: Promise<string> | undefined;

  /** As the engine's own command does: the older one of both versions, asked once. */
  function versionPath(): Promise<string> {
    version ??= call({ path: "/_ping" }, "").then((response) => {
      response.resume();
      const own = String(response.headers["api-version"] ?? "");
      return `/v${isOlder(own, newestVersion) ? own : newestVersion}`;
    });
    version.catch(() => {
      version = undefined;
    });
    return version;
  }

  function call(request: EngineRequest, prefix: string, isAgain = false): Promise<IncomingMessage> {
    request.signal?.throwIfAborted();
    const { method = "GET", body, signal, timeoutMs = defaultTimeoutMs } = request;
    const payload = body === undefined || body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
    const type = body instanceof Uint8Array ? "application/x-tar" : "application/json";
    const headers = {
      host: "engine",
      ...(payload === undefined ? { "content-length": 0 } : { "content-type": type, "content-length": payload.length }),
    };
    return new Promise<IncomingMessage>((resolve, reject) => {
      const path = `${prefix}${request.path}${queryText(request.query)}`;
      const outgoing = httpRequest({ socketPath, agent, method, path, headers, ...(signal === undefined ? {} : { signal }) });
      const timer = setTimeout(
        () => outgoing.destroy(new EngineError(request, 0, `no answer within ${timeoutMs / 1000} s`, "TIMEOUT")),
        timeoutMs,
      );
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      outgoing.once("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // The engine closed an idle connection in the moment that we used it: the request was never read.
        if (outgoing.reusedSocket && !isAgain && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
          call(request, prefix, true).then(resolve, reject);
          return;
        }
        reject(isAbort(error) || error instanceof EngineError ? error : unreachable(request, error));
      });
      outgoing.end(payload);
    });
  }

  async function checked(request: EngineRequest): Promise<IncomingMessage> {
    let response: IncomingMessage;
    try {
      response = await call(request, await versionPath());
    } catch (thrown) {
      // It may be another engine that comes back.
      if (thrown instanceof EngineError) version = undefined;
      throw thrown;
    }
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw new EngineError(request, status, messageIn(await wholeText(request, response)) || `HTTP status ${status}`);
  }

  async function text(request: EngineRequest): Promise<string> {
    return wholeText(request, await checked(request));
  }

  return {
    async json<T>(request: EngineRequest): Promise<T> {
      const body = await text(request);
      try {
        return (body === "" ? undefined : JSON.parse(body)) as T;
      } catch (thrown) {
        throw new EngineError(request, 0, `the answer is not JSON: ${messageOf(thrown)}`, "INVALID");
      }
    },
    async send(request) {
      await text(request);
    },
    stream: checked,
    close: () => agent.destroy(),
  };
}

function unreachable(request: EngineRequest, error: NodeJS.ErrnoException): EngineError {
  return new EngineError(request, 0, error.message, error.code ?? "");
}

async function wholeText(request: EngineRequest, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => response.destroy(new Error("the answer does not end")), request.timeoutMs ?? defaultTimeoutMs);
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    throw unreachable(request, thrown as NodeJS.ErrnoException);
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Something in between answers in its own words.
  }
  return body.trim().slice(0, 500);
}

function queryText(query: EngineRequest["query"]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

/** Versions of the API: `1.41`. What is none counts as new. */
function isOlder(version: string, than: string): boolean {
  const [major = Number.NaN, minor = Number.NaN] = version.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** The `filters` of a list or of events, as the engine wants them. */
export function filtersOf(filters: Readonly<Record<string, readonly string[]>>): string {
  return JSON.stringify(filters);
}
