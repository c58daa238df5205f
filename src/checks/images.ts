import { contentKeyLabel } from "../images/image-engine.ts";
import { parseImageReference } from "../images/image-reference.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { engineIfThere, imagesOf } from "./prepared.ts";
import type { World } from "./world.ts";

/** What has to hold of the images. */
export const imageChecks: readonly Check<World>[] = [
  {
    id: "registry",
    category: "images",
    description: "the registry answers",
    looksAt:
      "The registry of each image, asked from here as `vdi deploy` asks it for digests. Where it cannot be asked images stay at the digests of the deploy before, or are deployed by their tags, and nodes keep an older one of the same tag. That the *nodes* reach the registry is seen only when they pull.",
    hint: ["is XPRA_REGISTRY_SRV right, and reached from this machine?", "docker login REGISTRY"],
    severity: "warning",
    needs: ["configuration"],
    async run(world) {
      const images = await imagesOf(world);
      const silent = images.flatMap(({ reference, digest }) =>
        digest.digest === undefined && !digest.missing ? [`${reference}: ${digest.why}`] : [],
      );
      const registries = new Set(images.map(({ reference }) => parseImageReference(reference).registry));
      return unless(silent, [...registries].join(", "));
    },
  },
  {
    id: "images",
    category: "images",
    description: "the registry has every image",
    looksAt: "The images of `IMAGE_XPRA_PROXY`, `IMAGE_DEFAULT` and each `IMAGE_<SESSION>`, by their digests.",
    hint: ["vdi build-images --push", "vdi images list"],
    severity: "fatal",
    needs: ["configuration"],
    async run(world) {
      const images = await imagesOf(world);
      const missing = images.flatMap(({ digest }) => (digest.digest === undefined && digest.missing ? [digest.why] : []));
      if (missing.length > 0) return failed(missing);
      const known = images.filter(({ digest }) => digest.digest !== undefined).length;
      if (known === 0) return skipped("the registry cannot be asked from here");
      return ok(`${known} of ${images.length}, with their digests`);
    },
  },
  {
    id: "images-pushed",
    category: "images",
    description: "what was built here is what the registry has",
    looksAt:
      "The images that `vdi build-images` made on this machine, against the registry's: one that was built and not pushed would not be deployed.",
    hint: ["vdi build-images --push"],
    severity: "warning",
    needs: ["configuration"],
    async run(world) {
      const engine = await engineIfThere(world);
      if (engine === undefined) return skipped("the container engine does not answer");
      const facts = await Promise.all(
        (await imagesOf(world)).map(async ({ reference, digest }) => ({ reference, digest, local: await engine.inspect(reference) })),
      );
      const ours = facts.filter(({ local, digest }) => local?.labels[contentKeyLabel] !== undefined && digest.digest !== undefined);
      if (ours.length === 0) return skipped("this machine has built none of them");
      const other = ours.filter(
        ({ local, digest }) => local?.repoDigests.some((each) => parseImageReference(each).digest === digest.digest) !== true,
      );
      if (other.length === 0) return ok();
      return warning(other.map(({ reference }) => `${reference} here is another one than in the registry`));
    },
  },
];
