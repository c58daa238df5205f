import type { Loss } from "../model.ts";

const takenOver = /new client|new connection|same uuid|another client/i;
const over = /server shutdown|server exit|shutting down|session (has )?ended|display (is )?terminated/i;
const busy = /shown elsewhere/i;
const locked = /session is locked/i;
// Xpra 6.5 counts the new client itself among those that are there, and so refuses everyone who asks. Of several reasons that the
// session gives the proxy passes on the first.
const cannotTell = /already active|session busy/i;
const refused = /authenti|permission|locked|not allowed|denied|refused|invalid|unsupported|version|no such|unknown session/i;

/** What it means that the other side said goodbye with these words. */
export function lossFromWords(words: string): Loss {
  const plain = words.replace(/^Disconnected:\s*/, "");
  if (takenOver.test(plain)) return { kind: "taken-over", words: plain };
  // Before the ones below: the proxy takes leave as a server that shuts down, whatever the session has said.
  if (busy.test(plain)) return { kind: "busy", words: plain };
  if (locked.test(plain)) return { kind: "refused", words: plain };
  if (cannotTell.test(plain)) return { kind: "cannot-tell", words: plain };
  if (over.test(plain)) return { kind: "session-over", words: plain };
  if (refused.test(plain)) return { kind: "refused", words: plain };
  return { kind: "lost", words: plain };
}
