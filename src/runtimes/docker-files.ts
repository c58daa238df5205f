import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { groupFile, passwdFile } from "../session/session-user.ts";
import type { SessionUser } from "../session/user.ts";
import { makeDirectories } from "../util/make-directories.ts";

/** Sessions' passwd and group files, in a directory that the engine mounts them from. */
export interface IdentityFiles {
  /** Writes those of the container that is to have these parts. */
  write(parts: string, user: SessionUser): Promise<void>;
  remove(parts: string): Promise<void>;
  /** The parts that there are files of, and for so long already that no broker is about to use them. */
  list(): Promise<readonly string[]>;
}

/** From the writing of its files to the making of a container no more than a part of it passes. */
const inUseMs = 60_000;

/** Files below a directory, one directory a container. */
export function identityFiles(directory: () => string): IdentityFiles {
  return {
    async write(parts, user) {
      const own = join(directory(), parts);
      await makeDirectories(own, 0o755);
      await writeFile(join(own, "passwd"), passwdFile(user), { mode: 0o444 });
      await writeFile(join(own, "group"), groupFile(user), { mode: 0o444 });
    },
    remove: (parts) => rm(join(directory(), parts), { recursive: true, force: true }),
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
  // An entry "." is passed over by the engine; this one is the directory itself as well.
  header.write("/", 0);
  header.write(mode.toString(8), 100);
  header.write("5", 156);
  // What stays empty is nothing: owner and group are root, the time is 1970. The sum is made with its own eight bytes as spaces.
  const sum = header.reduce((total, byte) => total + byte, 8 * 0x20);
  header.write(sum.toString(8), 148);
  return Buffer.concat([header, Buffer.alloc(2 * block)]);
}
