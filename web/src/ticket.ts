/** The shortest wait before a ticket is renewed, so that a wrong clock causes no storm of requests. */
const shortestWaitMs = 5_000;

/** The longest that a browser's timer can wait. */
const longestWaitMs = 2 ** 31 - 1;

/**
 * How long to wait, in milliseconds, before renewing a ticket: two thirds of what is left of it,
 * which leaves time for several tries before it ends.
 */
export function renewalWaitMs(nowMs: number, expiresAtMs: number): number {
  const wait = Math.floor(((expiresAtMs - nowMs) * 2) / 3);
  return Math.min(longestWaitMs, Math.max(shortestWaitMs, wait));
}

/**
 * Puts the end of a ticket on this browser's clock.
 *
 * The door names it on its own clock. A browser whose clock is an hour off would otherwise renew
 * at the wrong time, so the difference shown by the answer's `Date` header is taken off.
 */
export function endOnOwnClock(expiresAtMs: number, dateHeader: string | null, nowMs: number): number {
  const serverNowMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  return Number.isNaN(serverNowMs) ? expiresAtMs : nowMs + (expiresAtMs - serverNowMs);
}

/** How long to wait before the next try to reconnect, in milliseconds: 0.5 s, doubling to 15 s. */
export function reconnectWaitMs(attempt: number): number {
  return Math.min(15_000, 500 * 2 ** Math.max(0, attempt - 1));
}
