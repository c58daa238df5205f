/** A session type: a script that exists for everybody, for one user or for one group. */
export interface SessionTypeEntry {
  /** The directory below `session_types` that the script is in: `default`, or the name of a user or a group. */
  readonly scope: string;
  /** `desktop` for `xpra_startup_desktop.sh`. */
  readonly type: string;
  /** Path below `session_types`. */
  readonly script: string;
  readonly title: string;
  readonly description: string;
  /** Name of the page's picture for it: `desktop`, `windows`, `terminal`. */
  readonly icon?: string;
  /** A larger picture, which our page does not show. What sessions run is in `SessionsConfig`. */
  readonly image?: string;
}

/** What the use case has to know of a deployment. */
export interface SessionsConfig {
  /**
   * Image by session type. `default` is the one for all others; a key is a type (`desktop-office`)
   * or the end of its variable (`DESKTOP_OFFICE`).
   */
  readonly images: Readonly<Record<string, string>>;
  /** How many sessions one broker starts at a time; at least 1. */
  readonly startsAtOnce: number;
  readonly sessionTypes: readonly SessionTypeEntry[];
}

/** The image of a session type: its own, else the default one. */
export function imageOfType(images: SessionsConfig["images"], type: string): string | undefined {
  const variable = (text: string): string => text.toUpperCase().replace(/[-.]/g, "_");
  const own = Object.entries(images).find(([key]) => variable(key) === variable(type));
  return own?.[1] ?? images.default ?? images.DEFAULT;
}
