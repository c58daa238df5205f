import { Header, Parser, Pax } from "tar";

/** A file of a volume; root's, in a directory that everybody may look into. */
export interface VolumeFile {
  /** Below the volume's top, with `/`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

const block = 512;

/** A tar archive of files of root, with the directories that they are in. `mtime` in milliseconds. */
export function tarOf(files: readonly VolumeFile[], mtime: number): Buffer {
  const directories = new Set(
    files.flatMap(({ path }) => {
      const parts = path.split("/").slice(0, -1);
      return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
    }),
  );
  const parts = [...directories].sort().map((path) => header({ path: `${path}/`, mode: 0o755, size: 0, type: "Directory" }, mtime));
  for (const { path, content, mode } of files) {
    parts.push(header({ path, mode, size: content.byteLength, type: "File" }, mtime), Buffer.from(content));
    parts.push(Buffer.alloc((block - (content.byteLength % block)) % block));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function header(
  entry: { readonly path: string; readonly mode: number; readonly size: number; readonly type: "File" | "Directory" },
  mtime: number,
): Buffer {
  const made = new Header({ ...entry, uid: 0, gid: 0, mtime: new Date(mtime) });
  const needsMore = made.encode();
  if (made.block === undefined) throw new Error(`tar gives no header for ${entry.path}`);
  // A name that is long or has other letters than ASCII stands in a header of its own before the plain one.
  return needsMore ? Buffer.concat([new Pax({ path: entry.path }).encode(), made.block]) : made.block;
}

/** The files in an archive of a directory, by their path below it: the engine puts its name before each. */
export async function filesOf(archive: AsyncIterable<Uint8Array>, leadingParts = 1): Promise<ReadonlyMap<string, VolumeFile>> {
  const files = new Map<string, VolumeFile>();
  const parser = new Parser({
    onReadEntry(entry) {
      const chunks: Buffer[] = [];
      entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      entry.on("end", () => {
        const path = entry.path.replace(/^\.\//, "").split("/").slice(leadingParts).join("/");
        if (entry.type === "File" || entry.type === "OldFile")
          files.set(path, { path, content: Buffer.concat(chunks), mode: (entry.mode ?? 0) & 0o777 });
      });
    },
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on("end", () => resolve());
    parser.on("error", reject);
  });
  for await (const chunk of archive) parser.write(Buffer.from(chunk));
  parser.end();
  await ended;
  return files;
}

/** What has to be done so that a volume holds just these files. */
export function fileChanges(
  wanted: readonly VolumeFile[],
  there: ReadonlyMap<string, VolumeFile>,
): { readonly put: readonly VolumeFile[]; readonly remove: readonly string[] } {
  const isSame = ({ path, content, mode }: VolumeFile): boolean => {
    const known = there.get(path);
    return known !== undefined && known.mode === mode && Buffer.from(known.content).equals(content);
  };
  const paths = new Set(wanted.map(({ path }) => path));
  return { put: wanted.filter((file) => !isSame(file)), remove: [...there.keys()].filter((path) => !paths.has(path)).sort() };
}
