import { existsSync } from "node:fs";
import { copyFile, cp, rm } from "node:fs/promises";
import path from "node:path";
import type { Config } from "../config/config.ts";
import { withoutValues, withValues } from "../config/env-file.ts";
import { configFile, readConfigText } from "../config/read-config.ts";
import { localVariables } from "../config/table-local.ts";
import { changeMe } from "../config/variable.ts";
import { rootfsFiles } from "../images/base-image.ts";
import { distributedDirectories, treeFiles } from "../init/distribution.ts";
import { initDeployment } from "../init/init-deployment.ts";
import { checkPlace } from "../init/place.ts";
import { recordFile } from "../init/record.ts";
import { readUsers, writeUsers } from "../users/user-store.ts";
import { readUtf8IfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import type { Context } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { giveToOwnerOfDirectory, makeOwnedDirectories } from "../util/owner.ts";
import { VdiError } from "../util/vdi-error.ts";
import { isNoRegistry } from "./local-values.ts";

/** What was written for a cluster. */
export interface Exported {
  readonly directory: string;
  readonly users: number;
  /** Files that differ from the distribution's, as on this machine. */
  readonly ownFiles: readonly string[];
  /** Variables that are still to be decided. */
  readonly undecided: readonly string[];
}

/** There until all is written, so that the same command goes on where one was interrupted. */
const unfinishedFile = `${recordFile}.unfinished-export`;

/** Writes the deployment directory that `vdi deploy` takes: the users, session types and images of this machine's. */
export async function exportDeployment(
  ctx: Context,
  config: Config,
  target: string,
  values: ReadonlyMap<string, string>,
): Promise<Exported> {
  const unfinished = path.join(target, unfinishedFile);
  if (existsSync(path.join(target, configFile)) && !existsSync(unfinished)) {
    throw new VdiError({
      what: `${target} is a deployment directory already`,
      why: "what is in it would be replaced by what is on this machine",
      try: "name a directory that is not there yet",
      exitCode: ExitCode.usage,
    });
  }
  const text = clusterEnv((await readUtf8IfThere(path.join(config.directory, configFile))) ?? "", values);
  await checkPlace(target, ctx.distribution);
  await writeFileIfChanged(unfinished, "", 0o600);
  await initDeployment({
    directory: target,
    distribution: ctx.distribution,
    version: ctx.version,
    force: false,
    values,
    interactive: false,
    progress: ctx.progress,
    signal: ctx.signal,
    confirm: async () => false,
    now: () => ctx.now(),
  });
  const ownFiles = await copyOwnFiles(config.directory, target);
  for (const rootfs of rootfsFiles) {
    if (!existsSync(path.join(config.directory, rootfs))) continue;
    await copyFile(path.join(config.directory, rootfs), path.join(target, rootfs));
    await giveToOwnerOfDirectory(path.join(target, rootfs));
  }
  const users = await readUsers(config.directory);
  await writeUsers(target, users);
  await writeFileIfChanged(path.join(target, configFile), text, 0o600);
  await rm(unfinished);
  const { diagnostics } = readConfigText({ dir: target, env: {} }, text);
  return {
    directory: target,
    users: users.passwd.length,
    ownFiles,
    undecided: diagnostics.flatMap(({ code, name }) => (code === "changeme" && name !== undefined ? [name] : [])),
  };
}

/** A machine's `vdi.env` for a cluster: what only fits one machine is to be decided anew. Pure. */
export function clusterEnv(text: string, values: ReadonlyMap<string, string>): string {
  const { values: has } = readConfigText({ dir: "/", env: {} }, text);
  const undecided = new Map<string, string>();
  const registry = has.get("XPRA_REGISTRY_SRV") ?? "";
  const isForOne = isNoRegistry(registry);
  if (isForOne) undecided.set("XPRA_REGISTRY_SRV", changeMe);
  // Whatever stands there is an address of this machine, in a directory that was made for it.
  if (isForOne || has.get("EXTERNALIPS")?.startsWith("127.") === true) undecided.set("EXTERNALIPS", changeMe);
  if (has.get("DOMNAME") === "localhost") undecided.set("DOMNAME", changeMe);
  const own = isForOne ? new RegExp(`^([ \\t]*(?:export[ \\t]+)?IMAGE_[A-Z0-9_]+="?)${registry.replaceAll(".", "\\.")}/`, "gm") : undefined;
  const images = own === undefined ? text : text.replace(own, "$1$${XPRA_REGISTRY_SRV}/");
  const ofMachine = new Set(localVariables.map(({ name }) => name));
  return withValues(withoutValues(images, ofMachine), new Map([...undecided, ...values]));
}

/** Copies what the admin added or changed, and takes away what the admin took away. */
async function copyOwnFiles(from: string, to: string): Promise<readonly string[]> {
  const own: string[] = [];
  for (const directory of distributedDirectories.filter((name) => name !== "doc")) {
    const [here, there] = await Promise.all([treeFiles(path.join(from, directory)), treeFiles(path.join(to, directory))]);
    for (const name of new Set([...here.keys(), ...there.keys()])) {
      if (here.get(name)?.print === there.get(name)?.print) continue;
      const file = path.join(directory, name);
      // It is made of the configuration, which is another one there.
      if (file === path.join("to_container", "etc", "xpra-vars.sh")) continue;
      own.push(file);
      if (!here.has(name)) await rm(path.join(to, file));
      else {
        await makeOwnedDirectories(path.dirname(path.join(to, file)));
        await cp(path.join(from, file), path.join(to, file), { verbatimSymlinks: true, preserveTimestamps: true, force: true });
        await giveToOwnerOfDirectory(path.join(to, file));
      }
    }
  }
  return own.sort();
}
