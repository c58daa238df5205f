import { request } from "node:http";
import { sessionsOf } from "../session/get-or-start.ts";
import { isReason } from "../session/reasons.ts";
import { SessionRefusal } from "../session/refusal.ts";
import { RefusalCode } from "../session/refusal-code.ts";
import { readUser } from "../session/user.ts";
import { linesOf } from "../util/lines.ts";
import { configSource } from "./config-source.ts";
import { connectRuntime } from "./connect-runtime.ts";
import type { Env } from "./environment.ts";
import { parseHookInput } from "./hook-input.ts";
import { answers } from "./socket.ts";
import { type SystemUser, systemUser } from "./system-user.ts";

/** Where a session is and how to enter it. */
interface Found {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/**
 * The one-shot form: reads the request from the text of standard input and gives the answer's line,
 * `user|NA|uid|gid|tcp:IP:PORT|||`. Throws a `SessionRefusal`.
 *
 * @param url true: the display is `tcp://user:secret@IP:PORT/`, with which the session can be entered
 */
export async function oneShot(env: Env, input: string, url: boolean): Promise<string> {
  const { username, display } = parseHookInput(input);
  const [user, broker] = await Promise.all([systemUser(username), answers(env.socketPath)]);
  if (!broker && env.kubeconfig === undefined) {
    throw new SessionRefusal("no-broker");
  }
  const found = broker ? await askBroker(env.socketPath, user, display).catch(brokerAway) : await startHere(env, user, display);
  const host = found.host.includes(":") ? `[${found.host}]` : found.host;
  const where = url ? `tcp://${encodeURIComponent(user.name)}:${found.secret}@${host}:${found.port}/` : `tcp:${host}:${found.port}`;
  return `${user.name}|NA|${user.uid}|${user.gid}|${where}|||`;
}

/** Does the broker's work, for this one session. */
async function startHere(env: Env, user: SystemUser, display: string): Promise<Found> {
  const config = configSource(env.configPath, () => undefined);
  const checked = readUser(user, config().minUid);
  const stop = new AbortController();
  const runtime = await connectRuntime(env, config, { signal: stop.signal });
  try {
    return (await sessionsOf({ config, runtime }).getOrStart(checked, display, () => undefined)).address;
  } finally {
    stop.abort();
  }
}

async function askBroker(socketPath: string, user: SystemUser, display: string): Promise<Found> {
  const body = JSON.stringify({ user, display });
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    request({ socketPath, path: "/v1/sessions", method: "POST", headers, agent: false }, resolve).once("error", reject).end(body);
  });
  for await (const line of linesOf(response)) {
    const event = JSON.parse(line) as {
      event?: string;
      display?: string;
      code?: number;
      reason?: string;
      message?: string;
      error?: { code: number; reason: string; message: string };
    };
    const problem = event.error ?? (event.event === "error" ? event : undefined);
    if (problem !== undefined) throw refusalOf(problem);
    if (event.event === "ready") {
      const { hostname, port, password } = new URL(event.display ?? "");
      return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), secret: password };
    }
  }
  throw new SessionRefusal("broker-away");
}

/** A broker that ends leaves a connection that breaks: no refusal. */
function brokerAway(thrown: unknown): never {
  throw thrown instanceof SessionRefusal ? thrown : new SessionRefusal("broker-away", { detail: String(thrown) });
}

/** What a broker said no with; a newer one may have reasons that are not known here, but its words hold. */
function refusalOf({ code, reason = "", message }: { code?: number; reason?: string; message?: string }): SessionRefusal {
  return new SessionRefusal(isReason(reason) ? reason : "bug", {
    code: Object.values(RefusalCode).find((known) => known === code) ?? RefusalCode.failed,
    ...(message === undefined ? {} : { message }),
  });
}
