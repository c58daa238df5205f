import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { pauseImage } from "./config-files.ts";
import type { Layout } from "./layout.ts";

/** Puts the image of the pods' first process into containerd; it holds one static program. */
export async function importPauseImage(layout: Layout, program: string): Promise<void> {
  const work = join(layout.run, "pause-image");
  const root = join(work, "root");
  await mkdir(root, { recursive: true });
  await copyFile(program, join(root, "pause"));
  await execa("chmod", ["0755", join(root, "pause")]);
  // Without times and names of this machine the image is the same each time, and containerd has it already.
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  await execa("tar", [...same, "-C", root, "-cf", join(work, "layer.tar"), "pause"]);
  const layer = createHash("sha256")
    .update(await readFile(join(work, "layer.tar")))
    .digest("hex");
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Entrypoint: ["/pause"], User: "65535:65535" },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
  };
  await writeFile(join(work, "config.json"), JSON.stringify(config));
  await writeFile(join(work, "manifest.json"), JSON.stringify([{ Config: "config.json", RepoTags: [pauseImage], Layers: ["layer.tar"] }]));
  await execa("tar", [...same, "-C", work, "-cf", join(work, "image.tar"), "manifest.json", "config.json", "layer.tar"]);
  await ctr(layout, "images", "import", join(work, "image.tar"));
  await rm(work, { recursive: true, force: true });
}

/** Runs containerd's own client in the namespace of Kubernetes; gives its output. */
export async function ctr(layout: Layout, ...args: string[]): Promise<string> {
  const { stdout } = await execa("ctr", ["--address", layout.containerdSocket, "--namespace", "k8s.io", ...args]);
  return stdout;
}
