import { endingName } from "../engine/docker-names.ts";
import { type EngineClient, EngineError, isEngineStatus } from "../engine/engine-client.ts";
import { isDiskFull } from "../util/disk-full.ts";
import { dockerRefusal } from "./docker-refusal.ts";

/** What the ends of containers work with. */
export interface ContainerEndsOptions {
  readonly client: EngineClient;
  readonly namespace: string;
  settings(): { readonly preStop: string; readonly gracePeriodSeconds: number };
  /** Removes the parts of a container; others may do so at the same time, and the next one of the session may run by then. */
  clear(parts: string): Promise<void>;
  readonly signal: AbortSignal;
  onTrouble?(what: string, error: unknown): void;
}

/** A session's container that is to go. */
export interface EndingContainer {
  readonly id: string;
  readonly parts: string;
  readonly isRunning: boolean;
}

/** Ends containers, and what others have begun to end. */
export interface ContainerEnds {
  /** Puts it on record that a session's container is to end, unless the disk is too full for that; false when it is gone. Throws a `SessionRefusal`. */
  record(id: string, session: string): Promise<boolean>;
  /** When it was first seen here that its end has been asked for, in milliseconds since the epoch. */
  since(id: string): number;
  /** Ends a container whose end is on record: its own command, its grace, its removal. */
  finish(container: EndingContainer): void;
  /** Looks after one that another broker is ending: it may have died over it. */
  watch(container: EndingContainer): void;
  forget(id: string): void;
}

/** So much longer than its grace a broker has for ending a container before another one steps in. */
const slackMs = 5_000;
const againMs = 5_000;
/** The engine's own work around a stop and a removal. */
const engineMs = 30_000;

/**
 * The end of a session on an engine: the container takes a name that says so, which any broker sees, and which an engine keeps;
 * then whoever has asked for it does the rest, and another one only when that takes too long.
 */
export function containerEnds(options: ContainerEndsOptions): ContainerEnds {
  const { client, namespace, settings, signal } = options;
  const firstSeen = new Map<string, number>();
  const working = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  signal.addEventListener("abort", () => {
    for (const timer of timers.values()) clearTimeout(timer);
  });

  function since(id: string): number {
    const known = firstSeen.get(id) ?? Date.now();
    firstSeen.set(id, known);
    return known;
  }

  function later(container: EndingContainer, waitMs: number): void {
    clearTimeout(timers.get(container.id));
    if (signal.aborted) return;
    const own = setTimeout(() => begin(container, false), waitMs);
    timers.set(container.id, own);
  }

  function begin(container: EndingContainer, isOurs: boolean): void {
    const { id, parts } = container;
    if (working.has(id) || signal.aborted) return;
    working.add(id);
    clearTimeout(timers.get(id));
    end(container, isOurs)
      .catch((error: unknown) => {
        if (signal.aborted) return;
        options.onTrouble?.(`ending ${parts}`, error);
        later(container, againMs);
      })
      .finally(() => working.delete(id));
  }

  async function end({ id, parts, isRunning }: EndingContainer, isOurs: boolean): Promise<void> {
    if (isRunning) {
      const { preStop, gracePeriodSeconds } = settings();
      const deadline = Date.now() + gracePeriodSeconds * 1000;
      // Whoever steps in for another one does not know how far that had come.
      if (isOurs && preStop !== "") await runInside(id, preStop, gracePeriodSeconds * 1000);
      const leftSeconds = Math.max(1, Math.ceil((deadline - Date.now()) / 1000));
      await client
        .send({ method: "POST", path: `/containers/${id}/stop`, query: { t: leftSeconds }, timeoutMs: leftSeconds * 1000 + engineMs })
        .catch(unlessGone);
    }
    await options.clear(parts);
    await client
      .send({ method: "DELETE", path: `/containers/${id}`, query: { v: true, force: true }, timeoutMs: engineMs })
      .catch(unlessGone);
  }

  /** A command that fails, or takes too long, keeps no session from ending. */
  async function runInside(id: string, command: string, timeoutMs: number): Promise<void> {
    try {
      const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const body = { Cmd: ["/bin/sh", "-c", command], AttachStdout: true, AttachStderr: true };
      const { Id: exec } = await client.json<{ Id: string }>({ method: "POST", path: `/containers/${id}/exec`, body, signal: stop });
      const output = await client.stream({ method: "POST", path: `/exec/${exec}/start`, body: { Detach: false }, signal: stop, timeoutMs });
      for await (const _ of output) {
        // Its end is what is waited for.
      }
    } catch (error) {
      if (!signal.aborted) options.onTrouble?.("command before the end of a session", error);
    }
  }

  return {
    async record(id, session) {
      try {
        await client.send({ method: "POST", path: `/containers/${id}/rename`, query: { name: endingName(namespace, session, id) } });
      } catch (thrown) {
        if (isEngineStatus(thrown, 404)) return false;
        // Its removal is what makes space: it is ended all the same, and only this broker knows so until it is.
        const isFull = thrown instanceof EngineError && isDiskFull(thrown.message);
        // Another broker has done it, or it is being removed.
        if (!isFull && (!(thrown instanceof EngineError) || thrown.status === 0 || thrown.status >= 500)) throw dockerRefusal(thrown, "\0");
      }
      since(id);
      return true;
    },
    since,
    finish: (container) => begin(container, true),
    watch(container) {
      const { id, isRunning } = container;
      const begun = since(id);
      if (working.has(id)) return;
      if (!isRunning) begin(container, false);
      else later(container, begun + settings().gracePeriodSeconds * 1000 + slackMs - Date.now());
    },
    forget(id) {
      firstSeen.delete(id);
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
  };
}

/** 304: it does not run any more; 404: it is gone; 409: somebody else is removing it. */
function unlessGone(thrown: unknown): void {
  if (!isEngineStatus(thrown, 304, 404, 409)) throw thrown;
}
