import { statfs } from "node:fs/promises";
import { bytesPerBuild } from "../images/disk-space.ts";
import { bytesText } from "../util/quantity.ts";
import { type Check, failed, ok, unless } from "./check.ts";
import { engineIfThere } from "./prepared.ts";
import type { World } from "./world.ts";

const leastNode = [20, 19] as const;
/** A deployment directory holds a few megabytes; a full disk breaks it in the middle of a file. */
const leastDirectoryBytes = 50 * 2 ** 20;

/** True for a version of Node that is new enough. Pure. */
export function isNewEnough(version: string, least: readonly [number, number] = leastNode): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > least[0] || (major === least[0] && minor >= least[1]);
}

/** What has to hold on the machine on which `vdi` runs. */
export const machineChecks: readonly Check<World>[] = [
  {
    id: "node-version",
    category: "machine",
    description: "Node is new enough",
    looksAt: "The version of Node that runs `vdi`: 20.19 or newer.",
    hint: ["install Node 20.19 or newer (Debian 13 has one)"],
    severity: "fatal",
    needs: [],
    async run() {
      const { node } = process.versions;
      return isNewEnough(node) ? ok(node) : failed(`this is Node ${node}; ${leastNode.join(".")} is the oldest that is tested`);
    },
  },
  {
    id: "container-engine",
    category: "machine",
    description: "the container engine answers",
    looksAt:
      "The engine of `DOCKER_HOST` or of the local socket. Only `vdi build-images` needs it: images that another machine has built and pushed can be deployed without.",
    hint: ["start it (`systemctl start docker`), or name another one with DOCKER_HOST", "build the images on another machine"],
    severity: "warning",
    needs: [],
    async run(world) {
      const engine = await world.once("engine", () => world.ctx.ports.connectEngine());
      const { Version } = (await engine.version()) as { Version?: string };
      return ok(Version === undefined ? undefined : `version ${Version}`);
    },
  },
  {
    id: "disk-space",
    category: "machine",
    description: "there is room on the disk",
    looksAt:
      "The file systems of the deployment directory and, when it is on this machine, of the container engine: a build of one image takes up to 3 GiB for a while.",
    hint: ["docker system prune", "docker builder prune", "give the file system more room"],
    severity: "warning",
    needs: [],
    async run(world) {
      const places: [name: string, directory: string, least: number][] = [
        [world.reading.directory, world.reading.directory, leastDirectoryBytes],
      ];
      const data = await (await engineIfThere(world))?.dataDirectory();
      if (data !== undefined) places.push([`the container engine's ${data}`, data, bytesPerBuild]);
      const problems: string[] = [];
      const free: string[] = [];
      for (const [name, directory, least] of places) {
        const facts = await statfs(directory).catch(() => undefined);
        if (facts === undefined) continue;
        const bytes = facts.bavail * facts.bsize;
        free.push(bytesText(bytes));
        if (bytes < least) problems.push(`${name} has ${bytesText(bytes)} free; ${bytesText(least)} may be needed`);
      }
      return unless(problems, `${[...new Set(free)].join(" and ")} free`);
    },
  },
];
