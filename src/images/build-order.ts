import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { DockerfileFacts } from "./dockerfile.ts";
import { localImageName } from "./image-reference.ts";

/** An image directory as the order sees it. */
export interface OrderInput {
  /** The directory's name, which is the image's. */
  readonly name: string;
  /** The Dockerfile as the admin knows it: `images/vdi-base/Dockerfile.ejs`. */
  readonly file: string;
  readonly facts: DockerfileFacts;
}

/** An image with what has to be there before it can be built. */
export interface OrderedImage {
  readonly name: string;
  /** Images of this build that it is made from, by name. */
  readonly parents: readonly string[];
  /** Images from elsewhere, as references. */
  readonly outside: readonly string[];
}

/** What the order has to be told besides the images. */
export interface OrderOptions {
  /** The deployment's registry: `registry.example:5000`. */
  readonly registry: string;
  /** References that are never ours, though they may lie in the same registry: the base image, the build settings. */
  readonly notOurs: readonly string[];
  /** Only these and what they are made from; empty: all. */
  readonly wanted: readonly string[];
}

/**
 * The images in an order in which each comes after all that it is made from, by name where that leaves a choice.
 * Throws a usage error that names a cycle, a parent that is not there, or a wanted image that nobody knows.
 */
export function buildOrder(images: readonly OrderInput[], options: OrderOptions): OrderedImage[] {
  const nodes = new Map(images.map((image) => [image.name, nodeOf(image, options)]));
  const files = new Map(images.map((image) => [image.name, image.file]));
  for (const name of options.wanted) if (!nodes.has(name)) throw unknownImage(name, [...nodes.keys()]);
  for (const image of images) {
    for (const use of image.facts.images) {
      const parent = options.notOurs.includes(use.reference) ? undefined : localImageName(use.reference, options.registry);
      if (parent !== undefined && !nodes.has(parent)) throw unknownParent(image, use.line, parent, [...nodes.keys()]);
    }
  }
  const ordered: OrderedImage[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw cycle([...path.slice(path.indexOf(name)), name], files);
    const node = nodes.get(name);
    if (node === undefined || done.has(name)) return;
    for (const parent of node.parents) visit(parent, [...path, name]);
    done.add(name);
    ordered.push(node);
  };
  // A cycle anywhere is an error, also when none of its images is wanted.
  for (const name of [...nodes.keys()].sort()) visit(name, []);
  if (options.wanted.length === 0) return ordered;
  const needed = new Set(options.wanted);
  for (const image of [...ordered].reverse()) if (needed.has(image.name)) for (const parent of image.parents) needed.add(parent);
  return ordered.filter((image) => needed.has(image.name));
}

function nodeOf(image: OrderInput, options: OrderOptions): OrderedImage {
  const parents = new Set<string>();
  const outside = new Set<string>();
  for (const { reference } of image.facts.images) {
    const parent = options.notOurs.includes(reference) ? undefined : localImageName(reference, options.registry);
    if (parent === undefined) outside.add(reference);
    else parents.add(parent);
  }
  return { name: image.name, parents: [...parents].sort(), outside: [...outside].sort() };
}

function unknownImage(name: string, known: readonly string[]): VdiError {
  return new VdiError({ what: `there is no image '${name}'`, why: `images/ has ${listed(known)}`, exitCode: ExitCode.usage });
}

function unknownParent(image: OrderInput, line: number, parent: string, known: readonly string[]): VdiError {
  return new VdiError({
    what: `${image.file}:${line} is made from '${parent}', which no directory of images/ builds`,
    why: `images/ has ${listed(known)}`,
    try: "an image that is in the registry already needs a tag other than latest, or a digest",
    see: "doc/images.md#order",
    exitCode: ExitCode.usage,
  });
}

function cycle(path: readonly string[], files: ReadonlyMap<string, string>): VdiError {
  return new VdiError({
    what: `the images are made from each other: ${path.join(" -> ")}`,
    why: `look at the FROM lines of ${path
      .slice(1)
      .map((name) => files.get(name) ?? name)
      .join(", ")}`,
    see: "doc/images.md#order",
    exitCode: ExitCode.usage,
  });
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : [...names].sort().join(", ");
}
