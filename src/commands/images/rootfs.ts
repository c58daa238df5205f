import path from "node:path";
import { findDeploymentDirectory } from "../../config/directory.ts";
import { makeRootfs, type Rootfs } from "../../images/make-rootfs.ts";
import type { Command } from "../../util/command.ts";
import { directoryOption, namespaceOption, textOf } from "../../util/options.ts";

/** `vdi images rootfs`: the base image's file system, made from a Debian mirror instead of taken from a registry. */
export const imagesRootfs: Command<Rootfs> = {
  path: ["images", "rootfs"],
  summary: "make the base image's file system here, from a Debian mirror",
  description:
    "Writes images/vdi-base/rootfs.tar.gz with mmdebstrap. From then on `vdi build-images` starts from it and needs no registry outside. The site's mirror is used, but not written into the image.",
  options: [
    {
      name: "mirror",
      type: "string",
      value: "URL",
      description: "Debian mirror (default: $VDI_APT_MIRROR, else http://deb.debian.org/debian)",
    },
    {
      name: "securityMirror",
      type: "string",
      value: "URL",
      description: "mirror of the security updates (default: $VDI_APT_SECURITY_MIRROR, else http://deb.debian.org/debian-security)",
    },
    directoryOption,
    namespaceOption,
  ],
  examples: [
    { line: "vdi images rootfs", does: "from Debian's own servers" },
    { line: "vdi images rootfs --mirror http://mirror.example/debian", does: "from a mirror of the site" },
  ],

  async run(ctx, input) {
    const directory = findDeploymentDirectory({
      cwd: ctx.cwd,
      dir: textOf(input, "dir"),
      namespace: textOf(input, "namespace") ?? ctx.env["NAMESPACE"],
    });
    const { env, progress, signal, now } = ctx;
    return makeRootfs({
      file: path.join(directory, "images", "vdi-base", "rootfs.tar.gz"),
      mirror: textOf(input, "mirror") ?? env["VDI_APT_MIRROR"],
      securityMirror: textOf(input, "securityMirror") ?? env["VDI_APT_SECURITY_MIRROR"],
      env,
      progress,
      signal,
      now,
    });
  },

  human: (data) => `${data.file}\n${Math.round(data.bytes / 1e6)} MB in ${data.seconds.toFixed(0)} s, sha256 ${data.sha256}`,
};
