import { differencesOf } from "../init/differences.ts";

/** A file of `to_container` that differs from what this version of `vdi` has. */
export interface Override {
  /** Below `to_container`. */
  readonly path: string;
  readonly state: "added" | "changed";
  /** `sessions`: sessions get it with the next deploy. `images`: it goes into the images when they are built next. */
  readonly reaches: "sessions" | "images";
}

/** Parts that are only read when the proxies' image is built. */
const builtIn = /^(xpra-addon|www)\/|^bin\/start_or_get_pod$/;
/** Parts that are a site's own in any case; only what takes the place of a file of the images is told. */
const sites = /^(etc|session_types)\//;

/** The files of a deployment directory that take the place of what is baked into the images, or come beside it in `bin`. */
export async function overridesOf(directory: string, distribution: string): Promise<readonly Override[]> {
  const differences = await differencesOf(directory, distribution);
  return differences.flatMap(({ path, state }): readonly Override[] =>
    state === "missing" || (sites.test(path) && state !== "changed")
      ? []
      : [{ path, state, reaches: builtIn.test(path) ? "images" : "sessions" }],
  );
}
