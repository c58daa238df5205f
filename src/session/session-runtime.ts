import type { SessionRequest } from "./session-request.ts";
import type { SessionAddress, SessionView } from "./session-state.ts";

export type { SessionRequest } from "./session-request.ts";

/** How a session's port answered: `silent` means that nothing came back in time. */
export type Answer = "open" | "refused" | "silent";

/**
 * Where sessions run. An implementation holds nothing that what it runs on does not hold:
 * it can be killed at any time, and several may work on the same sessions.
 */
export interface SessionRuntime {
  /** What is known of a session now, from memory; never waits. */
  look(name: string): SessionView;
  /**
   * Calls back after every change of what `look` gives, until the returned function is called. While `isWanted` says so (left out:
   * all the time), somebody waits for the session, and it is not removed for having waited too long.
   */
  onChange(name: string, listener: () => void, isWanted?: () => boolean): () => void;
  /**
   * Starts a session. `exists`: somebody else did, and `look` knows it. Throws a `SessionRefusal` when it cannot be.
   */
  create(request: SessionRequest): Promise<"created" | "exists">;
  /** Asks for a session that `look` does not know: another broker may have started it a moment ago. Throws a `SessionRefusal`. */
  find?(name: string): Promise<unknown>;
  /** Ends this instance of a session and no other; done when the end has begun. */
  remove(name: string, instance: string): Promise<void>;
  /** Connects once to a session that is ready; one that has just answered need not be asked again. */
  connect(name: string, address: SessionAddress): Promise<Answer>;
  /** Fulfilled when `look` knows all sessions; false when that takes too long. */
  known(timeoutMs: number): Promise<boolean>;
}
