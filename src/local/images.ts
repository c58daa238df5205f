import type Dockerode from "dockerode";
import type { Config } from "../config/config.ts";
import { imageReferences } from "../deployment/pinned-images.ts";
import { type BaseImage, chooseBaseImage, provideOutsideImage } from "../images/base-image.ts";
import { buildImages } from "../images/build-images.ts";
import { buildOptionsOf } from "../images/build-options.ts";
import { dockerImageEngine, type ImageEngine } from "../images/image-engine.ts";
import { localImageName } from "../images/image-reference.ts";
import { makeRootfsFor } from "../images/make-rootfs.ts";
import type { Context } from "../util/context.ts";
import { isDiskFull } from "../util/disk-full.ts";
import { VdiError } from "../util/vdi-error.ts";

/** The images of a deployment, as the engine has them now. */
export interface LocalImages {
  /** Names of those that were built now. */
  readonly built: readonly string[];
  /** Id by reference, of every image that the deployment runs. */
  readonly ids: ReadonlyMap<string, string>;
}

/**
 * Sees to it that the engine has all images: those of `images/` are built where they changed, others are pulled where they are missing.
 * What is there is never asked for in a registry, so that a start with nothing to do needs no network.
 */
export async function provideImages(
  ctx: Context,
  docker: Dockerode,
  config: Config,
  prepareRootfs: () => Promise<void>,
): Promise<LocalImages> {
  const engine = dockerImageEngine(docker);
  const { progress, signal, env, now, interactive: live } = ctx;
  const base = await provideBase(ctx, engine, config.directory, prepareRootfs);
  const result = await buildImages(buildOptionsOf(config, { baseImage: undefined, refresh: false }), {
    engine,
    // That nothing was to be done is no news.
    progress: { ...progress, line: (text) => (text.endsWith(": unchanged") ? undefined : progress.line(text)) },
    signal,
    env,
    now,
    live,
  });
  const ids = new Map<string, string>();
  for (const reference of imageReferences(config)) {
    if (localImageName(reference, config.registry) === undefined)
      await provideOutsideImage(reference, base, { engine, progress, signal, login: { env }, refresh: false });
    const image = await engine.inspect(reference);
    if (image === undefined) {
      throw new VdiError({
        what: `the engine has no image ${reference}`,
        why: "the configuration names it, and no directory of images/ builds it",
        try: ["vdi config show", `docker pull ${reference}`],
      });
    }
    ids.set(reference, image.id);
  }
  return { built: result.images.filter(({ action }) => action === "built").map(({ name }) => name), ids };
}

/** Debian from a registry where one answers; else it is made here, of a mirror's packages. Gives what it came to. */
async function provideBase(ctx: Context, engine: ImageEngine, directory: string, prepareRootfs: () => Promise<void>): Promise<BaseImage> {
  const { progress, signal, env, now } = ctx;
  const base = await chooseBaseImage(directory, undefined);
  // An engine that fails here is no registry that does not answer.
  await engine.inspect(base.reference);
  try {
    await provideOutsideImage(base.reference, base, { engine, progress, signal, login: { env }, refresh: false });
    return base;
  } catch (thrown) {
    // Where an image does not fit, what it is made of does not either.
    if (!(thrown instanceof VdiError) || base.rootfs !== undefined || isDiskFull(thrown.message)) throw thrown;
    progress.line(`no registry has ${base.reference} for this machine (${thrown.why ?? thrown.what}): Debian is made here instead`);
    await prepareRootfs();
    await makeRootfsFor(directory, {}, { env, progress, signal, now });
    return chooseBaseImage(directory, undefined);
  }
}
