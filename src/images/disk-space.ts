import { statfs } from "node:fs/promises";
import { VdiError } from "../util/vdi-error.ts";

const gibibyte = 2 ** 30;

/** What building an image takes on the disk for a while: compilers and headers are thrown away only at the end. */
export const bytesPerBuild = 3 * gibibyte;

/** Free bytes of the file system that a directory is on; undefined when it is not on this machine. */
export async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Refuses to begin `builds` builds on a disk that they would fill. */
export function checkFreeSpace(free: number | undefined, builds: number, directory: string): void {
  const needed = builds * bytesPerBuild;
  if (free === undefined || builds === 0 || free >= needed) return;
  throw new VdiError({
    what: "there is not enough free space to build the images",
    why: `${directory} has ${gib(free)} free; ${builds} ${builds === 1 ? "image takes" : "images take"} up to ${gib(needed)} while ${builds === 1 ? "it is" : "they are"} built`,
    try: ["docker system prune", "docker builder prune"],
    see: "doc/images.md#space",
  });
}

function gib(bytes: number): string {
  return `${(bytes / gibibyte).toFixed(1)} GiB`;
}
