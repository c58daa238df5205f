import { existsSync } from "node:fs";
import { findDeploymentDirectory } from "../../config/directory.ts";
import { makeRootfsFor, rootfsFile } from "../../images/make-rootfs.ts";
import type { Command } from "../../util/command.ts";
import { directoryOption, flagOf, namespaceOption, textOf } from "../../util/options.ts";
import { type DataOf, flag, number, object, optional, text } from "../../util/shape.ts";

const shape = object({
  made: flag("false: it was there already"),
  file: text("the archive, absolute"),
  bytes: optional(number("its size; only when it was made")),
  sha256: optional(text("its hash; only when it was made")),
  seconds: optional(number("how long it took; only when it was made")),
});

/** What `vdi images rootfs` gives. */
export type RootfsMade = DataOf<typeof shape>;

/** `vdi images rootfs`: the base image's file system, made from a Debian mirror instead of taken from a registry. */
export const imagesRootfs: Command<RootfsMade> = {
  path: ["images", "rootfs"],
  summary: "make the base image's file system here, from a Debian mirror",
  description:
    "Writes images/vdi-base/rootfs.tar.gz with mmdebstrap, unless it is there. From then on `vdi build-images` starts from it and needs no registry outside. The mirror is used, but not written into the image.",
  options: [
    {
      name: "mirror",
      type: "string",
      value: "URL",
      description: "Debian mirror (default: $VDI_APT_MIRROR, else the one of this machine's apt)",
    },
    {
      name: "securityMirror",
      type: "string",
      value: "URL",
      description: "mirror of the security updates (default: $VDI_APT_SECURITY_MIRROR, else the one of this machine's apt)",
    },
    { name: "renew", type: "boolean", description: "make it again, with Debian's packages of today" },
    directoryOption,
    namespaceOption,
  ],
  examples: [
    { line: "vdi images rootfs", does: "from the servers that this machine's own apt uses" },
    { line: "vdi images rootfs --renew", does: "with the updates since it was made" },
    {
      line: "vdi images rootfs --mirror http://m.example/debian",
      does: "from a mirror of the site; security updates as the machine has them",
    },
  ],

  shape,

  async run(ctx, input) {
    const directory = findDeploymentDirectory({
      cwd: ctx.cwd,
      dir: textOf(input, "dir"),
      namespace: textOf(input, "namespace") ?? ctx.env["NAMESPACE"],
    });
    const { env, progress, signal, now } = ctx;
    const file = rootfsFile(directory);
    // A new one is a new base, and every image is built anew on it: only when it is wanted.
    if (existsSync(file) && !flagOf(input, "renew")) return { made: false, file };
    const given = { mirror: textOf(input, "mirror"), securityMirror: textOf(input, "securityMirror") };
    const rootfs = await makeRootfsFor(directory, given, { env, progress, signal, now });
    return { made: true, ...rootfs };
  },

  human: (data) =>
    !data.made
      ? `${data.file} is there; --renew makes it again`
      : `${data.file}\n${Math.round((data.bytes ?? 0) / 1e6)} MB in ${(data.seconds ?? 0).toFixed(0)} s, sha256 ${data.sha256 ?? ""}`,
};
