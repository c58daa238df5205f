import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { BrokerConfig } from "../broker-config/broker-config.ts";
import type { Progress } from "../session/flight.ts";
import type { Sessions } from "../session/get-or-start.ts";
import { adminSentence, type Reason, type RuntimeKind, reasons } from "../session/reasons.ts";
import { SessionRefusal } from "../session/refusal.ts";
import { RefusalCode } from "../session/refusal-code.ts";
import type { SessionState } from "../session/session-state.ts";
import { offeredTypes } from "../session/session-types.ts";
import { readUser, type SessionUser } from "../session/user.ts";
import type { Audit } from "./audit.ts";
import type { Metrics } from "./metrics.ts";

/** What the broker's socket serves from. */
export interface ApiOptions {
  readonly config: () => BrokerConfig;
  readonly sessions: Sessions;
  readonly audit: Audit;
  readonly metrics: Metrics;
  /** Aborted when the broker ends and has waited long enough for those who wait. */
  readonly stopping: AbortSignal;
}

/** A user may be in a thousand groups with long names. */
const maxBodyBytes = 512 * 1024;

/** An answer that is not a session's refusal: the request itself is at fault. */
class BadRequest extends Error {
  readonly status: number;
  /** For programs; to the admin all of them mean `bad-request`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Why a waiting ends early; the session goes on starting. */
const abandoned = new SessionRefusal("abandoned");
const restarting = new SessionRefusal("restarting");

interface Call {
  readonly user: SessionUser;
  readonly display: string;
  /** The user comes back to a session, and wants no new one. */
  readonly existing: boolean;
  readonly response: ServerResponse;
}

/** The broker's protocol: JSON over HTTP, version 1. Everything that a door may ask is here, and every rule is behind it. */
export function brokerApi(options: ApiOptions): RequestListener {
  const { config, sessions, metrics, audit } = options;
  const routes: Readonly<Record<string, (call: Call) => Promise<void> | void>> = {
    "/v1/types": ({ user, response }) => sendJson(response, 200, { types: offeredTypes(user, config().sessionTypes) }),
    "/v1/sessions": (call) => streamSession(call, options),
    "/v1/state": async ({ user, display, response }) => {
      const { status } = (await sessions.state(user, display)).view;
      sendJson(response, 200, { state: status.state, ...wordsOf(status) });
    },
    "/v1/end": async ({ user, display, response }) => {
      const { name, state } = await sessions.end(user, display);
      audit("end", { user: user.name, session: name, state });
      sendJson(response, 200, { state });
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path === "/v1/health" && request.method === "GET") {
      sendJson(response, 200, { status: "ok" });
      return;
    }
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined) throw new BadRequest(404, "not-found", "There is nothing at this path.");
    if (request.method !== "POST") throw new BadRequest(405, "method", "This path takes POST.");
    const body = await readBody(request);
    const display = body.display ?? "";
    if (typeof display !== "string") throw new BadRequest(400, "bad-request", "display is not a text.");
    const existing = body.existing ?? false;
    if (typeof existing !== "boolean") throw new BadRequest(400, "bad-request", "existing is not true or false.");
    await route({ user: readUser(body.user, config().minUid), display, existing, response });
    if (path !== "/v1/sessions") metrics.request(path, "ok");
  }

  return (request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      const { status, code, reason, message } = problemOf(thrown);
      metrics.request(Object.hasOwn(routes, request.url ?? "") ? (request.url ?? "") : "other", reason);
      audit("refused", { path: request.url?.slice(0, 100), code, reason, ...forAdmin(thrown, config()) });
      if (response.headersSent) response.destroy();
      else sendJson(response, status, { error: { code, reason, message } });
    });
  };
}

/** Streams a session's progress, a JSON object a line, and its end: `ready` or `error`. A door that hangs up only stops waiting. */
async function streamSession({ user, display, existing, response }: Call, options: ApiOptions): Promise<void> {
  const { sessions, audit, metrics, stopping } = options;
  const config = options.config();
  const startedAt = performance.now();
  const gone = new AbortController();
  const restart = (): void => gone.abort(restarting);
  stopping.addEventListener("abort", restart);
  response.once("close", () => {
    stopping.removeEventListener("abort", restart);
    gone.abort(abandoned);
  });
  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  const line = (object: object): void => {
    if (!response.writableEnded) response.write(`${JSON.stringify(object)}\n`);
  };
  const fields = { user: user.name, uid: user.uid, display, ...(existing ? { existing } : {}) };
  const find = existing ? sessions.comeBack : sessions.getOrStart;
  const took = (): number => Math.round(performance.now() - startedAt);
  let session: string | undefined;
  let held: Reason | undefined;
  const tell = ({ phase, message, trouble }: Progress): void => {
    line({ event: "progress", phase, message });
    if (trouble !== undefined && trouble.reason !== held) {
      const admin = adminSentence(trouble.reason, { namespace: config.namespace, session }, runtimeOf(config));
      audit("waiting", { ...fields, session, reason: trouble.reason, admin, detail: trouble.detail });
    }
    held = trouble?.reason;
  };
  try {
    session = await sessions.nameOf(user, display, existing);
    const { address, started, notice } = await find(user, display, tell, gone.signal);
    const { host, port, secret } = address;
    const url = `tcp://${encodeURIComponent(user.name)}:${secret}@${urlHost(host)}:${port}/`;
    line({ event: "ready", display: url, session, ...(notice === undefined ? {} : { notice }) });
    metrics.request("/v1/sessions", "ok");
    metrics.answered(started, (performance.now() - startedAt) / 1000);
    audit("session", { ...fields, session, outcome: "ready", started, address: `${host}:${port}`, ms: took() });
  } catch (thrown) {
    const { code, reason, message } = problemOf(thrown);
    line({ event: "error", code, reason, message });
    metrics.request("/v1/sessions", reason);
    audit("session", { ...fields, session, outcome: reason, code, ms: took(), ...forAdmin(thrown, config, session) });
  }
  response.end();
}

/** For the log: what is not said to the user. */
function forAdmin(thrown: unknown, config: BrokerConfig, session?: string): { admin: string; detail?: string | undefined } {
  const names = { namespace: config.namespace, session };
  const runtime = runtimeOf(config);
  if (thrown instanceof SessionRefusal) return { admin: adminSentence(thrown.reason, names, runtime), detail: thrown.detail };
  const reason = thrown instanceof BadRequest ? "bad-request" : "bug";
  const detail = reason === "bug" ? String((thrown as Error).stack ?? thrown) : undefined;
  return { admin: adminSentence(reason, { namespace: config.namespace }, runtime), detail };
}

function runtimeOf(config: BrokerConfig): RuntimeKind {
  return config.docker === undefined ? "kubernetes" : "docker";
}

/** What a user is told about a session that cannot be entered now. */
function wordsOf(status: SessionState): { phase?: string; message?: string } {
  switch (status.state) {
    case "starting":
      return { phase: status.phase, message: status.trouble === undefined ? status.message : reasons[status.trouble.reason].user };
    case "ending":
      return status.overdue ? { message: reasons.stuck.user } : {};
    case "failed":
      return { message: reasons[status.reason].previous ?? reasons[status.reason].user };
    default:
      return {};
  }
}

function problemOf(thrown: unknown): { status: number; code: number; reason: string; message: string } {
  if (thrown instanceof SessionRefusal) {
    const status = thrown.code === RefusalCode.failed ? 503 : thrown.code === RefusalCode.notConfigured ? 500 : 422;
    return { status, code: thrown.code, reason: thrown.reason, message: thrown.message };
  }
  if (thrown instanceof BadRequest) return { status: thrown.status, code: 1, reason: thrown.reason, message: thrown.message };
  return {
    status: 500,
    code: 1,
    reason: "bug",
    message: reasons.bug.user,
  };
}

/** An IPv6 address wants brackets in a URL. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<{ user?: unknown; display?: unknown; existing?: unknown }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) throw new BadRequest(413, "too-large", "The request is larger than 512 KiB.");
    chunks.push(chunk as Buffer);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    // Said below, in the same words as for JSON that is no object.
  }
  throw new BadRequest(400, "bad-request", "The body is not a JSON object.");
}
