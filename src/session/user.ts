import { SessionRefusal } from "./refusal.ts";
import type { SessionUser, UserGroup } from "./session-user.ts";

export type { SessionUser, UserGroup } from "./session-user.ts";

const maxGroups = 1000;

/**
 * Reads a user as a door sends it. Throws a `SessionRefusal` when it is not one, or not one that may have a session:
 * a name with anything but letters, digits and `-_.@+`, a uid below the configured one, group 0 as primary group.
 */
export function readUser(value: unknown, minUid: number): SessionUser {
  const raw = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const { name, uid, gid } = raw;
  if (typeof name !== "string" || !isUserName(name)) throw unknown("The user name holds characters that are not allowed.");
  if (!isId(uid) || !isId(gid)) throw unknown(`The user ${name} is not known here.`);
  if (uid < minUid || gid === 0) throw unknown(`The user ${name} may not have a session.`, `uid ${uid} (least: ${minUid}), gid ${gid}`);
  const groups = Array.isArray(raw.groups) ? raw.groups : [];
  return {
    name,
    uid,
    gid,
    home: text(raw.home, `/home/${name}`),
    shell: text(raw.shell, "/bin/bash"),
    gecos: text(raw.gecos, ""),
    groups: groups.slice(0, maxGroups).flatMap(readGroup),
  };
}

/** True for a name that can be in a passwd entry, a path and a log without harm. */
export function isUserName(name: string): boolean {
  return name.length <= 256 && /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$/.test(name) && !name.includes("..");
}

function readGroup(value: unknown): UserGroup[] {
  const { name, gid } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  return typeof name === "string" && isId(gid) ? [{ name, gid }] : [];
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" && value.length <= 1024 ? value : otherwise;
}

function unknown(message: string, detail?: string): SessionRefusal {
  return new SessionRefusal("unknown-user", { message, detail });
}
