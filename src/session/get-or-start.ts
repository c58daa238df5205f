import { randomBytes } from "node:crypto";
import { unlessAborted } from "../util/unless-aborted.ts";
import { fly, type OpenSession, type Progress, untilKnown } from "./flight.ts";
import { SessionRefusal } from "./refusal.ts";
import { sessionName } from "./session-name.ts";
import type { SessionRequest, SessionRuntime } from "./session-runtime.ts";
import { isForeign, type SessionView } from "./session-state.ts";
import { readings, wantedSession } from "./session-types.ts";
import { imageOfType, type SessionsConfig } from "./sessions-config.ts";
import { startLine } from "./start-line.ts";
import type { SessionUser } from "./user.ts";

/** What the use case works with. */
export interface GetOrStartOptions {
  /** Asked for each call, so that a changed configuration holds for the next one. */
  readonly config: () => SessionsConfig;
  readonly runtime: SessionRuntime;
  /** How long a session's start may take before the waiting is given up; it goes on starting. Default: 5 min. */
  readonly timeoutMs?: number;
}

/** Finds or starts sessions: one flight a session however many ask for it. */
export interface Sessions {
  /**
   * The name of the user's session for a display. Throws a `SessionRefusal` when there is no such type.
   *
   * @param existing the user comes back to a session, which may be of a type that has been taken away since
   */
  nameOf(user: SessionUser, display: string, existing: boolean): Promise<string>;
  /**
   * Gives the user's session for a display, starting it when there is none. `onProgress` hears what is happening;
   * an abort of the signal ends this waiting only. Throws a `SessionRefusal`.
   */
  getOrStart(user: SessionUser, display: string, onProgress: (progress: Progress) => void, signal?: AbortSignal): Promise<OpenSession>;
  /** As `getOrStart`, for somebody who comes back: a session that is over is refused as `gone`, and none is started in its place. */
  comeBack(user: SessionUser, display: string, onProgress: (progress: Progress) => void, signal?: AbortSignal): Promise<OpenSession>;
  /** What is known of the user's session; someone else's is as good as absent. */
  state(user: SessionUser, display: string): Promise<{ readonly name: string; readonly view: SessionView }>;
  /** How many sessions are being waited for. */
  inFlight(): number;
  /** How many of them stand in the line of starts. */
  queued(): number;
  /** Ends the user's session. */
  end(user: SessionUser, display: string): Promise<{ readonly name: string; readonly state: "ending" | "absent" }>;
}

/** The door waits ten seconds for an answer that is no stream. */
const answerMs = 8_000;

interface Flight {
  readonly result: Promise<OpenSession>;
  readonly listeners: Set<(progress: Progress) => void>;
  last: Progress | undefined;
}

/** Makes the use case over a runtime. */
export function sessionsOf({ config, runtime, timeoutMs = 300_000 }: GetOrStartOptions): Sessions {
  const flights = new Map<string, Flight>();
  const line = startLine(() => config().startsAtOnce);

  function resolve(user: SessionUser, display: string): { name: string; request: () => SessionRequest } {
    const wanted = wantedSession(display, user, config().sessionTypes);
    const name = sessionName(user.name, wanted.display);
    return { name, request: () => requestOf(config(), name, user, wanted) };
  }

  /** A desktop that runs stays its user's when its type is taken away, or a group of the user's is. */
  async function nameOfExisting(user: SessionUser, display: string): Promise<string> {
    try {
      return resolve(user, display).name;
    } catch (thrown) {
      await untilKnown(runtime, answerMs);
      const runs = (name: string): boolean => {
        const view = runtime.look(name);
        return view.status.state !== "absent" && !isForeign(view, user);
      };
      const name = readings(display, user.name)
        .map(({ home, type }) => sessionName(user.name, home + type))
        .find(runs);
      if (name === undefined) throw thrown;
      return name;
    }
  }

  function join(name: string, user: SessionUser, request: (() => SessionRequest) | undefined): Flight {
    // The uid is in the key because an account may be deleted and made again under the same name.
    const key = `${name} ${user.uid} ${request === undefined ? "back" : "start"}`;
    const current = flights.get(key);
    if (current !== undefined) return current;
    const flight: Flight = {
      listeners: new Set(),
      last: undefined,
      result: fly({
        name,
        user,
        request,
        runtime,
        line,
        timeoutMs,
        isWanted: () => flight.listeners.size > 0,
        tell: (progress) => announce(flight, progress),
      }).finally(() => flights.delete(key)),
    };
    // Those who asked may all have gone; the flight goes on, and its failure is then nobody's.
    flight.result.catch(() => undefined);
    flights.set(key, flight);
    return flight;
  }

  async function passenger(
    flight: Flight,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal | undefined,
  ): Promise<OpenSession> {
    if (flight.last !== undefined) onProgress(flight.last);
    flight.listeners.add(onProgress);
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.listeners.delete(onProgress);
    }
  }

  return {
    nameOf: async (user, display, existing) => (existing ? nameOfExisting(user, display) : resolve(user, display).name),
    inFlight: () => flights.size,
    queued: () => line.waiting(),
    async getOrStart(user, display, onProgress, signal) {
      const { name, request } = resolve(user, display);
      return passenger(join(name, user, request), onProgress, signal);
    },
    async comeBack(user, display, onProgress, signal) {
      return passenger(join(await nameOfExisting(user, display), user, undefined), onProgress, signal);
    },
    async state(user, display) {
      const name = await nameOfExisting(user, display);
      await untilKnown(runtime, answerMs);
      const view = runtime.look(name);
      return { name, view: isForeign(view, user) ? { status: { state: "absent" } } : view };
    },
    async end(user, display) {
      const name = await nameOfExisting(user, display);
      await untilKnown(runtime, answerMs);
      const view = runtime.look(name);
      if (view.status.state === "absent" || isForeign(view, user)) return { name, state: "absent" };
      await runtime.remove(name, view.status.instance);
      return { name, state: "ending" };
    },
  };
}

function requestOf(config: SessionsConfig, name: string, user: SessionUser, wanted: ReturnType<typeof wantedSession>): SessionRequest {
  const image = imageOfType(config.images, wanted.entry.type);
  if (image === undefined)
    throw new SessionRefusal("no-image", {
      message: `The session type ${wanted.entry.type} has no software to run. Please tell your administrator.`,
    });
  return { name, user, type: wanted.entry.type, display: wanted.display, script: wanted.entry.script, image, secret: sessionSecret() };
}

/** 24 letters and digits: 142 bits. */
function sessionSecret(): string {
  let text = "";
  while (text.length < 24)
    text += randomBytes(24)
      .toString("base64")
      .replace(/[^A-Za-z0-9]/g, "");
  return text.slice(0, 24);
}

function announce(flight: Flight, progress: Progress): void {
  if (flight.last?.message === progress.message && flight.last.phase === progress.phase) return;
  flight.last = progress;
  for (const listener of flight.listeners) listener(progress);
}
