import type { Identity, SessionType } from "./types.ts";

/** What the address of the page asks for. */
export interface Choice {
  /** The session type, e.g. `desktop`. */
  readonly type: string;
  /** What is asked of the door: the type with its home form, e.g. `mhd-desktop`. */
  readonly display: string;
}

const pattern = /^\/(?:(mhd|nhd)-)?([A-Za-z0-9][A-Za-z0-9._-]{0,62}?)(?:-index)?\.html$/i;
const homeForm = /^(?:mhd|nhd)-/i;

/**
 * Reads a choice from the page's path.
 *
 * `/desktop.html`, `/desktop-index.html` and their `mhd-` and `nhd-` forms are the addresses that
 * users of older deployments have as bookmarks. Everything else leaves the choice to the user.
 */
export function choiceFromPath(pathname: string): Choice | null {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  const match = pattern.exec(path);
  const type = match?.[2];
  if (type === undefined || type.toLowerCase() === "index") return null;
  const home = match?.[1];
  return { type, display: home === undefined ? type : `${home.toLowerCase()}-${type}` };
}

/** The choice behind a display that the door was asked for. */
export function choiceOfDisplay(display: string): Choice {
  return { type: display.replace(homeForm, ""), display };
}

/**
 * The user's type that a display means, read as the broker reads it: upper and lower case alike, and with the user's own name and a
 * home form before it or without; the name as it is comes first. The broker decides; this is for the page's own words.
 */
export function typeOfDisplay(display: string, { user, types }: Identity): SessionType | undefined {
  const whole = display.toLowerCase();
  const own = [user, user.split("@")[0] ?? user].map((name) => `${name.toLowerCase()}-`).find((prefix) => whole.startsWith(prefix));
  const names = own === undefined ? [whole] : [whole, whole.slice(own.length)];
  return names
    .flatMap((name) => [name, name.replace(homeForm, "")])
    .map((name) => types.find((type) => type.name.toLowerCase() === name))
    .find((type) => type !== undefined);
}
