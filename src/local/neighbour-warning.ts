/** What the engine says of itself, as far as it counts here. */
export interface EngineInfo {
  readonly ServerVersion?: string;
  readonly SecurityOptions?: readonly string[];
}

/**
 * Before version 28 Docker also forwards to a container's published port what a machine on the same network sends to the container's own
 * address, even if the port is published on 127.0.0.1 only. A rootless engine's containers cannot be reached so. Pure.
 */
export function neighbourWarning({ ServerVersion = "", SecurityOptions = [] }: EngineInfo, listen: string): string | undefined {
  const major = Number(/^(\d+)\./.exec(ServerVersion)?.[1]);
  // Podman calls itself a Docker with small numbers.
  const isOld = major >= 17 && major < 28;
  if (!isOld || !listen.startsWith("127.") || SecurityOptions.some((option) => option.startsWith("name=rootless"))) return undefined;
  return `Docker ${ServerVersion} lets machines on the same network reach the page by its container's address, though it listens on ${listen} only: use Docker 28 or newer, or see doc/local.md#the-address`;
}
