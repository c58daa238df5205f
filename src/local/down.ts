import type Dockerode from "dockerode";
import { dockerLabels } from "../engine/docker-names.ts";
import { counted } from "../util/counted.ts";
import { removeContainer } from "./apply.ts";
import { engineError, inWords, unlessDone } from "./engine-error.ts";
import { labelFilters, volumeName } from "./names.ts";

/** All of a deployment that is on the engine; names by kind. */
export interface OnEngine {
  readonly containers: readonly { readonly name: string; readonly component: string; readonly running: boolean }[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Volumes of homes. */
  readonly homes: readonly string[];
}

/** What was taken away, and what stays. */
export interface TakenDown {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly homesKept: readonly string[];
}

/** What of a deployment is on the engine, found by its labels alone. */
export async function lookOnEngine(docker: Dockerode, namespace: string): Promise<OnEngine> {
  const filters = labelFilters(namespace);
  const [containers, networks, volumes] = await inWords(
    `the engine could not say what it has of ${namespace}`,
    Promise.all([docker.listContainers({ all: true, filters }), docker.listNetworks({ filters }), docker.listVolumes({ filters })]),
  );
  const all = volumes.Volumes ?? [];
  const isHome = ({ Labels }: Dockerode.VolumeInspectInfo): boolean => Labels?.[dockerLabels.component] === "home";
  return {
    containers: containers.map(({ Names, Labels, State }) => ({
      name: (Names[0] ?? "").replace(/^\//, ""),
      component: Labels[dockerLabels.component] ?? "",
      running: State === "running",
    })),
    networks: networks.map(({ Name }) => Name),
    volumes: all.filter((volume) => !isHome(volume)).map(({ Name }) => Name),
    homes: all.filter(isHome).map(({ Name }) => Name),
  };
}

/** Takes a deployment off the engine: the broker first, so that nothing is started any more; homes only when they are to go. */
export async function takeDown(
  docker: Dockerode,
  namespace: string,
  options: { readonly homes: boolean; readonly graceSeconds: number; status(text: string): void },
): Promise<TakenDown> {
  try {
    const before = await lookOnEngine(docker, namespace);
    const order = ["broker", "proxy"];
    for (const component of order) {
      for (const { name } of before.containers.filter((each) => each.component === component)) {
        options.status(`ending the ${component}`);
        await removeContainer(docker, name);
      }
    }
    // What the broker began in its last moment is among them now.
    const rest = await lookOnEngine(docker, namespace);
    const sessions = rest.containers.filter(({ component, running }) => component === "session" && running).length;
    if (sessions > 0) options.status(`ending ${counted(sessions, "session")}`);
    await Promise.all(rest.containers.map(({ name }) => removeContainer(docker, name, options.graceSeconds)));
    // Whose the homes are is known by it as long as they stay.
    const marker = !options.homes && rest.homes.length > 0 ? volumeName(namespace, "owner") : undefined;
    const volumes = [...rest.volumes.filter((name) => name !== marker), ...(options.homes ? rest.homes : [])];
    await Promise.all(rest.networks.map((name) => unlessDone(docker.getNetwork(name).remove())));
    await Promise.all(volumes.map((name) => unlessDone(docker.getVolume(name).remove())));
    return {
      containers: [...new Set([...before.containers, ...rest.containers].map(({ name }) => name))].sort(),
      networks: [...rest.networks].sort(),
      volumes: volumes.sort(),
      homesKept: options.homes ? [] : [...rest.homes].sort(),
    };
  } catch (thrown) {
    throw engineError(thrown, `${namespace} could not be taken down`);
  }
}
