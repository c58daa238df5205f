import { VdiError } from "./vdi-error.ts";

/** What the system says of a file or directory that cannot be used, in an admin's words, and what to try. */
const words: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: ["you have no right to it", "ls -ld of it and of the directories above it; be its owner, or choose another place"],
  EPERM: ["you have no right to change it", "ls -ld of it; be its owner, or choose another place"],
  EROFS: ["it is on a file system that cannot be written to", "choose another place, or mount it for writing"],
  ENOTDIR: ["a part of its path is no directory", "look at each part of the path"],
  EISDIR: ["it is a directory", "move it away: a file belongs there"],
  ELOOP: ["its symbolic links lead in a circle", "ls -l of it"],
};

/** A failure of the file system that is nobody's bug, in words; undefined: it is something else. Pure. */
export function fileError(thrown: unknown): VdiError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code = "", path } = thrown as NodeJS.ErrnoException;
  const [why, hint] = (Object.hasOwn(words, code) ? words[code] : undefined) ?? [];
  if (why === undefined || path === undefined) return undefined;
  return new VdiError({ what: `${path} cannot be used`, why: `${why} (${thrown.message})`, try: hint, cause: thrown });
}
