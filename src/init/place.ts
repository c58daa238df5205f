import { readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { configFile } from "../config/read-config.ts";
import { label } from "../config/value-types.ts";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { recordFile } from "./record.ts";

/**
 * Throws a usage error when a deployment directory cannot be there: a name that is no namespace, inside the distribution,
 * or a directory with something else in it. Nothing is changed.
 */
export async function checkPlace(directory: string, distribution: string): Promise<void> {
  checkName(directory);
  const [place, source] = await Promise.all([realPlace(directory), realPlace(distribution)]);
  if (place === source || place.startsWith(`${source}${path.sep}`)) {
    throw new VdiError({
      what: "a deployment directory cannot be inside the distribution",
      why: `${directory} lies in ${distribution}`,
      try: `vdi init ${path.join(path.dirname(source), "vdi-stp")}`,
      exitCode: ExitCode.usage,
    });
  }
  const stranger = await strangerIn(directory);
  if (stranger === undefined) return;
  throw new VdiError({
    what: `${directory} is not empty, and not a deployment directory of vdi`,
    why: `it holds ${stranger}, but neither ${configFile} nor ${recordFile}`,
    try: "name a directory that is empty or not there yet",
    exitCode: ExitCode.usage,
  });
}

function checkName(directory: string): void {
  const name = path.basename(directory);
  const problem = label(54).problem(name);
  if (problem === undefined) return;
  const better = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 54)
    .replace(/^-+|-+$/g, "");
  throw new VdiError({
    what: `'${name}' cannot be a deployment directory's name`,
    why: `it becomes the namespace, and ${problem}`,
    try: `vdi init ${path.join(path.dirname(directory), better === "" ? "vdi-stp" : better)}`,
    exitCode: ExitCode.usage,
  });
}

/** The path with all links of what is there already followed. */
async function realPlace(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(await realPlace(parent), path.basename(file));
  }
}

/** Something in the directory that a deployment directory of ours would not have by itself. */
async function strangerIn(directory: string): Promise<string | undefined> {
  const names = await namesIn(directory);
  if (await isThere(path.join(directory, recordFile))) return undefined;
  if (await isThere(path.join(directory, configFile))) return undefined;
  for (const name of names) {
    // A file system of its own has it from the start.
    if (name === "lost+found") continue;
    // A run that was interrupted in its first moment leaves this behind.
    if (name === path.dirname(recordFile)) {
      const inside = await namesIn(path.join(directory, name));
      if (inside.every((file) => file.startsWith(path.basename(recordFile)))) continue;
    }
    return name;
  }
  return undefined;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new VdiError({
      what: `${directory} cannot be used as a directory`,
      why: messageOf(thrown),
      exitCode: ExitCode.usage,
      cause: thrown,
    });
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
