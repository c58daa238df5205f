import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import type { ProgressSink } from "../util/context.ts";
import { isDiskFull, spaceTries } from "../util/disk-full.ts";
import { VdiError } from "../util/vdi-error.ts";
import { chooseBaseImage, provideOutsideImage } from "./base-image.ts";
import { packContext } from "./build-context.ts";
import { buildEnvironment, buildEnvironmentImage, provideBuildEnvironment, withBuildEnvironment } from "./build-environment.ts";
import { type BuildOptions, keyOf, type PlannedImage, planImages } from "./build-plan.ts";
import { BuildProgress } from "./build-progress.ts";
import { checkFreeSpace, freeBytes } from "./disk-space.ts";
import { imageDigest } from "./image-digest.ts";
import { contentKeyLabel, engineWords, type ImageEngine, type LocalImage } from "./image-engine.ts";
import { parseImageReference } from "./image-reference.ts";
import { registryLogin } from "./registry-login.ts";
import { runGraph } from "./run-graph.ts";

/** What a build does its work with. */
export interface BuildPorts {
  readonly engine: ImageEngine;
  readonly progress: ProgressSink;
  /** True: progress is redrawn in place, for a person. */
  readonly live: boolean;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  now(): number;
  /** Free bytes at a directory of this machine, undefined when it is not there. For tests; default: the file system's answer. */
  freeBytes?(directory: string): Promise<number | undefined>;
}

/** What became of one image. */
export interface BuiltImage {
  readonly name: string;
  readonly reference: string;
  readonly action: "built" | "unchanged";
  readonly id: string;
  readonly bytes: number;
  /** Of the build alone; 0 for an unchanged image. */
  readonly buildSeconds: number;
  readonly contentKey: string;
  /** What the registry has now; only after a push. */
  readonly pushed?: { readonly digest: string; readonly seconds: number };
}

/** What `buildImages` gives. */
export interface BuildResult {
  readonly baseImage: string;
  /** In the order in which they can be made. */
  readonly images: readonly BuiltImage[];
  readonly seconds: number;
}

/**
 * Builds the images of a deployment, each after those that it is made from, independent ones at the same time; unchanged ones
 * are left alone. With `push` each goes to the registry as soon as it is there. The first failure stops the others and is
 * thrown with the last lines of the step that failed; an aborted signal stops everything.
 */
export async function buildImages(options: BuildOptions, ports: BuildPorts): Promise<BuildResult> {
  const started = ports.now();
  const base = await chooseBaseImage(options.directory, options.baseImage);
  const planned = planImages(options, base);
  const identities = new Map<string, string>();
  const outside = { ...ports, login: { env: ports.env }, refresh: options.refresh };
  for (const reference of new Set(planned.flatMap((image) => image.outside))) {
    if (reference !== buildEnvironmentImage) identities.set(reference, await provideOutsideImage(reference, base, outside));
  }
  let buildEnvironmentReference = buildEnvironmentImage;
  const toBuild = await imagesToBuild(planned, identities, options, ports.engine);
  if (toBuild.size > 0) {
    const dataDirectory = await ports.engine.dataDirectory();
    if (dataDirectory !== undefined) checkFreeSpace(await (ports.freeBytes ?? freeBytes)(dataDirectory), toBuild.size, dataDirectory);
    buildEnvironmentReference = await provideBuildEnvironment(ports.engine, buildEnvironment(ports.env), ports.signal);
  }

  const stop = new AbortController();
  const run: Run = {
    options,
    ports,
    identities,
    buildEnvironmentReference,
    signal: AbortSignal.any([ports.signal, stop.signal]),
    progress: new BuildProgress(ports.progress, ports),
    directory: await mkdtemp(path.join(tmpdir(), "vdi-build-")),
  };
  const results = new Map<string, BuiltImage>();
  try {
    const tasks = planned.map((image) => ({ name: image.name, after: image.parents, image }));
    const atOnce = Math.max(1, Math.min(availableParallelism(), 4));
    await runGraph(
      tasks,
      atOnce,
      async ({ image }) => void results.set(image.name, await makeImage(image, run)),
      () => stop.abort(),
    );
  } catch (thrown) {
    ports.signal.throwIfAborted();
    throw thrown;
  } finally {
    run.progress.stop();
    await rm(run.directory, { recursive: true, force: true });
  }
  return {
    baseImage: base.reference,
    images: planned.flatMap((image) => results.get(image.name) ?? []),
    seconds: (ports.now() - started) / 1000,
  };
}

/** What all images of one run share. */
interface Run {
  readonly options: BuildOptions;
  readonly ports: BuildPorts;
  /** Grows as images are made; see `keyOf`. */
  readonly identities: Map<string, string>;
  /** The image with this machine's settings, for the builds of this run. */
  readonly buildEnvironmentReference: string;
  readonly signal: AbortSignal;
  readonly progress: BuildProgress;
  /** For the Dockerfiles as they are sent. */
  readonly directory: string;
}

/** The images that differ from what the engine has, and all that are made from them. */
async function imagesToBuild(
  planned: readonly PlannedImage[],
  identities: ReadonlyMap<string, string>,
  options: BuildOptions,
  engine: ImageEngine,
): Promise<Set<string>> {
  const known = new Map(identities);
  const found = new Set<string>();
  for (const image of planned) {
    const stale = options.noCache || image.parents.some((parent) => found.has(parent));
    const local = stale ? undefined : await unchanged(image, await keyOf(image, known), engine);
    if (local === undefined) found.add(image.name);
    else known.set(image.name, local.identity);
  }
  return found;
}

async function unchanged(image: PlannedImage, key: string, engine: ImageEngine): Promise<LocalImage | undefined> {
  const local = await engine.inspect(image.reference);
  return local?.labels[contentKeyLabel] === key ? local : undefined;
}

async function makeImage(image: PlannedImage, run: Run): Promise<BuiltImage> {
  const { engine, now } = run.ports;
  const key = await keyOf(image, run.identities);
  const kept = run.options.noCache ? undefined : await unchanged(image, key, engine);
  const began = now();
  const local = kept ?? (await build(image, key, run));
  const buildSeconds = kept === undefined ? (now() - began) / 1000 : 0;
  run.identities.set(image.name, local.identity);
  const { name, reference } = image;
  const made: BuiltImage = {
    name,
    reference,
    action: kept === undefined ? "built" : "unchanged",
    id: local.id,
    bytes: local.bytes,
    buildSeconds,
    contentKey: key,
  };
  run.ports.progress.line(
    kept === undefined ? `${name}: built in ${buildSeconds.toFixed(0)} s, ${Math.round(local.bytes / 1e6)} MB` : `${name}: unchanged`,
  );
  return run.options.push ? { ...made, pushed: await push(image, local, run) } : made;
}

async function build(image: PlannedImage, key: string, run: Run): Promise<LocalImage> {
  const { engine } = run.ports;
  const { progress, signal } = run;
  signal.throwIfAborted();
  const dockerfile = path.join(run.directory, image.name);
  await writeFile(dockerfile, withBuildEnvironment(image.dockerfile, run.buildEnvironmentReference), { mode: 0o644 });
  progress.start(image.name, "build begins");
  try {
    const request = {
      reference: image.reference,
      labels: { [contentKeyLabel]: key },
      buildArgs: image.buildArgs,
      noCache: run.options.noCache,
      context: packContext(image.entries, dockerfile),
    };
    await engine.build(request, (event) => progress.report(image.name, event), signal);
    const made = await engine.inspect(image.reference);
    if (made === undefined) throw new VdiError({ what: `the engine built ${image.name}, but has no image ${image.reference}` });
    progress.end(image.name, undefined);
    return made;
  } catch (thrown) {
    const failure = progress.failure(image.name);
    progress.end(image.name, undefined);
    signal.throwIfAborted();
    throw buildFailure(image, thrown, failure);
  }
}

function buildFailure(image: PlannedImage, thrown: unknown, failure: ReturnType<BuildProgress["failure"]>): VdiError {
  const words = engineWords(thrown);
  const lines = failure === undefined ? [words] : [failure.step, ...failure.output.map((line) => `  ${line}`), words];
  const full = isDiskFull(lines.join("\n"));
  return new VdiError({
    what: `the image ${image.name} could not be built`,
    why: (full ? ["the engine's disk is full", ...lines] : lines).join("\n"),
    try: full ? spaceTries : undefined,
    see: full ? "doc/images.md#space" : "doc/images.md#failures",
    cause: thrown,
  });
}

async function push(image: PlannedImage, local: LocalImage, run: Run): Promise<{ digest: string; seconds: number }> {
  const { engine, env, now, progress: sink } = run.ports;
  const began = now();
  const { registry } = parseImageReference(image.reference);
  // What was pushed from here and is still there needs no second time.
  const there = await imageDigest(image.reference, { env, signal: run.signal });
  if (there.digest !== undefined && local.repoDigests.includes(`${image.reference}@${there.digest}`)) {
    sink.line(`${image.name}: the registry has it (${there.digest})`);
    return { digest: there.digest, seconds: 0 };
  }
  run.progress.start(image.name, `pushing to ${registry}`);
  try {
    const digest = await engine.push(
      image.reference,
      await registryLogin(registry, { env }),
      (event) => run.progress.report(image.name, event),
      run.signal,
    );
    const seconds = (now() - began) / 1000;
    run.progress.end(image.name, `pushed in ${seconds.toFixed(0)} s (${digest})`);
    return { digest, seconds };
  } catch (thrown) {
    run.progress.end(image.name, undefined);
    run.signal.throwIfAborted();
    throw pushFailure(image, registry, thrown);
  }
}

function pushFailure(image: PlannedImage, registry: string, thrown: unknown): VdiError {
  const why = engineWords(thrown);
  const tries = /unauthorized|authentication required|no basic auth|denied/i.test(why)
    ? [`docker login ${registry}`]
    : /server gave HTTP response to HTTPS client/i.test(why)
      ? [`name ${registry} in "insecure-registries" of /etc/docker/daemon.json and restart the engine`]
      : [`curl -i http://${registry}/v2/`];
  return new VdiError({
    what: `the image ${image.name} could not be pushed to ${registry}`,
    why,
    try: tries,
    see: "doc/images.md#registry",
    cause: thrown,
  });
}
