import type { Manner } from "../model.ts";
import { digests, saltDigests } from "./challenge.ts";

/** What an Xpra server from 6.5 on reads about the clipboard: a nested dictionary only. */
export const clipboardCapabilities = {
  enabled: true,
  greedy: true,
  want_targets: true,
  selections: ["CLIPBOARD", "PRIMARY"],
  "preferred-targets": ["UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING"],
};

/** What of a client's identity goes into its first message. */
export interface Identification {
  readonly display: string;
  readonly clientId: string;
  /** The name that X11 has for the keyboard's layout. */
  readonly layout: string;
  readonly manner: Manner;
}

/** The ways of sending pictures that this page takes. */
function pictureEncodings(offered: unknown): string[] {
  const names = Array.isArray(offered) ? offered.filter((name) => typeof name === "string") : [];
  // 6.5.5 fails at each picture that it wants to send by moving an area (a missing argument in its
  // encoder), and the picture is lost.
  return names.filter((name) => name !== "scroll");
}

/** What the client library's message lacks, or says in a way that a server from 6.5 on does not read. */
export function corrections(own: Identification, made: Record<string, unknown>): Record<string, unknown> {
  const { display, clientId, layout, manner } = own;
  const encodings = pictureEncodings(made.encodings);
  return {
    encodings,
    "encodings.core": encodings,
    "encoding.scrolling": false,
    display,
    // The page attaches to what was ready a moment ago: the door starts no new session in the place of one that has ended meanwhile.
    "vdi-existing": true,
    uuid: clientId,
    // Without `steal` a server refuses whoever comes second; without `share` it has the others leave.
    steal: manner !== "ask",
    share: manner !== "take",
    // 6.5 reads the keyboard from here, and the library knows the older place only.
    keymap: { layout, keycodes: made.xkbmap_keycodes },
    digest: digests,
    "salt-digest": saltDigests,
    // The library names the page's address here; it is nobody's business but the user's.
    argv: [],
    clipboard: clipboardCapabilities,
  };
}
