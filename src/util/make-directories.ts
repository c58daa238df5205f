import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a directory and what is missing above it; what is there stays as it is. Node's own `recursive` says of a full disk that there is
 * no such directory (seen with Node 20), which nobody could make anything of.
 */
export async function makeDirectories(directory: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(directory, { mode });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const above = dirname(directory);
    if (code === "ENOENT" && above !== directory) {
      await makeDirectories(above, mode);
      await mkdir(directory, { mode }).catch((again: unknown) => unlessThere(directory, again));
    } else await unlessThere(directory, thrown);
  }
}

/** Somebody else may have made it in the same moment. */
async function unlessThere(directory: string, thrown: unknown): Promise<void> {
  if ((thrown as NodeJS.ErrnoException).code !== "EEXIST" || !(await stat(directory)).isDirectory()) throw thrown;
}
