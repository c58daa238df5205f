import { readJsonLines } from "./ndjson.ts";
import { endOnOwnClock } from "./ticket.ts";
import type { Identity, Problem, SessionType } from "./types.ts";
import { problem } from "./words.ts";

/** A refusal of the door, or no answer at all, in words for the user. */
export class DoorError extends Error {
  readonly problem: Problem;

  constructor(found: Problem) {
    super(found.what);
    this.problem = found;
  }
}

/** A line of progress while a session starts. */
export interface Progress {
  readonly phase: string;
  readonly message: string;
}

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Reads the list of types; entries without a name are left out. */
export function readTypes(value: unknown): SessionType[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).flatMap((entry) => {
    const name = text(entry.name);
    if (name === "") return [];
    const icon = text(entry.icon);
    const type = {
      name,
      title: text(entry.title) || name,
      description: text(entry.description),
      isDefault: entry.default === true,
    };
    return [icon === "" ? type : { ...type, icon }];
  });
}

/** The kind of problem behind a status of HTTP. */
export function reasonOfStatus(status: number, asksWithTicket: boolean): string {
  if (status === 401) return asksWithTicket ? "expired" : "credentials";
  if (status === 403) return "account";
  if (status === 429) return "busy";
  if (status === 502 || status === 503 || status === 504) return "unavailable";
  return "unexpected";
}

const whatHappened: Readonly<Record<string, string>> = {
  credentials: "The name or the password is not right.",
  expired: "Your sign-in has expired.",
  account: "This account may not sign in.",
  busy: "There were too many attempts.",
  unavailable: "The service is not available at the moment.",
};

/** What the broker refuses for what was asked for; the status tells no more of them than of a bug. */
const refusals: ReadonlySet<string> = new Set(["no-such-type", "bad-display"]);

/** Makes the problem of an answer that is no success. */
export function problemOfAnswer(status: number, body: unknown, asksWithTicket: boolean): Problem {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const said = text(error.message);
  const code = text(error.reason) || text(error.code);
  const reason = refusals.has(code) ? code : reasonOfStatus(status, asksWithTicket);
  return problemSaid(reason, said || (whatHappened[reason] ?? `The service answered with an error (${status}).`));
}

/** A problem in the door's words. Where these say what to do, ours would only repeat it. */
function problemSaid(reason: string, said: string): Problem {
  return /\b(?:please|ask|try)\b/i.test(said) ? { reason, what: said } : problem(reason, said);
}

/** How long an answer may take: a network that drops everything says nothing by itself for minutes. */
const answerMs = 15_000;
/** Passwords are checked by services that may be slow. */
const signInMs = 60_000;
/** While a session starts the door gives a sign of life every five seconds. */
const silenceMs = 20_000;

/** A signal of our own that follows another one, with a time limit that can be set anew. */
function withLimit(signal: AbortSignal, limitMs: number): { signal: AbortSignal; again(): void; stop(): void } {
  const own = new AbortController();
  const follow = () => own.abort();
  let timer = setTimeout(follow, limitMs);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow);
  return {
    signal: own.signal,
    again: () => {
      clearTimeout(timer);
      timer = setTimeout(follow, limitMs);
    },
    stop: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", follow);
    },
  };
}

/** Asks the door; the whole answer has to be there within the limit. */
async function ask(path: string, body: Json, ticket: string | null, signal: AbortSignal, limitMs: number): Promise<Answer> {
  const limit = withLimit(signal, limitMs);
  try {
    const response = await post(path, body, ticket, limit.signal);
    return { value: await json(response), date: response.headers.get("Date") };
  } catch (error) {
    if (error instanceof DoorError || signal.aborted) throw error;
    throw new DoorError(problem("offline", "The service does not answer."));
  } finally {
    limit.stop();
  }
}

interface Answer {
  readonly value: Json;
  /** The door's clock. */
  readonly date: string | null;
}

async function post(path: string, body: Json, ticket: string | null, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": "application/json", Accept: "application/json" };
  if (ticket !== null) headers.Authorization = `Bearer ${ticket}`;
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new DoorError(problem("offline", "The service cannot be reached."));
  }
  if (response.ok) return response;
  const answer: unknown = await response.json().catch(() => null);
  throw new DoorError(problemOfAnswer(response.status, answer, ticket !== null));
}

async function json(response: Response): Promise<Json> {
  const value: unknown = await response.json().catch(() => null);
  if (!isRecord(value)) throw new DoorError(problem("unexpected", "The service gave an answer that makes no sense."));
  return value;
}

function identityFrom({ value: answer, date }: Answer, user: string): Identity {
  const ticket = text(answer.ticket);
  if (ticket === "") throw new DoorError(problem("unexpected", "The service gave no ticket."));
  const expiresAt = typeof answer.expiresAt === "number" ? answer.expiresAt : Date.now() + 600_000;
  return {
    user: text(answer.user) || user,
    ticket,
    expiresAtMs: endOnOwnClock(expiresAt, date, Date.now()),
    types: readTypes(answer.types),
  };
}

/** Signs in. The password goes into this one request and nowhere else. */
export async function signIn(user: string, password: string, signal: AbortSignal): Promise<Identity> {
  return identityFrom(await ask("sign-in", { user, password }, null, signal, signInMs), user);
}

/** Exchanges a ticket for a fresh one. */
export async function renewTicket(identity: Identity, signal: AbortSignal): Promise<Identity> {
  const renewed = identityFrom(await ask("ticket", {}, identity.ticket, signal, answerMs), identity.user);
  return renewed.types.length > 0 ? renewed : { ...renewed, types: identity.types };
}

/** A session to be had. */
export interface Wanted {
  readonly display: string;
  readonly ticket: string;
  /** Only one that runs already. */
  readonly existing: boolean;
}

/**
 * Starts a session, or finds the running one, and reports what happens on the way.
 *
 * Returns when the session is ready: why the user's last one ended, if this one takes its place and it did not end by the user's
 * wish; else an empty text. Throws a `DoorError` with the door's words when it is not.
 */
export async function startSession(
  { display, ticket, existing }: Wanted,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string> {
  const cut = problem("offline", "The connection was cut while your session was starting.");
  const limit = withLimit(signal, silenceMs);
  try {
    const response = await post("sessions", existing ? { display, existing } : { display }, ticket, limit.signal);
    if (response.body === null) throw new DoorError(cut);
    for await (const line of readJsonLines(response.body)) {
      limit.again();
      if (!isRecord(line)) continue;
      if (line.event === "ready") return text(line.notice);
      if (line.event === "progress") onProgress({ phase: text(line.phase), message: text(line.message) });
      if (line.event === "error") {
        throw new DoorError(problemSaid(text(line.reason) || "unexpected", text(line.message) || "Your session did not start."));
      }
    }
  } catch (error) {
    if (error instanceof DoorError || signal.aborted) throw error;
    throw new DoorError(cut);
  } finally {
    limit.stop();
  }
  throw new DoorError(cut);
}

/** Ends a session. The door answers as soon as the end has begun; gives whether programs of it are still there. */
export async function endSession(display: string, ticket: string, signal: AbortSignal): Promise<boolean> {
  const { value } = await ask("sessions/end", { display }, ticket, signal, answerMs);
  return value.state !== "absent";
}
