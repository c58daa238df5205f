import { createHash } from "node:crypto";

/** Longest DNS label: the limit of a session's host name. */
const maxLabel = 63;
/** 60 bits: a million sessions meet once in a million deployments. */
const hashLength = 12;

/**
 * The types of the distribution that have a dash in them. A name whose end is one of these is read with it, so that
 * `alice-desktop-office` stays the plain name of alice's `desktop-office`. Taking one out would rename running sessions.
 */
const dashedTypes = ["desktop-office", "desktop-failsafe", "desktop-xfce4", "seamless-office"];
const homePrefixes = ["mhd-", "nhd-"];

/**
 * The name of a user's session: a DNS label, the same for the same pair for ever, and another one for every other pair.
 *
 * `user-display` where that is a label and can be read back as exactly this pair; else a readable form, two dashes and a hash.
 * A plain name never has two dashes in a row, so that the two forms cannot meet; and of all the pairs that would give
 * the same plain name, `readBack` picks the one that gets it.
 *
 * @param display the session's type, with `mhd-` or `nhd-` before it if that was asked for
 */
export function sessionName(user: string, display: string): string {
  const plain = `${user}-${display}`;
  if (plain.length <= maxLabel && isPlain(plain)) {
    const reading = readBack(plain);
    if (reading.user === user && reading.display === display) return plain;
  }
  return hashedName(plain, `${user}\0${display}`);
}

function isPlain(name: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
}

/** The one pair that a plain name stands for. */
function readBack(name: string): { user: string; display: string } {
  const type = dashedTypes.find((known) => name.endsWith(`-${known}`)) ?? name.slice(name.lastIndexOf("-") + 1);
  const before = name.slice(0, name.length - type.length);
  const home = homePrefixes.find((prefix) => before.endsWith(`-${prefix}`) && before.length > prefix.length + 1) ?? "";
  const display = home + type;
  return { user: name.slice(0, name.length - display.length - 1), display };
}

/** A readable form of a text, two dashes and a hash of what it stands for: lower-case letters, digits and dashes, at most 63. */
export function hashedName(readable: string, identity: string): string {
  const slug = readable
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, maxLabel - hashLength - 2)
    .replace(/^-+|-+$/g, "");
  return `${slug === "" ? "session" : slug}--${shortHash(identity)}`;
}

/** Base 32 without the letters that are read as others; begins and ends as a label may. */
function shortHash(text: string): string {
  const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const bytes = createHash("sha256").update(text, "utf8").digest();
  return Array.from({ length: hashLength }, (_, at) => alphabet[(bytes[at] ?? 0) & 31]).join("");
}
