import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { groupFile, passwdFile } from "../session/session-user.ts";
import type { SessionUser } from "../session/user.ts";
import { makeDirectories } from "../util/make-directories.ts";

/** Sessions' passwd and group files, in a directory that the engine mounts them from. */
export interface IdentityFiles {
  /** Writes those of a session; a container that has older ones mounted keeps them. */
  write(session: string, user: SessionUser): Promise<void>;
  remove(session: string): Promise<void>;
  /** The sessions that there are files for, and for so long already that no broker is about to use them. */
  list(): Promise<readonly string[]>;
}

/** From the writing of its files to the making of a container no more than a part of it passes. */
const inUseMs = 60_000;

/** Files below a directory, one directory a session. */
export function identityFiles(directory: () => string): IdentityFiles {
  return {
    async write(session, user) {
      const own = join(directory(), session);
      await makeDirectories(own, 0o755);
      for (const [name, content] of [
        ["passwd", passwdFile(user)],
        ["group", groupFile(user)],
      ] as const) {
        // Whole or not at all, also when two brokers write.
        const draft = join(own, `.${name}.${process.pid}.${Math.random().toString(36).slice(2)}`);
        try {
          await writeFile(draft, content, { mode: 0o444 });
          await rename(draft, join(own, name));
        } catch (thrown) {
          await rm(draft, { force: true });
          throw thrown;
        }
      }
    },
    remove: (session) => rm(join(directory(), session), { recursive: true, force: true }),
    async list() {
      const names = await readdir(directory());
      const times = await Promise.all(names.map((name) => stat(join(directory(), name)).catch(() => undefined)));
      return names.filter((_, at) => Date.now() - (times[at]?.mtimeMs ?? Number.POSITIVE_INFINITY) > inUseMs);
    },
  };
}

const block = 512;

/** A tar archive that holds nothing but the mode of the directory that it is unpacked in. Pure. */
export function modeArchive(mode: number): Uint8Array {
  const header = Buffer.alloc(block);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  // An entry "." is passed over by the engine; this one is the directory itself as well.
  header.write("/", 0);
  header.write(octal(mode, 7), 100);
  // Owner and group are root, the time is 1970, the size nothing.
  for (const at of [108, 116]) header.write(octal(0, 7), at);
  for (const at of [124, 136]) header.write(octal(0, 11), at);
  header.write(" ".repeat(8), 148);
  header.write("5", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.alloc(2 * block)]);
}
