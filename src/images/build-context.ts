import { createHash } from "node:crypto";
import { createReadStream, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import dockerignore from "@balena/dockerignore";
import { create } from "tar";
import { ExitCode } from "../util/exit-code.ts";
import { isUnfinished } from "../util/unfinished.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { SourceUse } from "./dockerfile.ts";

/** Something that is sent to the engine for a build. */
export interface ContextEntry {
  /** Its place in the context, with slashes. */
  readonly path: string;
  /** The file itself, absolute. */
  readonly source: string;
  readonly kind: "file" | "directory" | "link";
  /** Permission bits. */
  readonly mode: number;
}

/** Where a context comes from. */
export interface ContextInput {
  /** The image's directory, absolute. */
  readonly directory: string;
  /** The deployment directory, absolute: sources that begin with `to_container/` are taken from there. */
  readonly deployment: string;
  /** The sources that the Dockerfile names. */
  readonly sources: readonly SourceUse[];
  /** The Dockerfile as the admin knows it, for errors. */
  readonly file: string;
}

/** Never sent: the Dockerfile goes along as it was filled in, a rootfs is imported as the base image, and half a one is nothing. */
const leftOut = /^(?:Dockerfile(?:\.ejs|\.tmpl)?|\.dockerignore)$/;
const rootfs = /^rootfs\.tar(?:\.\w+)?$/;
/** What Python leaves where it ran; it would make a new image of the same files. */
const cacheDirectory = "__pycache__";

/** All files of a build's context, in the order of their paths, without what `.dockerignore` leaves out. */
export function contextEntries(input: ContextInput): ContextEntry[] {
  const ignored = ignoreRules(input.directory);
  const usesRootfs = input.sources.some((source) => rootfs.test(source.path));
  const entries = new Map<string, ContextEntry>();
  const add = (base: string, at: string): void => {
    const source = path.join(base, at);
    // The image's directory itself may be a link.
    const stat = at === "" ? statSync(source) : lstatSync(source);
    const kind = stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : stat.isFile() ? "file" : undefined;
    if (kind === undefined || path.basename(at) === cacheDirectory) return;
    // A rule may take back (`!`) what lies in a directory that another one leaves out: directories are always looked into.
    if (at !== "" && !ignored(at)) entries.set(at, { path: at, source, kind, mode: stat.mode & 0o7777 });
    if (kind === "directory") for (const name of readdirSync(source)) if (at !== "" || isSent(name)) add(base, path.posix.join(at, name));
  };
  const isSent = (name: string): boolean =>
    !leftOut.test(name) && !isUnfinished(name) && name !== "to_container" && (usesRootfs || !rootfs.test(name));
  add(input.directory, "");
  for (const source of input.sources) {
    if (!/^to_container(\/|$)/.test(source.path)) continue;
    addFromDeployment(input, source, add);
    for (
      let parent = path.posix.dirname(fixedPart(source.path));
      parent !== "." && !entries.has(parent);
      parent = path.posix.dirname(parent)
    ) {
      entries.set(parent, { path: parent, source: path.join(input.deployment, parent), kind: "directory", mode: 0o755 });
    }
  }
  return [...entries.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

function addFromDeployment(input: ContextInput, source: SourceUse, add: (base: string, at: string) => void): void {
  const at = fixedPart(source.path);
  const place = path.join(input.deployment, at);
  if (path.posix.normalize(at) !== at || !existsSync(place)) {
    throw new VdiError({
      what: `${input.file}:${source.line} copies '${source.path}', which is not there`,
      why: `it is looked for in ${input.deployment}`,
      try: `vdi init ${input.deployment} (it lays out what is missing; --force also what was removed)`,
      exitCode: ExitCode.usage,
    });
  }
  add(input.deployment, at);
}

/** A path up to its first part with a wildcard. */
function fixedPart(source: string): string {
  const parts = source.replace(/\/+$/, "").split("/");
  const wild = parts.findIndex((part) => /[*?[]/.test(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/");
}

function ignoreRules(directory: string): (at: string) => boolean {
  const file = path.join(directory, ".dockerignore");
  if (!existsSync(file)) return () => false;
  const rules = dockerignore({ ignorecase: false }).add(
    readFileSync(file, "utf8")
      .replace(/^\ufeff/, "")
      .split(/\r?\n/),
  );
  return (at) => rules.ignores(at);
}

/** What makes an image what it is. */
export interface KeyInput {
  readonly entries: readonly ContextEntry[];
  /** With all values filled in. */
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The identities of all images that it is made from, by reference. */
  readonly bases: Readonly<Record<string, string>>;
}

/**
 * The content key of an image: equal keys, equal images. Paths, bytes, modes and link targets of the files, the Dockerfile
 * with its values, build arguments and base images go into it; times and owners do not.
 */
export async function contentKey(input: KeyInput): Promise<string> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify({ version: 1, dockerfile: input.dockerfile, buildArgs: sorted(input.buildArgs), bases: sorted(input.bases) }));
  for (const entry of input.entries) {
    const content = entry.kind === "file" ? await fileDigest(entry.source) : entry.kind === "link" ? readlinkSync(entry.source) : "";
    hash.update(`\n${JSON.stringify([entry.path, entry.kind, entry.kind === "link" ? 0 : entry.mode, content])}`);
  }
  return hash.digest("hex");
}

/** The SHA-256 of a file, in hexadecimal. */
export async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Two names of one file are two files in an image: a hard link's name in the archive would be one of this machine. */
class NoLinks extends Map<`${number}:${number}`, string> {
  override get(): undefined {
    return undefined;
  }
}

/** The context as a tar stream. `dockerfile` is a file that goes along as `Dockerfile`. */
export function packContext(entries: readonly ContextEntry[], dockerfile: string): NodeJS.ReadableStream {
  const places = new Map(entries.map((entry) => [entry.source, entry.kind === "directory" ? `${entry.path}/` : entry.path]));
  places.set(dockerfile, "Dockerfile");
  const pack = create(
    {
      cwd: "/",
      noDirRecurse: true,
      preservePaths: true,
      strict: true,
      linkCache: new NoLinks(),
      onWriteEntry(entry) {
        // The archive's names are those of the context, whatever directories the files come from.
        const place = places.get(entry.absolute);
        if (place !== undefined) entry.path = place;
      },
    },
    [...places.keys()],
  );
  return pack as unknown as NodeJS.ReadableStream;
}
