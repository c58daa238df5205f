import type Dockerode from "dockerode";
import type { Config } from "../config/config.ts";
import { type CertificateFacts, certificateFacts } from "../deployment/certificate-facts.ts";
import { imageReferences } from "../deployment/pinned-images.ts";
import { dockerLabels, isEndingName } from "../engine/docker-names.ts";
import { filesOf } from "./archive.ts";
import { engineError, ifThere } from "./engine-error.ts";
import { everywhere, pageAddress } from "./local-values.ts";
import { containerName, labelFilters } from "./names.ts";
import { filesPlace } from "./plan.ts";

/** Proxy or broker. */
export interface PartRow {
  readonly component: "proxy" | "broker";
  readonly state: "running" | "restarting" | "stopped" | "absent";
  /** Since when it runs, RFC 3339. */
  readonly startedAt?: string;
  readonly restarts: number;
  readonly memoryBytes?: number;
}

/** A user's session. */
export interface LocalSessionRow {
  readonly name: string;
  readonly user: string;
  readonly type: string;
  readonly state: "starting" | "running" | "ending" | "ended" | "failed";
  /** The engine's words where it is not running. */
  readonly reason?: string;
  readonly startedAt: string;
  readonly memoryBytes?: number;
  /** True: new sessions get another image. */
  readonly olderImage: boolean;
}

/** How a deployment on this machine is. */
export interface LocalStatus {
  readonly directory: string;
  readonly namespace: string;
  readonly engine: string;
  readonly up: boolean;
  /** Where the proxy that runs answers. */
  readonly address: string;
  readonly parts: readonly PartRow[];
  readonly sessions: readonly LocalSessionRow[];
  readonly certificate?: CertificateFacts;
  /** Parts that run an image which is not the newest that the engine has. */
  readonly olderImages: readonly string[];
  readonly at: string;
}

/** Asks the engine how a deployment is. */
export async function localStatus(docker: Dockerode, config: Config, now: number): Promise<LocalStatus> {
  try {
    return await lookAt(docker, config, now);
  } catch (thrown) {
    throw engineError(thrown, `the deployment ${config.namespace} cannot be looked at`);
  }
}

async function lookAt(docker: Dockerode, config: Config, now: number): Promise<LocalStatus> {
  const { namespace } = config;
  const inspect = (name: string): Promise<Dockerode.ContainerInspectInfo | undefined> => ifThere(docker.getContainer(name).inspect());
  const [version, proxy, broker, listed] = await Promise.all([
    docker.version(),
    inspect(containerName(namespace, "proxy")),
    inspect(containerName(namespace, "broker")),
    docker.listContainers({ all: true, filters: labelFilters(namespace, "session") }),
  ]);
  const [sessions, ids, crt] = await Promise.all([
    Promise.all(listed.map(({ Id }) => inspect(Id))),
    imageIds(docker, config),
    certificateText(docker, config),
  ]);
  const running = [proxy, broker, ...sessions].filter((each) => each?.State.Running === true).map((each) => each?.Id ?? "");
  const memory = new Map(await Promise.all(running.map(async (id) => [id, await memoryOf(docker, id)] as const)));
  const facts = crt === undefined ? undefined : certificateFacts(crt, now);
  const rows = sessions.flatMap((each) => (each === undefined ? [] : [sessionRow(each, memory.get(each.Id), ids)]));
  const proxyImage = ids.get(config.images.proxy);
  return {
    directory: config.directory,
    namespace,
    engine: `Docker ${version.Version}`,
    up: [proxy, broker].every((each) => each?.State.Running === true && !each.State.Restarting),
    address: pageAddress(boundTo(proxy) ?? config.local),
    parts: [partRow("proxy", proxy, memory), partRow("broker", broker, memory)],
    sessions: rows.sort((a, b) => (`${a.user}\0${a.name}` < `${b.user}\0${b.name}` ? -1 : 1)),
    ...(facts === undefined ? {} : { certificate: facts }),
    olderImages: [
      ...(["proxy", "broker"] as const).filter((part, at) => {
        const image = [proxy, broker][at]?.Image;
        return image !== undefined && proxyImage !== undefined && image !== proxyImage && part !== undefined;
      }),
      ...rows.filter(({ state, olderImage }) => state === "running" && olderImage).map(({ name }) => name),
    ],
    at: new Date(now).toISOString(),
  };
}

async function imageIds(docker: Dockerode, config: Config): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    imageReferences(config).map(async (reference) => [reference, (await ifThere(docker.getImage(reference).inspect()))?.Id] as const),
  );
  return new Map(found.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** Of the certificate that the proxy answers with. */
async function certificateText(docker: Dockerode, { namespace }: Config): Promise<string | undefined> {
  const archive = await ifThere(docker.getContainer(containerName(namespace, "files")).getArchive({ path: filesPlace("ssl") }));
  if (archive === undefined) return undefined;
  const file = (await filesOf(archive as AsyncIterable<Uint8Array>)).get("server.crt");
  return file === undefined ? undefined : Buffer.from(file.content).toString("utf8");
}

function boundTo(proxy: Dockerode.ContainerInspectInfo | undefined): Config["local"] | undefined {
  const [binding] = Object.values(proxy?.HostConfig.PortBindings ?? {}).flat() as readonly { HostIp?: string; HostPort?: string }[];
  if (binding?.HostPort === undefined) return undefined;
  return { listen: binding.HostIp || everywhere, port: Number(binding.HostPort), network: "" };
}

/** What a container takes without the file cache, which the kernel takes back when it needs it. */
async function memoryOf(docker: Dockerode, id: string): Promise<number | undefined> {
  const stats = await ifThere(docker.getContainer(id).stats({ stream: false, "one-shot": true }));
  const { usage, stats: parts } = (stats?.memory_stats ?? {}) as { usage?: number; stats?: Readonly<Record<string, number>> };
  if (usage === undefined) return undefined;
  return Math.max(0, usage - (parts?.["inactive_file"] ?? parts?.["total_inactive_file"] ?? 0));
}

function partRow(
  component: PartRow["component"],
  found: Dockerode.ContainerInspectInfo | undefined,
  memory: ReadonlyMap<string, number | undefined>,
): PartRow {
  if (found === undefined) return { component, state: "absent", restarts: 0 };
  const { State, RestartCount, Id } = found;
  const bytes = memory.get(Id);
  return {
    component,
    state: State.Restarting ? "restarting" : State.Running ? "running" : "stopped",
    ...(State.Running ? { startedAt: State.StartedAt } : {}),
    restarts: RestartCount,
    ...(bytes === undefined ? {} : { memoryBytes: bytes }),
  };
}

function sessionRow(
  { Name, Config: { Labels, Image: reference }, State, Created, Image }: Dockerode.ContainerInspectInfo,
  memoryBytes: number | undefined,
  ids: ReadonlyMap<string, string>,
): LocalSessionRow {
  const state = isEndingName(Name)
    ? "ending"
    : State.Running
      ? "running"
      : State.Status === "created"
        ? "starting"
        : State.ExitCode === 0
          ? "ended"
          : "failed";
  const newest = ids.get(reference);
  return {
    name: Labels[dockerLabels.session] ?? "",
    user: Labels[dockerLabels.owner] ?? "",
    type: Labels[dockerLabels.display] ?? Labels[dockerLabels.type] ?? "",
    state,
    ...(state === "failed"
      ? { reason: State.OOMKilled ? "it took more memory than it may" : State.Error || `exit code ${State.ExitCode}` }
      : {}),
    startedAt: Created,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    olderImage: newest !== undefined && newest !== Image,
  };
}
