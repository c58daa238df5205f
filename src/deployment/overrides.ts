import path from "node:path";
import { differencesOf } from "../init/differences.ts";
import { printOf } from "../init/distribution.ts";
import { readRecord } from "../init/record.ts";

/** A file of `to_container` that an admin made or changed. */
export interface Override {
  /** Below `to_container`. */
  readonly path: string;
  readonly state: "added" | "changed";
  /** `sessions`: sessions get it with the next deploy. `images`: it goes into the images when they are built next. */
  readonly reaches: "sessions" | "images";
}

/** How a directory's `to_container` differs from what this version of `vdi` has. */
export interface DirectoryDifferences {
  /** The admin's own files that take the place of what is baked into the images, or come beside it in `bin`. */
  readonly overrides: readonly Override[];
  /** Files as an older (or newer) `vdi` laid them out; `vdi init` brings them up to this version. */
  readonly ofOtherVersion: readonly string[];
}

/** Parts that are only read when the proxies' image is built. */
const builtIn = /^(xpra-addon|www)\/|^bin\/start_or_get_pod$/;
/** Parts that are a site's own in any case; only what takes the place of a file of the images is told. */
const sites = /^(etc|session_types)\//;

/** Compares a directory's `to_container` with the distribution and with what `vdi init` once laid out. */
export async function directoryDifferences(directory: string, distribution: string): Promise<DirectoryDifferences> {
  const [differences, record] = await Promise.all([differencesOf(directory, distribution), readRecord(directory)]);
  const overrides: Override[] = [];
  const ofOtherVersion: string[] = [];
  for (const { path: file, state } of differences) {
    const laidOut = record?.files[`to_container/${file}`];
    if (state === "missing") {
      // What an admin removed stays away; what was never laid out is new.
      if (record !== undefined && laidOut === undefined) ofOtherVersion.push(file);
    } else if (laidOut !== undefined && laidOut === (await printOf(path.join(directory, "to_container", file)))) ofOtherVersion.push(file);
    else if (state === "changed" || !sites.test(file))
      overrides.push({ path: file, state, reaches: builtIn.test(file) ? "images" : "sessions" });
  }
  return { overrides, ofOtherVersion };
}
