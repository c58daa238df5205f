import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import { isUnfinished } from "../util/unfinished.ts";
import { VdiError } from "../util/vdi-error.ts";

/** A file of the distribution or of a deployment directory: its place and a text that changes with what it holds. */
export interface TreeFile {
  /** Absolute. */
  readonly source: string;
  /** `file:` or `exec:` and the SHA-256 of the content, or `link:` and where it leads. */
  readonly print: string;
}

/** Directories that a deployment gets from the distribution; several sources are laid over each other, the later one wins. */
const parts: Readonly<Record<string, readonly string[]>> = {
  images: ["images"],
  to_container: ["to_container", "dist/to_container"],
  to_mount: ["to_mount"],
  ssl: ["ssl"],
  doc: ["doc"],
};

/** The names of the directories that a deployment gets from the distribution. */
export const distributedDirectories: readonly string[] = Object.keys(parts);

/** What is made on the spot and never belongs to a distribution: a base image's tarball, Python's caches, editors' leftovers. */
function isLeftOver(name: string): boolean {
  return (
    name === "__pycache__" ||
    name === "node_modules" ||
    isUnfinished(name) ||
    /^rootfs\.tar/.test(name) ||
    /\.(pyc|tmp|swp|orig|rej)$|~$/.test(name) ||
    /^(server|ca)\.(key|crt)$/.test(name)
  );
}

/**
 * All files that the distribution has for a deployment directory, by their path in it (`to_container/bin/start-browser`).
 * Throws when the distribution is not complete, so that nobody gets half of one.
 */
export async function distributionFiles(distribution: string): Promise<ReadonlyMap<string, TreeFile>> {
  const found = new Map<string, TreeFile>();
  for (const [directory, sources] of Object.entries(parts)) {
    for (const source of sources) {
      for (const [name, file] of await treeFiles(path.join(distribution, source))) found.set(`${directory}/${name}`, file);
    }
  }
  for (const needed of ["images", "to_container"]) {
    if ([...found.keys()].some((name) => name.startsWith(`${needed}/`))) continue;
    throw new VdiError({
      what: "this distribution of vdi is not complete",
      why: `there is nothing in ${path.join(distribution, needed)}`,
      try: "install the package again; in a clone: npm run build",
      exitCode: ExitCode.failed,
    });
  }
  return found;
}

/** The files and links below a directory by their path in it, without left-overs; none when there is no such directory. */
export async function treeFiles(directory: string): Promise<ReadonlyMap<string, TreeFile>> {
  const found = new Map<string, TreeFile>();
  const visit = async (below: string): Promise<void> => {
    const names = await readdir(path.join(directory, below)).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT" && below === "") return [];
      throw thrown;
    });
    for (const name of names.sort()) {
      if (isLeftOver(name)) continue;
      const relative = below === "" ? name : `${below}/${name}`;
      const source = path.join(directory, relative);
      const status = await lstat(source);
      if (status.isDirectory()) await visit(relative);
      else if (status.isFile() || status.isSymbolicLink()) found.set(relative, { source, print: (await printOf(source)) ?? "" });
    }
  };
  await visit("");
  return found;
}

/** The print of a file or link; undefined when there is none. Something else in its place (a directory) has a print that nothing equals. */
export async function printOf(file: string): Promise<string | undefined> {
  try {
    const status = await lstat(file);
    if (status.isSymbolicLink()) return `link:${await readlink(file)}`;
    if (!status.isFile()) return "other";
    const kind = (status.mode & 0o100) === 0 ? "file" : "exec";
    return `${kind}:${createHash("sha256")
      .update(await readFile(file))
      .digest("hex")}`;
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw thrown;
  }
}
