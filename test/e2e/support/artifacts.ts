import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf } from "../../../src/util/vdi-error.ts";
import { redactor } from "./redact.ts";

/** What one source gives: files by name, as text or as they are. */
export type Artifacts = Readonly<Record<string, string | Uint8Array>>;

/** Something that a failing test may want to show: a pod, a page, a container. */
export interface ArtifactSource {
  /** Directory of its files. */
  readonly name: string;
  collect(): Promise<Artifacts>;
  /** Texts that must be in no artifact; asked before anything is written. */
  secrets?(): Promise<readonly string[]>;
}

const sourceDeadlineMs = 40_000;
const sources = new Map<string, ArtifactSource>();

/** Registers what is to be kept when a test fails from now on, in place of what had its name; gives a function that takes it back. */
export function keepOnFailure(source: ArtifactSource): () => void {
  sources.set(source.name, source);
  return () => {
    if (sources.get(source.name) === source) sources.delete(source.name);
  };
}

/** Where the artifacts of a test are: `artifacts/e2e/FILE/TEST`; VDI_ARTIFACTS names another place than `artifacts`. */
export function artifactDirectory(file: string, test: string): string {
  const top = process.env["VDI_ARTIFACTS"] ?? join(import.meta.dirname, "..", "..", "..", "artifacts");
  const slug = (text: string): string =>
    text
      .replace(/[^\w.]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 100);
  return join(top, "e2e", slug(basename(file, ".test.ts")), slug(test));
}

/** Writes what all sources have, without any secret; a source that fails or hangs leaves a line that says so. */
export async function keepArtifacts(directory: string, failure: string): Promise<void> {
  const all = [...sources.values()];
  const secrets = await Promise.all(all.map((source) => within(source.secrets?.() ?? Promise.resolve([]), source.name).catch(() => [])));
  const redact = redactor(secrets.flat());
  const collected = await Promise.all(
    all.map(async (source): Promise<readonly [string, Artifacts]> => {
      const files = await within(source.collect(), source.name).catch((thrown: unknown) => ({ "nothing.txt": messageOf(thrown) }));
      return [source.name, files];
    }),
  );
  for (const [name, files] of [["", { "failure.txt": failure }] as const, ...collected]) {
    for (const [file, content] of Object.entries(files)) {
      const path = join(directory, name, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, typeof content === "string" ? redact(content) : content);
    }
  }
}

/** What a source, or a part of one that must not hold up the rest, gives within a deadline; rejects after it. */
export async function within<T>(work: Promise<T>, name: string, deadlineMs = sourceDeadlineMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} gave nothing within ${deadlineMs / 1000} s`)), deadlineMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
