import { createReadStream, existsSync } from "node:fs";
import path from "node:path";
import type { ProgressSink } from "../util/context.ts";
import { isDiskFull, spaceTries } from "../util/disk-full.ts";
import { VdiError } from "../util/vdi-error.ts";
import { fileDigest } from "./build-context.ts";
import { engineWords, type ImageEngine } from "./image-engine.ts";
import { parseImageReference } from "./image-reference.ts";
import { type LoginSources, registryLogin } from "./registry-login.ts";

/** What `BASE_IMAGE` is when nothing else was decided. */
export const registryBaseImage = "debian:trixie-slim";

/** Where a rootfs may lie in the deployment directory; the first that is there counts. */
export const rootfsFiles = ["tar.gz", "tar.xz", "tar"].map((ending) => path.join("images", "vdi-base", `rootfs.${ending}`));

/** The image that all others are made from. */
export interface BaseImage {
  readonly reference: string;
  /** The archive that it is imported from, absolute; undefined: it comes from a registry. */
  readonly rootfs: string | undefined;
}

/**
 * The base image: `chosen`, else the rootfs in images/vdi-base/ when there is one (whoever made it did so on purpose, and the
 * images do not change with the network), else Debian's image from a registry.
 */
export async function chooseBaseImage(deployment: string, chosen: string | undefined): Promise<BaseImage> {
  if (chosen !== undefined) return { reference: chosen, rootfs: undefined };
  const file = rootfsFiles.map((each) => path.join(deployment, each)).find((each) => existsSync(each));
  if (file === undefined) return { reference: registryBaseImage, rootfs: undefined };
  return { reference: `vdi-rootfs:${(await fileDigest(file)).slice(0, 12)}`, rootfs: file };
}

/** What is needed to get an image from elsewhere. */
export interface OutsidePorts {
  readonly engine: ImageEngine;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal;
  readonly login: LoginSources;
  /** Whether a newer one of the registry is fetched where the engine has one already; false: nothing is asked then. */
  readonly refresh: boolean;
}

/**
 * Sees to it that the engine has an image from elsewhere, as the registry has it now. Without an answer of the registry the
 * engine's own copy is good enough. Gives the identity of the image, for content keys.
 */
export async function provideOutsideImage(reference: string, base: BaseImage, ports: OutsidePorts): Promise<string> {
  const { engine, progress, signal } = ports;
  const local = await engine.inspect(reference);
  if (reference === base.reference && base.rootfs !== undefined) {
    if (local !== undefined) return local.identity;
    progress.status(`importing ${path.basename(base.rootfs)} as ${reference}`);
    await engine.importRootfs(
      reference,
      createReadStream(base.rootfs),
      ['CMD ["bash"]', "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      signal,
    );
    return identityOf(engine, reference);
  }
  // An image that was made here is in no registry; a digest never means anything else.
  const { registry, digest } = parseImageReference(reference);
  if (local !== undefined && (!ports.refresh || local.repoDigests.length === 0 || digest !== undefined)) return local.identity;
  const login = await registryLogin(registry, ports.login);
  try {
    const there = await engine.registryDigest(reference, login, AbortSignal.any([signal, AbortSignal.timeout(20_000)]));
    if (local?.repoDigests.some((each) => each.endsWith(`@${there}`)) === true) return local.identity;
    progress.line(`pulling ${reference}`);
    await engine.pull(reference, login, (event) => event.kind === "status" && progress.status(`${reference}: ${event.text}`), signal);
    progress.clear();
  } catch (thrown) {
    signal.throwIfAborted();
    if (local === undefined) throw notThere(reference, base, engineWords(thrown));
    progress.line(`${reference}: its registry does not answer, the copy of this machine is used (${engineWords(thrown)})`);
    return local.identity;
  }
  return identityOf(engine, reference);
}

async function identityOf(engine: ImageEngine, reference: string): Promise<string> {
  const image = await engine.inspect(reference);
  if (image === undefined) throw new VdiError({ what: `the image ${reference} is not there after it was fetched` });
  return image.identity;
}

function notThere(reference: string, base: BaseImage, why: string): VdiError {
  const isBase = reference === base.reference;
  const what = `${isBase ? "the base image" : "the image"} ${reference} could not be fetched`;
  if (isDiskFull(why)) return new VdiError({ what, why: `the engine's disk is full\n${why}`, try: spaceTries, see: "doc/images.md#space" });
  return new VdiError({
    what,
    why,
    try: isBase
      ? ["vdi images rootfs (makes a base image here, from a Debian mirror)", "vdi build-images --base-image REFERENCE"]
      : `docker pull ${reference}`,
    see: "doc/images.md#base",
  });
}
