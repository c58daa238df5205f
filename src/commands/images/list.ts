import { loadConfig } from "../../config/load-config.ts";
import { chooseBaseImage } from "../../images/base-image.ts";
import { buildOptionsOf } from "../../images/build-options.ts";
import { planImages } from "../../images/build-plan.ts";
import { imageDigest } from "../../images/image-digest.ts";
import { contentKeyLabel, dockerImageEngine } from "../../images/image-engine.ts";
import type { Command } from "../../util/command.ts";
import { directoryOption, namespaceOption } from "../../util/options.ts";

/** One image of a deployment. */
export interface ListedImage {
  readonly name: string;
  readonly reference: string;
  readonly parents: readonly string[];
  /** What this machine's engine has; undefined: nothing that `vdi build-images` made. */
  readonly local?: { readonly id: string; readonly bytes: number };
  /** What the registry has. */
  readonly digest?: string;
  /** Why the registry could not tell. */
  readonly why?: string;
}

/** `vdi images list`: the images of a deployment, and where they are. */
export const imagesList: Command<readonly ListedImage[]> = {
  path: ["images", "list"],
  summary: "list the images, what they are made from, and where they are",
  options: [directoryOption, namespaceOption],
  examples: [{ line: "vdi images list", does: "all images, in the order in which they are built" }],

  async run(ctx, input) {
    const options = buildOptionsOf(loadConfig(ctx, input), { baseImage: undefined });
    const engine = dockerImageEngine(await ctx.ports.connectEngine());
    const planned = planImages(options, await chooseBaseImage(options.directory, undefined));
    return Promise.all(
      planned.map(async ({ name, reference, parents }): Promise<ListedImage> => {
        const [local, there] = await Promise.all([engine.inspect(reference), imageDigest(reference, { env: ctx.env, signal: ctx.signal })]);
        return {
          name,
          reference,
          parents,
          ...(local?.labels[contentKeyLabel] === undefined ? {} : { local: { id: local.id, bytes: local.bytes } }),
          ...(there.digest === undefined ? { why: there.why } : { digest: there.digest }),
        };
      }),
    );
  },

  human(data, style) {
    const width = Math.max(...data.map((image) => image.name.length));
    return data
      .map((image) => {
        const here = image.local === undefined ? style.yellow("not built here") : `${Math.round(image.local.bytes / 1e6)} MB here`;
        const there = image.digest ?? style.yellow(`not in the registry (${image.why ?? ""})`);
        return `${image.name.padEnd(width)}  ${here}  ${there}${image.parents.length === 0 ? "" : style.dim(`  from ${image.parents.join(", ")}`)}`;
      })
      .join("\n");
  },
};
