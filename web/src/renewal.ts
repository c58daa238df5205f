import { DoorError } from "./api.ts";
import { renewalWaitMs } from "./ticket.ts";
import type { Identity } from "./types.ts";

const renewAgainMs = 30_000;
/** Neither passes by asking again and again: the ticket is over, or its user may not come in any more. */
const refusals: ReadonlySet<string> = new Set(["expired", "account"]);

/** What keeps a ticket fresh. */
export interface Renewal {
  /** Renews a ticket in time. What was done for an earlier one is left. */
  start(identity: Identity): void;
  /** Leaves it, also the request that is under way. */
  stop(): void;
}

/** Makes what renews one ticket at a time, by `renew`. No answer reaches `onRenewed` after the ticket was left: another user may be there. */
export function createRenewal(
  renew: (identity: Identity, signal: AbortSignal) => Promise<Identity>,
  onRenewed: (renewed: Identity) => void,
): Renewal {
  let current = new AbortController();

  function renewIn(identity: Identity, waitMs: number): void {
    current.abort();
    current = new AbortController();
    const { signal } = current;
    const timer = setTimeout(() => {
      renew(identity, signal).then(
        (renewed) => {
          if (!signal.aborted) onRenewed(renewed);
        },
        (error: unknown) => {
          // An ended ticket is still renewed, for some hours. What it was refused for the next request will say; the desktop stays.
          const isOver = error instanceof DoorError && refusals.has(error.problem.reason);
          if (!signal.aborted && !isOver) renewIn(identity, Math.max(renewAgainMs, renewalWaitMs(Date.now(), identity.expiresAtMs)));
        },
      );
    }, waitMs);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }

  return {
    start: (identity) => renewIn(identity, renewalWaitMs(Date.now(), identity.expiresAtMs)),
    stop: () => current.abort(),
  };
}
