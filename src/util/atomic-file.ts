import { randomBytes } from "node:crypto";
import { chmod, lstat, open, readFile, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isDiskFull, noSpaceError } from "./disk-full.ts";
import { makeOwnedDirectories, orAsItIs, ownerFor } from "./owner.ts";
import { utf8Text } from "./utf8.ts";
import { messageOf, VdiError } from "./vdi-error.ts";

/** The file's bytes, or undefined when there is no such file. */
export async function readBytesIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** The file's text, or undefined when there is no such file. What is not UTF-8 becomes U+FFFD: never write this back. */
export async function readTextIfThere(file: string): Promise<string | undefined> {
  return (await readBytesIfThere(file))?.toString("utf8");
}

/** The text of a file that is written back, or undefined when there is no such file. Throws a usage error when it is not UTF-8. */
export async function readUtf8IfThere(file: string): Promise<string | undefined> {
  const bytes = await readBytesIfThere(file);
  return bytes === undefined ? undefined : utf8Text(bytes, { name: file, try: `iconv -f latin1 -t utf-8 ${file} (when it is Latin-1)` });
}

/**
 * Writes a file so that it is whole or the old one at every moment, and only when something changes: content or mode.
 * Gives true when it did. A directory that is missing is made, 0700 when the file is for its owner alone. A link stays, and the file
 * that it leads to is written. What root writes belongs to whom the old file belonged to, or to the directory's owner.
 */
export async function writeFileIfChanged(file: string, content: string | Uint8Array, mode = 0o644): Promise<boolean> {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const before = await readBytesIfThere(file);
  if (before?.equals(bytes) === true) {
    if (((await stat(file)).mode & 0o777) === mode) return false;
    await chmod(file, mode);
    return true;
  }
  await makeOwnedDirectories(dirname(file), (mode & 0o077) === 0 ? 0o700 : 0o755);
  // The new file takes the place of what it is renamed to, which must not be a link.
  const target = before === undefined ? await unlessLink(file) : await realpath(file);
  const owner = await ownerFor(target);
  const temporary = `${target}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    // By its handle: who owns the directory could put a link in its place, and get what that leads to.
    const made = await open(temporary, "wx", mode);
    try {
      await made.writeFile(bytes);
      if (owner !== undefined) await orAsItIs(made.chown(owner.uid, owner.gid));
      // The process's umask may have taken bits away.
      await made.chmod(mode);
    } finally {
      await made.close();
    }
    await rename(temporary, target);
  } catch (thrown) {
    await rm(temporary, { force: true });
    // The system's own words name no file.
    throw isDiskFull(messageOf(thrown)) ? noSpaceError(`${file} could not be written`, thrown) : thrown;
  }
  return true;
}

/** The same path, where there is no file. Throws for a link that leads to nothing: whoever made it wants no other file in its place. */
async function unlessLink(file: string): Promise<string> {
  const isLink = await lstat(file).then(
    (status) => status.isSymbolicLink(),
    () => false,
  );
  if (!isLink) return file;
  throw new VdiError({
    what: `${file} could not be written`,
    why: `it is a link to ${await readlink(file)}, which is not there`,
    try: ["mount or make what it leads to", `or remove the link: rm ${file}`],
  });
}
