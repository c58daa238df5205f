import { setTimeout as sleep } from "node:timers/promises";

/** Asks again and again until the answer is accepted, and gives it; after the time it throws with the last one. */
export async function eventually<T>(what: string, ask: () => Promise<T>, isEnough: (answer: T) => boolean, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isEnough(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s; last seen: ${JSON.stringify(answer)}`);
    await sleep(300);
  }
}
