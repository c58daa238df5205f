import { chmod, cp, readlink, rename, rm, rmdir, stat, symlink } from "node:fs/promises";
import path from "node:path";
import { readBytesIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { giveToOwnerOfDirectory, makeOwnedDirectories } from "../util/owner.ts";
import { distributedDirectories, type TreeFile } from "./distribution.ts";
import type { PlannedFile } from "./plan.ts";
import { type DistributionRecord, writeRecord } from "./record.ts";

/** What is to be laid out, and where. */
export interface Layout {
  readonly directory: string;
  readonly version: string;
  readonly files: ReadonlyMap<string, TreeFile>;
  readonly plan: readonly PlannedFile[];
  readonly record: DistributionRecord;
  /** Where files that give way go, below the directory. */
  readonly backup: string;
  readonly signal: AbortSignal;
}

/**
 * Lays out a deployment directory's files as planned. It can be interrupted between any two steps: the record says before
 * the first file what is going to be there, so the next run knows its own files from the admin's.
 */
export async function layOut(layout: Layout): Promise<void> {
  const { directory, plan, files, record, signal } = layout;
  await makeDirectory(path.join(directory, "protected"), 0o700);
  const work = plan.filter(({ action }) => ["add", "update", "remove", "replace"].includes(action));
  if (work.length > 0) {
    const pending = Object.fromEntries(work.flatMap(({ path: name }) => (files.has(name) ? [[name, files.get(name)?.print ?? ""]] : [])));
    await writeRecord(directory, { ...record, pending: { ...record.pending, ...pending } });
  }
  // The pods' own files can be read by everybody; of the rest nobody else needs anything.
  for (const name of ["deploy", "yaml", ...distributedDirectories]) {
    await makeDirectory(path.join(directory, name), name === "to_container" ? 0o755 : 0o700);
  }
  for (const planned of work) {
    signal.throwIfAborted();
    await layOutFile(layout, planned);
  }
  await writeRecord(directory, { version: 1, vdi: layout.version, files: recorded(layout) });
}

async function layOutFile({ directory, files, backup }: Layout, { path: name, action }: PlannedFile): Promise<void> {
  const target = path.join(directory, name);
  const file = files.get(name);
  if (action === "replace") {
    const kept = path.join(directory, backup, name);
    await makeDirectory(path.dirname(kept), 0o700);
    await move(target, kept);
  }
  if (file === undefined) {
    await rm(target, { force: true });
    // A directory that is empty now was there for this file only.
    await rmdir(path.dirname(target)).catch(() => undefined);
    return;
  }
  await makeDirectory(path.dirname(target), 0o755);
  if (file.print.startsWith("link:")) return replaceLink(target, await readlink(file.source));
  // What was a link before must not be written through.
  if (action === "update" && (await readlink(target).catch(() => undefined)) !== undefined) await rm(target);
  await writeFileIfChanged(target, (await readBytesIfThere(file.source)) ?? "", file.print.startsWith("exec:") ? 0o755 : 0o644);
}

/** Also to another file system, which `protected/` may be. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EXDEV") throw thrown;
    await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    await giveToOwnerOfDirectory(to);
    await rm(from, { recursive: true });
  }
}

async function replaceLink(target: string, leadsTo: string): Promise<void> {
  const temporary = `${target}.new.tmp`;
  await rm(temporary, { force: true });
  await symlink(leadsTo, temporary);
  await giveToOwnerOfDirectory(temporary);
  await rename(temporary, target);
}

/** Makes a directory and its parents; a new one gets the mode whatever the process's umask says, an old one stays as it is. */
async function makeDirectory(directory: string, mode: number): Promise<void> {
  const isThere = await stat(directory).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  await makeDirectory(path.dirname(directory), 0o755);
  await makeOwnedDirectories(directory, mode);
  await chmod(directory, mode);
}

/** What the record says when all is done: the distribution's files, and for those that the admin keeps what they started from. */
function recorded({ plan, files, record }: Layout): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { path: name, action } of plan) {
    const print = action.startsWith("keep") ? record.files[name] : files.get(name)?.print;
    if (print !== undefined) result[name] = print;
  }
  return result;
}
