import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { dockerfileValue, UnprintableValue } from "../templates/escape.ts";
import { renderDockerfile } from "../templates/render.ts";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";

/** The files that make a directory an image, the first that is there counts. */
const dockerfileNames = ["Dockerfile.ejs", "Dockerfile.tmpl", "Dockerfile"] as const;

/** One directory of `images/`. */
export interface ImageSource {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** The Dockerfile or its template, absolute. */
  readonly dockerfile: string;
}

/** The image directories below `directory`/images, by name. Throws a usage error when there are none. */
export function discoverImages(directory: string): ImageSource[] {
  const top = path.join(directory, "images");
  const names = existsSync(top) ? readdirSync(top) : [];
  const found: ImageSource[] = [];
  for (const name of names) {
    const file = dockerfileNames.map((each) => path.join(top, name, each)).find((each) => existsSync(each));
    if (file === undefined) continue;
    if (!/^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/.test(name)) {
      throw new VdiError({
        what: `${path.join("images", name)} cannot be the name of an image`,
        why: "lower-case letters and digits, with . _ - between them",
        exitCode: ExitCode.usage,
      });
    }
    found.push({ name, directory: path.join(top, name), dockerfile: file });
  }
  if (found.length === 0) {
    throw new VdiError({
      what: `there are no images in ${top}`,
      why: `no directory in it has a ${dockerfileNames.join(", ")}`,
      try: `vdi init ${directory} --force`,
      exitCode: ExitCode.usage,
    });
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The text of an image's Dockerfile with the values filled in. `root` is what `include("…")` starts from. */
export function dockerfileText(image: ImageSource, values: Readonly<Record<string, string>>, root: string): string {
  if (image.dockerfile.endsWith(".ejs")) return renderDockerfile({ file: image.dockerfile, data: values, root });
  const text = readFileSync(image.dockerfile, "utf8");
  return image.dockerfile.endsWith(".tmpl") ? fillPlaceholders(text, values, image.dockerfile) : text;
}

/** The old form of a template: `{{NAME}}`. */
export function fillPlaceholders(text: string, values: Readonly<Record<string, string>>, file: string): string {
  return text.replace(/\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g, (_, name: string, offset: number) => {
    const line = text.slice(0, offset).split("\n").length;
    const fail = (why: string, cause?: unknown): VdiError =>
      new VdiError({ what: `the template ${file}:${line} could not be filled in`, why, exitCode: ExitCode.usage, cause });
    if (!Object.hasOwn(values, name)) throw fail(`it uses ${name}, which has no value`);
    try {
      return dockerfileValue(values[name]);
    } catch (thrown) {
      throw fail(thrown instanceof UnprintableValue ? `the value of ${name} ${thrown.message}` : messageOf(thrown), thrown);
    }
  });
}
