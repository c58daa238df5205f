import type { Config } from "../config/config.ts";
import { type DigestSources, imageDigest, withDigest } from "../images/image-digest.ts";

/** The references that a deployment uses, and what could not be found out about them. */
export interface PinnedImages {
  /** By the reference of the configuration. */
  readonly images: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** Every image that a deployment runs, each once, in their order. Pure. */
export function imageReferences({ images }: Pick<Config, "images">): readonly string[] {
  return [...new Set([images.proxy, images.default, ...images.byVariable.values()])].sort();
}

/**
 * The digest of every image of a deployment, so that what runs is what was pushed last and a node cannot keep an older one.
 * Where the registry cannot be asked from here the tag is deployed, with a warning.
 */
export async function pinImages(config: Pick<Config, "images">, sources: DigestSources): Promise<PinnedImages> {
  const references = imageReferences(config);
  const warnings: string[] = [];
  const pinned = await Promise.all(
    references.map(async (reference): Promise<readonly [string, string]> => {
      const found = await imageDigest(reference, sources);
      if (found.digest !== undefined) return [reference, withDigest(reference, found.digest)];
      warnings.push(`the digest of ${reference} cannot be told from here, so it is deployed by its tag: ${found.why}`);
      return [reference, reference];
    }),
  );
  return { images: new Map(pinned), warnings };
}
