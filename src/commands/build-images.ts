import { loadConfig } from "../config/load-config.ts";
import { type BuildResult, buildImages as build } from "../images/build-images.ts";
import { buildOptionsOf } from "../images/build-options.ts";
import { parseBuildArgs } from "../images/build-plan.ts";
import { dockerImageEngine } from "../images/image-engine.ts";
import type { Command } from "../util/command.ts";
import { directoryOption, flagOf, listOf, namespaceOption, textOf } from "../util/options.ts";
import { choice, list, number, object, optional, text } from "../util/shape.ts";

/** `vdi build-images`: the container images of a deployment. */
export const buildImages: Command<BuildResult> = {
  path: ["build-images"],
  summary: "build the container images, and push them to the registry",
  description:
    "Builds what has changed, in the order that the FROM lines ask for; independent images at the same time. An image that is named is built together with those that it is made from.",
  args: [{ name: "names", description: "only these images (default: all of images/)", variadic: true, completes: "images" }],
  options: [
    { name: "push", type: "boolean", description: "push them to the registry of XPRA_REGISTRY_SRV" },
    { name: "noCache", type: "boolean", description: "build everything anew, also what has not changed" },
    { name: "buildArg", type: "list", value: "NAME=VALUE", description: "set an ARG of the Dockerfiles; may be given several times" },
    {
      name: "baseImage",
      type: "string",
      value: "REFERENCE",
      description: "image to start from (default: images/vdi-base/rootfs.tar.*, else debian:trixie-slim)",
    },
    directoryOption,
    namespaceOption,
  ],
  examples: [
    { line: "vdi build-images --push", does: "builds what has changed and pushes all" },
    { line: "vdi build-images vdi-proxy --build-arg XPRA_VERSION=5.1.6", does: "one image, with another value for an ARG" },
  ],

  shape: object({
    baseImage: text("what the first image starts from"),
    images: list(
      object({
        name: text("name of the directory in `images/`"),
        reference: text("registry, repository and tag"),
        action: choice(["built", "unchanged"], "what was done"),
        id: text("id in the engine"),
        bytes: number("size in the engine"),
        buildSeconds: number("of the build alone; 0 for an unchanged image"),
        contentKey: text("changes with everything that the image is made from"),
        pushed: optional(
          object({ digest: text("what the registry has now"), seconds: number("how long the push took") }, "only after a push"),
        ),
      }),
      "the images, in the order in which they can be made",
    ),
    seconds: number("of the whole"),
  }),

  async run(ctx, input) {
    const config = loadConfig(ctx, input);
    const options = buildOptionsOf(config, {
      names: listOf(input, "names"),
      push: flagOf(input, "push"),
      noCache: flagOf(input, "noCache"),
      buildArgs: parseBuildArgs(listOf(input, "buildArg")),
      baseImage: textOf(input, "baseImage"),
    });
    const { progress, signal, env, now, interactive: live } = ctx;
    return build(options, { engine: dockerImageEngine(await ctx.ports.connectEngine()), progress, signal, env, now, live });
  },

  human(data, style) {
    const rows = data.images.map((image) => [
      image.name,
      image.action === "built" ? `${image.buildSeconds.toFixed(0)} s` : "unchanged",
      `${Math.round(image.bytes / 1e6)} MB`,
      image.pushed === undefined ? style.dim(image.reference) : `${image.reference}@${image.pushed.digest}`,
    ]);
    const width = (column: number): number => Math.max(...rows.map((row) => (row[column] ?? "").length));
    return rows
      .map((row) =>
        row.map((cell, column) => (column === 3 ? cell : column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column)))).join("  "),
      )
      .join("\n");
  },
};
