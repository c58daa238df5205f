import { type Component, directoryVolumeName, identityVolumeName, ourLabels } from "../engine/docker-names.ts";

/** Label of a container: changes with everything that it is made of. */
export const definitionLabel = "vdi.xpra.org/definition";

/** The volumes that `vdi local` fills; `broker` is read by the broker, `ssl`, `ticket` and `users` by the proxy, the others by sessions. */
export const configVolumes = ["ssl", "ticket", "users", "broker", "session_types", "etc", "bin"] as const;

/** One of the volumes that `vdi local` fills. */
export type ConfigVolume = (typeof configVolumes)[number];

/** The network that the proxy is reached by. It sorts before those of sessions: the engine takes the way to the outside from the first. */
export function frontNetworkName(namespace: string): string {
  return `vdi-${namespace}`;
}

/** The name of a container of `vdi local` itself. */
export function containerName(namespace: string, part: "proxy" | "broker" | "files"): string {
  return `vdi-${namespace}-${part}`;
}

/** The name of a volume: those of sessions' directories and of identities as the broker knows them. */
export function volumeName(namespace: string, volume: ConfigVolume | "identity" | "socket" | "owner"): string {
  return volume === "identity" ? identityVolumeName(namespace) : directoryVolumeName(namespace, volume);
}

/** How the engine is asked for all that is a deployment's, or for those of one purpose. */
export function labelFilters(namespace: string, component?: Component): string {
  return JSON.stringify({ label: ourLabels(namespace, component) });
}
