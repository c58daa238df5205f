import path from "node:path";
import { distributionFiles, treeFiles } from "./distribution.ts";

/** A file of a deployment's `to_container` that is not as the distribution has it. */
export interface Difference {
  /** Below `to_container`: `bin/start-browser`. */
  readonly path: string;
  /** `added`: only the deployment has it. `missing`: only the distribution has it. */
  readonly state: "changed" | "added" | "missing";
}

/**
 * The files of a deployment's `to_container` that differ from this distribution, sorted by path. What is equal is baked into
 * the images, so only these have to reach the pods. `below` limits it to a part, such as `bin`.
 */
export async function differencesOf(directory: string, distribution: string, below = ""): Promise<readonly Difference[]> {
  const inPart = (name: string): boolean => below === "" || name.startsWith(`${below}/`);
  const prefix = "to_container/";
  const theirs = new Map(
    [...(await distributionFiles(distribution))].flatMap(([name, file]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), file] as const] : [],
    ),
  );
  const ours = await treeFiles(path.join(directory, "to_container"));
  const found: Difference[] = [];
  for (const name of [...new Set([...ours.keys(), ...theirs.keys()])].filter(inPart).sort()) {
    const [own, distributed] = [ours.get(name), theirs.get(name)];
    if (own === undefined) found.push({ path: name, state: "missing" });
    else if (distributed === undefined) found.push({ path: name, state: "added" });
    else if (own.print !== distributed.print) found.push({ path: name, state: "changed" });
  }
  return found;
}
