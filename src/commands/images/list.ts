import { loadConfig } from "../../config/load-config.ts";
import { chooseBaseImage } from "../../images/base-image.ts";
import { buildOptionsOf } from "../../images/build-options.ts";
import { planImages } from "../../images/build-plan.ts";
import { imageDigest } from "../../images/image-digest.ts";
import { contentKeyLabel, dockerImageEngine } from "../../images/image-engine.ts";
import type { Command } from "../../util/command.ts";
import { directoryOption, namespaceOption } from "../../util/options.ts";
import { type DataOf, list, number, object, optional, text, texts } from "../../util/shape.ts";

const shape = list(
  object({
    name: text("name of the directory in `images/`"),
    reference: text("registry, repository and tag"),
    parents: texts("the images that it is made from"),
    local: optional(
      object(
        { id: text("id in the engine"), bytes: number("size in the engine") },
        "what this machine's engine has; missing: nothing that `vdi build-images` made",
      ),
    ),
    digest: optional(text("what the registry has")),
    why: optional(text("why the registry could not tell")),
  }),
  "the images, in the order in which they are built",
);

/** What `vdi images list` gives. */
export type ImagesListed = DataOf<typeof shape>;

/** `vdi images list`: the images of a deployment, and where they are. */
export const imagesList: Command<ImagesListed> = {
  path: ["images", "list"],
  summary: "list the images, what they are made from, and where they are",
  options: [directoryOption, namespaceOption],
  examples: [{ line: "vdi images list", does: "all images, in the order in which they are built" }],

  shape,

  async run(ctx, input) {
    const options = buildOptionsOf(loadConfig(ctx, input), { baseImage: undefined });
    const engine = dockerImageEngine(await ctx.ports.connectEngine());
    const planned = planImages(options, await chooseBaseImage(options.directory, undefined));
    return Promise.all(
      planned.map(async ({ name, reference, parents }): Promise<ImagesListed[number]> => {
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
