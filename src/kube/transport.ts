import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { type ConnectionOptions, createSecureContext, type SecureContext } from "node:tls";
import { isAbort, messageOf } from "../util/vdi-error.ts";
import { KubeError, reasonOfNetworkFault, reasonOfStatus } from "./kube-error.ts";

export { KubeError } from "./kube-error.ts";

/** The part of TLS that a cluster's credentials decide. */
export type KubeTls = Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "pfx" | "servername" | "rejectUnauthorized">;

type KubeHeaders = Record<string, string | string[]>;

/** Where an API server is and how to be somebody there. */
export interface KubeEndpoint {
  /** `https://host:port`, a path prefix included if there is one. `http:` is for `kubectl proxy` and tests. */
  readonly server: string;
  /** Asked before every request, so that rotated certificates are used. */
  readonly tls?: KubeTls | ((request: KubeRequest) => KubeTls | Promise<KubeTls>);
  /** Asked before every request, so that rotated tokens are used. */
  readonly headers?: (request: KubeRequest) => KubeHeaders | Promise<KubeHeaders>;
  /** Takes the place of the own keep-alive agent, for an API server behind an HTTP proxy. */
  readonly agent?: HttpAgent;
}

/** One call of the API. */
export interface KubeRequest {
  /** Default: GET. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Without the server: `/api/v1/namespaces/x/pods`. Parts that come from outside go through `kubePath`. */
  readonly path: string;
  /** Entries that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
  /** Default: `application/json`. Server-side apply: `application/apply-patch+yaml` (JSON is YAML). */
  readonly contentType?: string;
  /** Default: `application/json`. */
  readonly accept?: string;
  /** User as whom the call is made (`kubectl --as`); needs the right to impersonate. The API server knows a service account's groups. */
  readonly impersonate?: string;
  readonly signal?: AbortSignal | undefined;
  /** Until the answer is complete; for a stream until its headers are there. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** A complete answer with a status below 400. */
export interface KubeResponse {
  readonly status: number;
  /** What the API server wants a person to know (its `Warning` headers), without code and agent. */
  readonly warnings: readonly string[];
  /** The server's clock, to the second, in milliseconds since the epoch; undefined when it does not tell. */
  readonly dateMs: number | undefined;
  readonly body: string;
}

/**
 * A connection to one API server: raw JSON, nothing dropped, nothing added.
 * Every failure is a `KubeError`, except an abort by the caller's signal, which stays an `AbortError`.
 */
export interface KubeTransport {
  readonly server: string;
  request(request: KubeRequest): Promise<KubeResponse>;
  /** The answer's body as an object of the type that the caller knows it to have. */
  json<T>(request: KubeRequest): Promise<T>;
  /** The body as it comes: a watch or a followed log. Destroy it (or abort the signal) to end it. */
  stream(request: KubeRequest): Promise<IncomingMessage>;
  /** Ends idle connections; the transport can still be used. */
  close(): void;
}

const defaultTimeoutMs = 30_000;
/** A peer that is gone without a word is noticed by TCP itself this long after the last sign of life, plus about 10 s. */
const tcpKeepAliveMs = 15_000;

/** Joins path segments; each is encoded, so that a name can never add a segment or a query. */
export function kubePath(...segments: readonly string[]): string {
  return `/${segments.map((segment) => encodeURIComponent(segment)).join("/")}`;
}

/** Makes the transport for an API server. Nothing is connected before the first request. */
export function kubeTransport(endpoint: KubeEndpoint): KubeTransport {
  const base = new URL(endpoint.server);
  const secure = base.protocol === "https:";
  const prefix = base.pathname.replace(/\/+$/, "");
  const options = { keepAlive: true, keepAliveMsecs: tcpKeepAliveMs, scheduling: "lifo" } as const;
  const ownAgent = endpoint.agent === undefined ? (secure ? new HttpsAgent(options) : new HttpAgent(options)) : undefined;
  const agent = endpoint.agent ?? ownAgent;
  let prepared: { readonly tls: KubeTls; readonly context: SecureContext } | undefined;

  /** Reading certificates and keys takes longer than a handshake, so that all connections share what came of it. */
  function contextOf(tls: KubeTls): SecureContext {
    if (prepared === undefined || !isSameTls(prepared.tls, tls)) prepared = { tls, context: createSecureContext(tls) };
    return prepared.context;
  }

  async function open(request: KubeRequest, mayRetry: boolean): Promise<IncomingMessage> {
    const [tls, ownHeaders] = await Promise.all([
      typeof endpoint.tls === "function" ? endpoint.tls(request) : (endpoint.tls ?? {}),
      endpoint.headers?.(request) ?? {},
    ]);
    const body = bodyText(request.body);
    const headers: Record<string, string | string[] | number> = {
      accept: request.accept ?? "application/json",
      "user-agent": "vdi",
      ...ownHeaders,
      ...(request.impersonate === undefined ? {} : { "impersonate-user": request.impersonate }),
    };
    if (body !== undefined) {
      headers["content-type"] = request.contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(body);
    }
    try {
      return await new Promise((resolve, reject) => {
        const call: ClientRequest = (secure ? httpsRequest : httpRequest)({
          ...(secure ? { ...tls, secureContext: contextOf(tls) } : {}),
          protocol: base.protocol,
          hostname: base.hostname.replace(/^\[|\]$/g, ""),
          port: base.port === "" ? undefined : Number(base.port),
          path: prefix + request.path + queryText(request.query),
          method: request.method ?? "GET",
          headers,
          agent,
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        });
        const timer = setTimeout(() => call.destroy(timedOut(request)), request.timeoutMs ?? defaultTimeoutMs);
        call.once("response", (response) => {
          clearTimeout(timer);
          resolve(response);
        });
        call.once("error", (error) => {
          clearTimeout(timer);
          reject(call.reusedSocket && isConnectionLost(error) ? new StaleConnection(error) : error);
        });
        call.end(body);
      });
    } catch (thrown) {
      // The server closed an idle connection in the moment that we used it: the request was never read.
      // Even if it was: objects are created under fixed names, so that a second create is a 409 that callers handle.
      if (thrown instanceof StaleConnection) {
        if (mayRetry) return open(request, false);
        throw networkError(thrown.cause, request, endpoint.server);
      }
      throw networkError(thrown, request, endpoint.server);
    }
  }

  async function checked(request: KubeRequest): Promise<IncomingMessage> {
    request.signal?.throwIfAborted();
    const startedAt = performance.now();
    const response = await open(request, true);
    const status = response.statusCode ?? 0;
    if (status < 400 && status >= 200) return response;
    const text = await readInTime(response, request, startedAt).catch(() => "");
    throw statusError(status, text, request, response.headers["retry-after"]);
  }

  async function whole(request: KubeRequest): Promise<KubeResponse> {
    const startedAt = performance.now();
    const response = await checked(request);
    try {
      const body = await readInTime(response, request, startedAt);
      const date = Date.parse(response.headers.date ?? "");
      return {
        status: response.statusCode ?? 0,
        warnings: warningsOf(response),
        dateMs: Number.isNaN(date) ? undefined : date,
        body,
      };
    } catch (thrown) {
      throw networkError(thrown, request, endpoint.server);
    }
  }

  return {
    server: endpoint.server,
    request: whole,
    async json<T>(request: KubeRequest): Promise<T> {
      const { body, status } = await whole(request);
      try {
        return JSON.parse(body) as T;
      } catch (thrown) {
        throw new KubeError({ status, reason: "InvalidAnswer", message: `the answer is not JSON: ${messageOf(thrown)}`, request });
      }
    },
    stream: checked,
    close: () => ownAgent?.destroy(),
  };
}

function isSameTls(one: KubeTls, other: KubeTls): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof KubeTls>;
  return [...names].every((name) => one[name] === other[name]);
}

class StaleConnection extends Error {
  constructor(cause: Error) {
    super("stale connection", { cause });
  }
}

function bodyText(body: unknown): string | undefined {
  if (body === undefined) return undefined;
  return typeof body === "string" ? body : JSON.stringify(body);
}

function queryText(query: KubeRequest["query"]): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

function isConnectionLost(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ECONNRESET" || code === "EPIPE";
}

function timedOut(request: KubeRequest): KubeError {
  const seconds = (request.timeoutMs ?? defaultTimeoutMs) / 1000;
  return new KubeError({ status: 0, reason: "TimedOut", message: `no answer within ${seconds} s`, request });
}

/** Reads an answer's body within what is left of the request's time. */
async function readInTime(response: IncomingMessage, request: KubeRequest, startedAt: number): Promise<string> {
  const leftMs = Math.max(1, (request.timeoutMs ?? defaultTimeoutMs) - (performance.now() - startedAt));
  const timer = setTimeout(() => response.destroy(timedOut(request)), leftMs);
  try {
    return await readAll(response, request);
  } finally {
    clearTimeout(timer);
  }
}

async function readAll(response: IncomingMessage, request: KubeRequest): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (!response.complete) {
    throw new KubeError({ status: 0, reason: "Unreachable", message: "the connection ended in the middle of the answer", request });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function networkError(thrown: unknown, request: KubeRequest, server: string): unknown {
  if (thrown instanceof KubeError || isAbort(thrown)) return thrown;
  const reason = reasonOfNetworkFault(thrown);
  return new KubeError({ status: 0, reason, message: `${server}: ${messageOf(thrown)}`, request, cause: thrown });
}

interface StatusBody {
  readonly kind?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: {
    readonly causes?: readonly { readonly field?: string; readonly message?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

function statusError(status: number, text: string, request: KubeRequest, retryAfter: string | undefined): KubeError {
  let body: StatusBody = {};
  try {
    body = JSON.parse(text) as StatusBody;
  } catch {
    // Something in between (a proxy, a load balancer) answers in its own words.
  }
  const known = body.kind === "Status";
  const message = known && typeof body.message === "string" && body.message !== "" ? body.message : text.trim().slice(0, 500);
  const seconds = body.details?.retryAfterSeconds ?? Number(retryAfter);
  return new KubeError({
    status,
    reason: known && typeof body.reason === "string" && body.reason !== "" ? body.reason : reasonOfStatus(status),
    message: message === "" ? `HTTP status ${status}` : message,
    request,
    causes: (body.details?.causes ?? []).map(({ field, message: why }) => ({ field: field ?? "", message: why ?? "" })),
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  });
}

/** `299 - "text"` gives `text`; several may share a header. */
function warningsOf(response: IncomingMessage): string[] {
  const header = response.headers.warning;
  const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
  return [...text.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, quoted]) => (quoted ?? "").replace(/\\(.)/g, "$1"));
}
