import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SessionRefusal } from "../session/refusal.ts";
import { isUserName, type SessionUser, type UserGroup } from "../session/user.ts";

const run = promisify(execFile);
const lookupTimeoutMs = 10_000;

/** A user as this machine knows it: not checked yet. */
export type SystemUser = SessionUser;

/**
 * Looks a user up with `getent` and `id`, so that every directory service of the machine is asked.
 * `user@domain` is `user` when both have the same uid. Throws a `SessionRefusal` (6) for an unknown one.
 */
export async function systemUser(asked: string): Promise<SystemUser> {
  if (!isUserName(asked)) throw new SessionRefusal("unknown-user");
  // At once: each program is a hundredth of a second that the hook's caller waits for.
  const [entry, short, groups] = await Promise.all([
    passwdEntry(asked),
    asked.includes("@") ? passwdEntry(asked.split("@")[0] ?? "") : undefined,
    groupsOf(asked),
  ]);
  if (entry === undefined) throw new SessionRefusal("unknown-user");
  const user = short !== undefined && short.uid === entry.uid ? short : entry;
  return { ...user, groups: user.name === asked ? groups : await groupsOf(user.name) };
}

async function passwdEntry(name: string): Promise<Omit<SystemUser, "groups"> | undefined> {
  const [line = ""] = (await output("getent", ["passwd", name])).split("\n");
  const [known, , uid, gid, gecos = "", home = "", shell = ""] = line.split(":");
  // A number is looked up as a uid: it is not a name that somebody signs in with. A directory may give `user` for `user@domain`.
  const spelt = [name, name.split("@")[0]].map((each) => each?.toLowerCase());
  if (known === undefined || !spelt.includes(known.toLowerCase())) return undefined;
  return { name: known, uid: Number(uid), gid: Number(gid), home, shell, gecos };
}

async function groupsOf(name: string): Promise<UserGroup[]> {
  // Ended by a zero each: a directory's names may have spaces in them. A group without a name is named by its number.
  const [ids, names] = await Promise.all([zeroEnded("id", ["-Gz", name]), zeroEnded("id", ["-Gnz", name])]);
  return ids.flatMap((id, at) => (names[at] === undefined || names[at] === id ? [] : [{ name: names[at], gid: Number(id) }]));
}

async function zeroEnded(program: string, args: readonly string[]): Promise<readonly string[]> {
  return (await output(program, args)).split("\0").filter(Boolean);
}

/** What a program prints; it may end with an error when it has not found everything. Arguments go past any shell. */
async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, [...args], { timeout: lookupTimeoutMs, encoding: "utf8" })).stdout;
  } catch (thrown) {
    const { stdout, code } = thrown as { stdout?: string; code?: unknown };
    if (typeof code === "number") return stdout ?? "";
    throw new SessionRefusal("directory", { detail: String(thrown) });
  }
}
