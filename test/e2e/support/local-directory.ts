import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { rootfsFile } from "../../../src/images/make-rootfs.ts";
import { localValues } from "../../../src/local/local-values.ts";

const vdi = join(import.meta.dirname, "..", "..", "..", "bin", "vdi");

/**
 * Makes a deployment directory for one machine, as `vdi local up` would, with the Debian base of another directory's images where that
 * has one, so that nothing is compiled a second time.
 */
export async function initLocalDirectory(directory: string, other: string): Promise<void> {
  const set = [...localValues(basename(directory))].flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  await execa(process.execPath, [vdi, "init", directory, ...set]);
  if (existsSync(rootfsFile(other))) await copyFile(rootfsFile(other), rootfsFile(directory));
}
