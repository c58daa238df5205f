import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import type { Account } from "./user-problems.ts";

/** More homes than this are not looked at: a check is no inventory. */
const maxHomes = 20_000;

/**
 * The accounts that this machine knows by these names or uids, its directory service included (`getent passwd`).
 * Where there is no getent, none.
 */
export async function accountsOf(keys: readonly string[], signal?: AbortSignal): Promise<readonly Account[]> {
  if (keys.length === 0) return [];
  try {
    const { stdout } = await execa("getent", ["passwd", "--", ...keys], {
      // Exit code 2: some of them are not known.
      reject: false,
      timeout: 10_000,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    return (stdout ?? "").split("\n").flatMap((line) => {
      const [name = "", , uid = ""] = line.split(":");
      return name !== "" && /^[0-9]+$/.test(uid) ? [{ name, uid: Number(uid) }] : [];
    });
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}

/** The owners of the home directories in a directory of this machine, each under its directory's name; none when it is not here. */
export async function homeOwners(directory: string, uids: ReadonlySet<number>): Promise<readonly Account[]> {
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(
    names.slice(0, maxHomes).map(async (name): Promise<readonly Account[]> => {
      const facts = await stat(path.join(directory, name)).catch(() => undefined);
      return facts?.isDirectory() === true && uids.has(facts.uid) ? [{ name, uid: facts.uid }] : [];
    }),
  );
  return found.flat();
}
