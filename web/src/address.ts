/** What the address of the page asks for. */
export interface Choice {
  /** The session type, e.g. `desktop`. */
  readonly type: string;
  /** What is asked of the door: the type with its home form, e.g. `mhd-desktop`. */
  readonly display: string;
}

const pattern = /^\/(?:(mhd|nhd)-)?([A-Za-z0-9][A-Za-z0-9._-]{0,62}?)(?:-index)?\.html$/;

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
  if (type === undefined || type === "index") return null;
  const home = match?.[1];
  return { type, display: home === undefined ? type : `${home}-${type}` };
}

/** The choice behind a display that the door was asked for. */
export function choiceOfDisplay(display: string): Choice {
  return { type: display.replace(/^(?:mhd|nhd)-/, ""), display };
}
