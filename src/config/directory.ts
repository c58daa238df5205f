import { existsSync } from "node:fs";
import path from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { configFile } from "./read-config.ts";

/** What may say which deployment directory is meant. */
export interface DirectoryChoice {
  /** Absolute. */
  readonly cwd: string;
  /** What `--dir` says. */
  readonly dir?: string | undefined;
  /** What `--namespace`, or the environment's NAMESPACE, says. */
  readonly namespace?: string | undefined;
}

/**
 * The deployment directory, absolute: `dir`, else the nearest parent of `cwd` (or itself) with `deploy/vdi.env`, else
 * `cwd/NAMESPACE`. Throws a usage error when there is none.
 */
export function findDeploymentDirectory(choice: DirectoryChoice): string {
  if (choice.dir !== undefined) {
    const directory = path.resolve(choice.cwd, choice.dir);
    if (hasConfig(directory)) return directory;
    throw noDirectory(`${directory} is not a deployment directory`, `there is no ${configFile} in it`, [`vdi init ${choice.dir}`]);
  }
  for (let directory = choice.cwd; ; directory = path.dirname(directory)) {
    if (hasConfig(directory)) return directory;
    if (directory === path.dirname(directory)) break;
  }
  if (choice.namespace !== undefined && choice.namespace !== "") {
    const directory = path.join(choice.cwd, choice.namespace);
    if (hasConfig(directory)) return directory;
    throw noDirectory("no deployment directory was found", `neither ${choice.cwd} and its parents nor ${directory} have a ${configFile}`, [
      "go into the deployment directory, or name it with --dir",
      `vdi init ${choice.namespace}`,
    ]);
  }
  throw noDirectory("no deployment directory was found", `neither ${choice.cwd} nor a parent of it has a ${configFile}`, [
    "go into the deployment directory, or name it with --dir",
    "vdi init DIR",
  ]);
}

function hasConfig(directory: string): boolean {
  return existsSync(path.join(directory, configFile));
}

function noDirectory(what: string, why: string, tries: readonly string[]): VdiError {
  return new VdiError({ what, why, try: tries, see: "doc/configuration.md", exitCode: ExitCode.usage });
}
