import type { Config } from "../config/config.ts";
import { type DigestSources, imageDigest, withDigest } from "../images/image-digest.ts";
import { VdiError } from "../util/vdi-error.ts";

/** The references that a deployment uses, and what could not be found out about them. */
export interface PinnedImages {
  /** By the reference of the configuration. */
  readonly images: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  /** References whose registry cannot be asked from here. */
  readonly unknown: readonly string[];
  /** What registries said of images that they do not have. */
  readonly missing: readonly string[];
}

/** Every image that a deployment runs, each once, in their order. Pure. */
export function imageReferences({ images }: Pick<Config, "images">): readonly string[] {
  return [...new Set([images.proxy, images.default, ...images.byVariable.values()])].sort();
}

/**
 * The digest of every image of a deployment, so that what runs is what was pushed last and a node cannot keep an older one.
 * Where the registry cannot be asked from here the digest of the deploy before stays, or the tag is deployed, with a warning.
 */
export async function pinImages(config: Pick<Config, "images">, sources: DigestSources): Promise<PinnedImages> {
  const references = imageReferences(config);
  const warnings: string[] = [];
  const missing: string[] = [];
  const unknown: string[] = [];
  const pinned = await Promise.all(
    references.map(async (reference): Promise<readonly [string, string]> => {
      const found = await imageDigest(reference, sources);
      if (found.digest !== undefined) return [reference, withDigest(reference, found.digest)];
      if (found.missing) {
        missing.push(found.why);
        warnings.push(`${reference} is not there: ${found.why}`);
      } else {
        unknown.push(reference);
        warnings.push(`the digest of ${reference} cannot be told from here, so it is deployed by the last one or by its tag: ${found.why}`);
      }
      return [reference, reference];
    }),
  );
  return { images: new Map(pinned), warnings, missing, unknown };
}

/** The images of which no registry tells now stay at the digests of the deploy before, so that nothing is started anew for nothing. Pure. */
export function withKeptDigests(
  images: ReadonlyMap<string, string>,
  unknown: readonly string[],
  before: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  return new Map(
    [...images].map(([reference, image]) => [reference, (unknown.includes(reference) ? before[reference] : undefined) ?? image]),
  );
}

/** Refuses to deploy what a registry has answered that it does not have: no node could start it. */
export function checkImagesThere({ missing }: Pick<PinnedImages, "missing">): void {
  if (missing.length === 0) return;
  throw new VdiError({
    what: missing.length === 1 ? "an image of the deployment is not there" : `${missing.length} images of the deployment are not there`,
    why: [...missing].sort().join("\n"),
    try: ["vdi build-images --push", "vdi images list"],
    see: "doc/checks.md#images",
  });
}
