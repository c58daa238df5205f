import { execa } from "execa";
import { keepOnFailure } from "./artifacts.ts";

/** Keeps the logs and states of all engine's containers whose name begins so, when a test fails; gives a function that takes it back. */
export function keepContainersOnFailure(prefix: string, secrets: readonly string[] = []): () => void {
  const docker = async (...args: string[]): Promise<string> => (await execa("docker", args, { all: true, reject: false })).all;
  return keepOnFailure({
    name: `containers-${prefix}`,
    secrets: async () => secrets,
    async collect() {
      const names = (await docker("ps", "-a", "--filter", `name=^${prefix}`, "--format", "{{.Names}}")).split("\n").filter(Boolean);
      const logs = names.map(async (name) => [`${name}.log`, await docker("logs", "--tail", "3000", "--timestamps", name)] as const);
      return { "containers.txt": await docker("ps", "-a", "--filter", `name=^${prefix}`), ...Object.fromEntries(await Promise.all(logs)) };
    },
  });
}
