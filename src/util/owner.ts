import { lchown, lstat, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectories } from "./make-directories.ts";

/** Whom a file belongs to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom a file is to belong to that is written now; undefined: whoever writes it. `sudo vdi …` must leave nothing in somebody's directory
 * that they cannot read any more: what is there keeps its owner, and what is new belongs to the directory's.
 */
export async function ownerFor(file: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const before = await ownerOf(file);
  if (before !== undefined) return before;
  const above = await ownerOf(dirname(file));
  return above?.uid === 0 ? undefined : above;
}

/** Gives what was just made in a directory to the directory's owner, when we are root and it is not root's. */
export async function giveToOwnerOfDirectory(file: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(file));
  // Not a link's target: who owns the directory could have put one there.
  if (uid !== 0) await orAsItIs(lchown(file, uid, gid));
}

/** Makes a directory and what is missing above it, all of it for the owner of what is there. */
export async function makeOwnedDirectories(directory: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  for (let place = directory; (await ownerOf(place)) === undefined && dirname(place) !== place; place = dirname(place))
    missing.unshift(place);
  await makeDirectories(directory, mode);
  for (const made of missing) await giveToOwnerOfDirectory(made);
}

/** Some file systems know no owners, and an NFS server may trust no root: that is no reason to write nothing. */
export async function orAsItIs(change: Promise<void>): Promise<void> {
  await change.catch(() => undefined);
}

async function ownerOf(file: string): Promise<Owner | undefined> {
  return lstat(file).catch(() => undefined);
}
