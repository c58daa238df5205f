import { SessionRefusal } from "./refusal.ts";
import type { SessionTypeEntry } from "./sessions-config.ts";
import type { SessionUser } from "./user.ts";

/** The type that is meant when nothing was asked for. */
export const defaultType = "seamless";

const homePrefix = /^(mhd|nhd)-/i;

/** A display that was asked for, understood. */
export interface WantedSession {
  readonly entry: SessionTypeEntry;
  /** The one spelling of this display: the type as it is configured, with `mhd-` or `nhd-` before it if asked for. */
  readonly display: string;
}

/** A session type as a page shows it. */
export interface OfferedType {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly icon?: string;
  readonly image?: string;
  readonly default?: true;
}

/**
 * Which session a display means for a user: `[user-](mhd-|nhd-)?type`, upper and lower case alike.
 * The whole name is tried as a type first. A prefix that is not the user's own is not a prefix: it opens nobody else's session.
 * Throws a `SessionRefusal` (4) for everything else.
 */
export function wantedSession(asked: string, user: SessionUser, entries: readonly SessionTypeEntry[]): WantedSession {
  const display = asked === "" ? defaultType : asked;
  if (display.length > 128 || !/^[A-Za-z0-9._-]+$/.test(display)) throw new SessionRefusal("bad-display");
  const scopes = scopesOf(user, entries);
  for (const reading of readings(display, user.name)) {
    const entry = typeOf(reading.type, scopes);
    if (entry !== undefined) return { entry, display: reading.home + entry.type };
  }
  const offered = offeredTypes(user, entries).map(({ name }) => name);
  const choice = offered.length === 0 ? "There is none at all for you." : `You can start: ${offered.slice(0, 12).join(", ")}.`;
  throw new SessionRefusal("no-such-type", { message: `There is no session type ${display} for you. ${choice}` });
}

/** The types that a user may start, the default one marked; of two with the same name the more personal one. */
export function offeredTypes(user: SessionUser, entries: readonly SessionTypeEntry[]): OfferedType[] {
  const scopes = scopesOf(user, entries);
  const names = new Map(scopes.flat().map(({ type }) => [type.toLowerCase(), type]));
  return [...names.values()].sort().flatMap((name) => {
    const entry = typeOf(name, scopes);
    if (entry === undefined) return [];
    return [
      {
        name: entry.type,
        title: entry.title,
        description: entry.description,
        ...(entry.icon === undefined ? {} : { icon: entry.icon }),
        ...(entry.image === undefined ? {} : { image: entry.image }),
        ...(entry.type === defaultType ? { default: true as const } : {}),
      },
    ];
  });
}

/** The ways to read a display, the first that names a type wins. */
export function readings(display: string, user: string): { home: string; type: string }[] {
  const own = [user, user.split("@")[0] ?? user].map((name) => `${name.toLowerCase()}-`);
  const prefix = own.find((name) => display.toLowerCase().startsWith(name));
  const whole = prefix === undefined ? [display] : [display, display.slice(prefix.length)];
  return whole.flatMap((text) => {
    const home = homePrefix.exec(text)?.[0] ?? "";
    return home === ""
      ? [{ home, type: text }]
      : [
          { home: "", type: text },
          { home: home.toLowerCase(), type: text.slice(home.length) },
        ];
  });
}

/** The entries that are for a user: those of the user's own scope, of the groups' in their order, and the default ones. */
function scopesOf(user: SessionUser, entries: readonly SessionTypeEntry[]): readonly (readonly SessionTypeEntry[])[] {
  const byScope = new Map<string, SessionTypeEntry[]>();
  for (const entry of entries) {
    const inScope = byScope.get(entry.scope);
    if (inScope === undefined) byScope.set(entry.scope, [entry]);
    else inScope.push(entry);
  }
  return [user.name, ...user.groups.map(({ name }) => name), "default"].flatMap((scope) => {
    const inScope = byScope.get(scope);
    return inScope === undefined ? [] : [inScope];
  });
}

/** The first match; within a scope one that is spelt the same before one that is not. */
function typeOf(type: string, scopes: readonly (readonly SessionTypeEntry[])[]): SessionTypeEntry | undefined {
  for (const inScope of scopes) {
    const match = inScope.find((entry) => entry.type === type) ?? inScope.find((entry) => entry.type.toLowerCase() === type.toLowerCase());
    if (match !== undefined) return match;
  }
  return undefined;
}
