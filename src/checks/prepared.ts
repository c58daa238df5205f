import { ensureCertificate, type ProxyCertificate } from "../deployment/certificate.ts";
import { imageReferences } from "../deployment/pinned-images.ts";
import { certificateNames, type PreparedDirectory, prepareDirectory } from "../deployment/prepare.ts";
import { readUserFiles } from "../deployment/user-files.ts";
import { type ImageDigest, imageDigest, withDigest } from "../images/image-digest.ts";
import { dockerImageEngine, type ImageEngine } from "../images/image-engine.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { World } from "./world.ts";

/** An image of the deployment, and what its registry says of it now. */
export interface ImageFacts {
  /** As the configuration has it. */
  readonly reference: string;
  readonly digest: ImageDigest;
}

const registryTimeoutMs = 4_000;

/** The deployment directory as a deploy would take it; nothing is written. */
export function preparedOf(world: World): Promise<PreparedDirectory> {
  return world.once("prepared", () =>
    prepareDirectory(world.config(), {
      now: world.ctx.now(),
      keep: false,
      version: world.ctx.version,
      distribution: world.ctx.distribution,
      readUsers: readUserFiles,
    }),
  );
}

/** The certificate as a deploy would take it. */
export function certificateOf(world: World): Promise<ProxyCertificate> {
  return world.once("certificate", () =>
    ensureCertificate(world.config().directory, certificateNames(world.config()), world.ctx.now(), false),
  );
}

/** All images of the configuration, as their registry has them. */
export function imagesOf(world: World): Promise<readonly ImageFacts[]> {
  return world.once("images", () => {
    return Promise.all(
      imageReferences(world.config()).map(async (reference) => ({
        reference,
        digest: await imageDigest(reference, { env: world.ctx.env, signal: world.ctx.signal, timeoutMs: registryTimeoutMs }),
      })),
    );
  });
}

/** The reference that a deploy would use now for each one of the configuration. */
export async function pinnedOf(world: World): Promise<ReadonlyMap<string, string>> {
  const images = await imagesOf(world);
  return new Map(
    images.map(({ reference, digest }) => [reference, digest.digest === undefined ? reference : withDigest(reference, digest.digest)]),
  );
}

/** The container engine; undefined when it does not answer, which a check of its own says. */
export async function engineIfThere(world: World): Promise<ImageEngine | undefined> {
  try {
    return dockerImageEngine(await world.once("engine", () => world.ctx.ports.connectEngine()));
  } catch (thrown) {
    if (thrown instanceof VdiError) return undefined;
    throw thrown;
  }
}
