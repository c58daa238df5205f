import type { Config } from "../config/config.ts";
import { isSecretName, variableByName } from "../config/variables.ts";
import type { BuildOptions } from "./build-plan.ts";

/** What a command or a deployment may say about a build. */
export type BuildChoice = Pick<BuildOptions, "baseImage"> &
  Partial<Pick<BuildOptions, "names" | "push" | "noCache" | "buildArgs" | "refresh">>;

/** The options of a build for a deployment: all images, not pushed, unless `choice` says otherwise. */
export function buildOptionsOf(config: Config, choice: BuildChoice): BuildOptions {
  const values = [...config.values].filter(([name]) => !isSecret(config, name));
  return {
    directory: config.directory,
    registry: config.registry,
    // A secret in a Dockerfile would be readable in every image that comes of it.
    values: Object.fromEntries(values),
    names: choice.names ?? [],
    push: choice.push ?? false,
    noCache: choice.noCache ?? false,
    buildArgs: choice.buildArgs ?? {},
    baseImage: choice.baseImage,
    refresh: choice.refresh ?? true,
  };
}

function isSecret(config: Config, name: string): boolean {
  const known = variableByName.get(name);
  return config.own.secret.has(name) || (known === undefined ? isSecretName(name) : known.secret === true);
}
