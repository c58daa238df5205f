import type { Loss } from "../model.ts";

/** What a goodbye's words mean; the first that fit count. */
const meanings: readonly (readonly [kind: Loss["kind"], words: RegExp])[] = [
  ["taken-over", /new client|new connection|same uuid|another client/i],
  // These three before the next one: the proxy takes leave as a server that shuts down, whatever the session has said.
  ["locked", /\blocked\b/i],
  ["busy", /shown elsewhere/i],
  // Xpra 6.5 counts the new client itself among those that are there, and so refuses everyone who asks. Of several reasons that the
  // session gives the proxy passes on the first.
  ["cannot-tell", /already active|session busy/i],
  ["session-over", /server shutdown|server exit|shutting down|session (has |was )?ended|display (is )?terminated/i],
  // The door has no other words for a ticket that has ended, an account that is locked and a directory that does not answer. Asked again
  // over HTTP it says which it was.
  ["lost", /authentication (failed|error)/i],
  ["refused", /authenti|permission|not allowed|denied|refused|invalid|unsupported|version|no such|unknown session/i],
];

/** What it means that the other side said goodbye with these words. */
export function lossFromWords(words: string): Loss {
  const plain = words.replace(/^Disconnected:\s*/, "");
  const [kind] = meanings.find(([, pattern]) => pattern.test(plain)) ?? ["lost" as const];
  return { kind, words: plain };
}
