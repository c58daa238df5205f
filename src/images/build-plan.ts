import path from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { BaseImage } from "./base-image.ts";
import { type ContextEntry, contentKey, contextEntries } from "./build-context.ts";
import { buildEnvironmentImage } from "./build-environment.ts";
import { buildOrder, type OrderedImage } from "./build-order.ts";
import { discoverImages, dockerfileText } from "./discover-images.ts";
import { type DockerfileFacts, readDockerfile } from "./dockerfile.ts";

/** What is to be built, of what, and where it goes. */
export interface BuildOptions {
  /** The deployment directory, absolute. */
  readonly directory: string;
  /** `registry.example:5000`: the images are named `REGISTRY/NAME`. */
  readonly registry: string;
  /** What the templates may print, by name. No secrets. */
  readonly values: Readonly<Record<string, string>>;
  /** Only these and what they are made from; empty: all. */
  readonly names: readonly string[];
  readonly push: boolean;
  /** Build everything anew, also what has not changed. */
  readonly noCache: boolean;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Instead of the base image that would be chosen. */
  readonly baseImage?: string | undefined;
  /** False: images from elsewhere that the engine has are good enough, and no registry is asked for newer ones. */
  readonly refresh: boolean;
}

/** An image that is ready to be built. */
export interface PlannedImage extends OrderedImage {
  /** `registry.example:5000/vdi-base` */
  readonly reference: string;
  readonly dockerfile: string;
  readonly entries: readonly ContextEntry[];
  /** Those of the build arguments that its Dockerfile knows. */
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** Reads the image directories and puts them in order. Everything that is wrong with them is found here, before any build. */
export function planImages(options: BuildOptions, base: BaseImage): PlannedImage[] {
  const values = { ...options.values, XPRA_REGISTRY_SRV: options.registry, BASE_IMAGE: base.reference };
  const sources = new Map(
    discoverImages(options.directory).map((source) => {
      const dockerfile = dockerfileText(source, values, options.directory);
      const file = path.relative(options.directory, source.dockerfile);
      return [source.name, { ...source, file, dockerfile, facts: readDockerfile(dockerfile, options.buildArgs) }] as const;
    }),
  );
  checkBuildArgs(
    options.buildArgs,
    [...sources.values()].map((source) => source.facts),
  );
  const notOurs = [base.reference, buildEnvironmentImage];
  const order = buildOrder([...sources.values()], { registry: options.registry, notOurs, wanted: options.names });
  return order.flatMap((image) => {
    const source = sources.get(image.name);
    if (source === undefined) return [];
    const entries = contextEntries({
      directory: source.directory,
      deployment: options.directory,
      sources: source.facts.sources,
      file: source.file,
    });
    const buildArgs = Object.fromEntries(Object.entries(options.buildArgs).filter(([name]) => source.facts.args.has(name)));
    return [{ ...image, reference: `${options.registry}/${image.name}`, dockerfile: source.dockerfile, entries, buildArgs }];
  });
}

/**
 * The content key of a planned image. `identities` has those of the images that it is made from: parents by name, others by
 * reference. The build settings of this machine are no part of an image, and so none of its key.
 */
export function keyOf(image: PlannedImage, identities: ReadonlyMap<string, string>): Promise<string> {
  const used = [...image.parents, ...image.outside].filter((name) => name !== buildEnvironmentImage);
  const bases = Object.fromEntries(used.map((name) => [name, identities.get(name) ?? ""]));
  return contentKey({ entries: image.entries, dockerfile: image.dockerfile, buildArgs: image.buildArgs, bases });
}

/** Reads `NAME=VALUE` texts, as `--build-arg` takes them. */
export function parseBuildArgs(texts: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of texts) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new VdiError({ what: `'${text}' is not a build argument`, why: "NAME=VALUE is", exitCode: ExitCode.usage });
    }
    found[name] = value;
  }
  return found;
}

function checkBuildArgs(buildArgs: Readonly<Record<string, string>>, facts: readonly DockerfileFacts[]): void {
  const known = new Set(facts.flatMap((each) => [...each.args]));
  for (const name of Object.keys(buildArgs)) {
    if (known.has(name)) continue;
    throw new VdiError({
      what: `no image knows the build argument ${name}`,
      why: `they know ${[...known].sort().join(", ") || "none"}`,
      exitCode: ExitCode.usage,
    });
  }
}
