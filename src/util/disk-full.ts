import { messageOf, VdiError } from "./vdi-error.ts";

/** Whether words of the engine, of a program or of the system mean that a disk is full, or all of it that one may have. Pure. */
export function isDiskFull(words: string): boolean {
  return /no space left on device|disk quota exceeded/i.test(words);
}

/** What to try when the engine's disk is full. */
export const spaceTries: readonly string[] = ["docker system df (what takes the space)", "docker system prune (removes what nothing uses)"];

/** A failure for want of space on a disk of which it is not known that it is the engine's. Pure. */
export function noSpaceError(what: string, thrown: unknown): VdiError {
  return new VdiError({
    what,
    why: messageOf(thrown),
    try: ["df -h (which disk is full)", ...spaceTries],
    see: "doc/local.md#when-it-does-not-work",
    cause: thrown,
  });
}
