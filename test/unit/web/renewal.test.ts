import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DoorError } from "../../../web/src/api.ts";
import { createRenewal } from "../../../web/src/renewal.ts";
import type { Identity } from "../../../web/src/types.ts";
import { problem } from "../../../web/src/words.ts";

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const lifeMs = 600_000;
const dueMs = 400_000;

function identityOf(user: string): Identity {
  return { user, ticket: `ticket of ${user}`, expiresAtMs: Date.now() + lifeMs, types: [] };
}

interface Request {
  readonly user: string;
  readonly signal: AbortSignal;
  answer(renewed: Identity): void;
  fail(error: unknown): void;
}

/** A door that answers when the test says so, even to who has gone. */
function rig() {
  const requests: Request[] = [];
  const renewed: string[] = [];
  const renewal = createRenewal(
    ({ user }, signal) => new Promise((answer, fail) => void requests.push({ user, signal, answer, fail })),
    ({ user }) => void renewed.push(user),
  );
  const request = (index: number): Request => requests[index] as Request;
  return { renewal, requests, request, renewed };
}

test("a ticket is renewed in time", async () => {
  const { renewal, requests, request, renewed } = rig();
  renewal.start(identityOf("alice"));
  await vi.advanceTimersByTimeAsync(dueMs - 1);
  expect(requests).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  request(0).answer(identityOf("alice"));
  await vi.advanceTimersByTimeAsync(0);
  expect(renewed).toEqual(["alice"]);
});

test.each([
  ["the ticket is over", "expired"],
  ["its user may not come in any more", "account"],
])("a renewal that fails is tried again, unless %s", async (_, reason) => {
  const { renewal, requests, request } = rig();
  renewal.start(identityOf("alice"));
  await vi.advanceTimersByTimeAsync(dueMs);
  request(0).fail(new DoorError(problem("offline", "Nobody there.")));
  await vi.advanceTimersByTimeAsync(lifeMs);
  expect(requests).toHaveLength(2);
  request(1).fail(new DoorError(problem(reason, "No more.")));
  await vi.advanceTimersByTimeAsync(lifeMs);
  expect(requests).toHaveLength(2);
});

test("who has signed out is not renewed, and a request under way is given up", async () => {
  const { renewal, requests, request } = rig();
  renewal.start(identityOf("alice"));
  await vi.advanceTimersByTimeAsync(dueMs);
  renewal.stop();
  expect(request(0).signal.aborted).toBe(true);
  renewal.start(identityOf("alice"));
  renewal.stop();
  await vi.advanceTimersByTimeAsync(lifeMs);
  expect(requests).toHaveLength(1);
});

test.each([
  ["an answer", (late: Request) => late.answer(identityOf("alice"))],
  ["a failure", (late: Request) => late.fail(new Error("cut"))],
])("%s that comes late is not the next user's", async (_, happens) => {
  const { renewal, requests, request, renewed } = rig();
  renewal.start(identityOf("alice"));
  await vi.advanceTimersByTimeAsync(dueMs);
  renewal.stop();
  renewal.start(identityOf("bob"));
  happens(request(0));
  await vi.advanceTimersByTimeAsync(dueMs);
  expect(renewed).toEqual([]);
  expect(requests.map(({ user }) => user)).toEqual(["alice", "bob"]);
});
