import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DockerBrokerConfig, parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import {
  type Component,
  deploymentLabelsOf,
  directoryVolumeName,
  identityVolumeName,
  ourLabels,
  sessionObject,
} from "../../../src/engine/docker-names.ts";
import { type EngineClient, engineClient, filtersOf, isEngineStatus } from "../../../src/engine/engine-client.ts";
import { dockerRuntime } from "../../../src/runtimes/docker.ts";
import type { Answer } from "../../../src/session/session-runtime.ts";
import type { SessionAddress } from "../../../src/session/session-state.ts";
import { type Broker, type BrokerOptions, brokerOf, commonConfig, type Place } from "./place.ts";
import { scriptPath, scripts } from "./scripts.ts";

/** A container as the engine lists it. */
export interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** How a command in a container ended. */
export interface ExecOutcome {
  readonly code: number;
  readonly output: string;
}

/** Options of a broker on an engine. */
export interface DockerBrokerOptions extends BrokerOptions {
  /** Default: one of its own for the place's engine. */
  readonly client?: EngineClient;
}

/** A deployment on an engine, as far as its sessions need one. */
export interface DockerPlace extends Place {
  config(): DockerBrokerConfig;
  readonly client: EngineClient;
  /** The deployment's containers, of one component or all. */
  containers(component?: Component): Promise<readonly ListedContainer[]>;
  /** The sessions' networks, by name. */
  networks(): Promise<readonly string[]>;
  /** The parts that there are of a session's containers: names of networks and of directories with files, twice where there are both. */
  parts(session: string): Promise<readonly string[]>;
  /** The proxy's stand-in: it is in a network of its own, and asks for nothing. */
  startProxy(): Promise<string>;
  exec(container: string, command: readonly string[]): Promise<ExecOutcome>;
  /** One more broker for the same sessions, also with a client of its own. */
  broker(options?: DockerBrokerOptions): Broker;
  /** Kills all brokers there are. */
  killBrokers(): void;
  /** Removes everything. */
  remove(): Promise<void>;
}

/** Options of a deployment. */
export interface DockerPlaceOptions {
  readonly socket: string;
  readonly namespace: string;
  readonly image: string;
  /** CIDR. */
  readonly network: string;
  /** A program that takes the place of the image's own entry. */
  readonly entry?: string;
  /** Where the engine's mounts are seen from here, when they are not this machine's. */
  readonly root?: string;
  /** How brokers try a session's address, when its network is not this machine's. */
  connect?(address: SessionAddress): Promise<Answer>;
}

/** For a hundred containers at once, on a machine that has other things to do. */
const removalMs = 300_000;

/** Prepares an engine: the volumes that a deployment has. */
export async function dockerPlace({
  socket,
  namespace,
  image,
  network,
  entry,
  root = "/",
  connect,
}: DockerPlaceOptions): Promise<DockerPlace> {
  const client = engineClient(socket);
  const stops: AbortController[] = [];
  const ours = (component?: Component): string => filtersOf({ label: ourLabels(namespace, component) });

  async function volume(name: string, component: "identity" | "config"): Promise<string> {
    const made = await client.json<{ Mountpoint: string }>({
      method: "POST",
      path: "/volumes/create",
      body: { Name: name, Labels: deploymentLabelsOf(namespace, component) },
    });
    return join(root, made.Mountpoint);
  }

  const identityDirectory = await volume(identityVolumeName(namespace), "identity");
  const types = await volume(directoryVolumeName(namespace, "session_types"), "config");
  for (const [type, content] of Object.entries(scripts)) {
    const file = join(types, scriptPath(type));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: 0o555 });
  }
  if (entry !== undefined) {
    await writeFile(join(await volume(directoryVolumeName(namespace, "bin"), "config"), "session-entry"), entry, { mode: 0o555 });
  }
  const directories = ["session_types", ...(entry === undefined ? [] : ["bin"])];
  const docker = { socket, network, directories, pidsLimit: 512, identityDirectory };
  const config = parseBrokerConfig(JSON.stringify({ ...commonConfig(namespace, image), docker }), "the contract's configuration");
  if (config.docker === undefined) throw new Error("not an engine's configuration");

  const containers = (component?: Component): Promise<readonly ListedContainer[]> =>
    client.json({ path: "/containers/json", query: { all: true, filters: ours(component) } });

  async function networks(component: Component = "session"): Promise<readonly string[]> {
    const list = await client.json<readonly { Name: string }[]>({ path: "/networks", query: { filters: ours(component) } });
    return list.map(({ Name: name }) => name).sort();
  }

  async function run(name: string, body: object): Promise<string> {
    const { Id: id } = await client.json<{ Id: string }>({ method: "POST", path: "/containers/create", query: { name }, body });
    await client.send({ method: "POST", path: `/containers/${id}/start` });
    return id;
  }

  const foreign: string[] = [];

  return {
    client,
    config: () => config,
    containers,
    networks,
    async parts(session) {
      const names = (await networks()).map((name) => name.slice(sessionObject(namespace, "").length));
      return [...names, ...(await readdir(identityDirectory))].filter((name) => name.startsWith(`${session}--`)).sort();
    },
    broker(options: DockerBrokerOptions = {}): Broker {
      const { keep, client: own } = options;
      const stop = new AbortController();
      stops.push(stop);
      const troubles: string[] = [];
      const runtime = dockerRuntime({
        settings: () => config,
        ...(keep === undefined ? {} : { keep: () => keep }),
        ...(own === undefined ? {} : { client: own }),
        signal: stop.signal,
        onTrouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
      });
      const reaching = connect === undefined ? runtime : { ...runtime, connect: (_: string, address: SessionAddress) => connect(address) };
      return brokerOf(reaching, options, () => config, stop, troubles);
    },
    async plantForeign(session) {
      const body = { Image: image, Entrypoint: ["sleep", "3600"], Cmd: [], HostConfig: { NetworkMode: "none" } };
      foreign.push(await run(sessionObject(namespace, session), body));
    },
    async count(session) {
      const name = sessionObject(namespace, session);
      const all = await client.json<readonly ListedContainer[]>({ path: "/containers/json", query: { all: true } });
      return all.filter(({ Names: names }) => names.some((each) => each === `/${name}` || each.startsWith(`/${name}--`))).length;
    },
    async fill() {
      // Everything that the range still has, in pieces as large as sessions' networks.
      const blockers: string[] = [];
      const { subnetsFor } = await import("../../../src/engine/subnets.ts");
      for (const subnet of subnetsFor(network, "blocker")) {
        const body = {
          Name: `vdi-${namespace}-blocker-${blockers.length}`,
          Labels: deploymentLabelsOf(namespace, "config"),
          IPAM: { Config: [{ Subnet: subnet }] },
        };
        await client.json<{ Id: string }>({ method: "POST", path: "/networks/create", body }).then(
          ({ Id: id }) => blockers.push(id),
          (thrown: unknown) => {
            if (!/overlap/i.test(String(thrown))) throw thrown;
          },
        );
      }
      return async () => {
        for (const id of blockers) await client.send({ method: "DELETE", path: `/networks/${id}` });
      };
    },
    async startProxy() {
      const front = `vdi-${namespace}`;
      if (!(await networks("front")).includes(front)) {
        const body = { Name: front, CheckDuplicate: true, Labels: deploymentLabelsOf(namespace, "front") };
        await client.send({ method: "POST", path: "/networks/create", body });
      }
      return run(`vdi-${namespace}-proxy`, {
        Image: image,
        Entrypoint: ["sleep", "infinity"],
        Cmd: [],
        StopSignal: "SIGKILL",
        Labels: deploymentLabelsOf(namespace, "proxy"),
        HostConfig: { NetworkMode: front, RestartPolicy: { Name: "unless-stopped" } },
      });
    },
    async exec(container, command) {
      const body = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
      const { Id: id } = await client.json<{ Id: string }>({ method: "POST", path: `/containers/${container}/exec`, body });
      const stream = await client.stream({ method: "POST", path: `/exec/${id}/start`, body: { Detach: false, Tty: true } });
      let output = "";
      for await (const chunk of stream) output += String(chunk);
      const { ExitCode: code } = await client.json<{ ExitCode: number }>({ path: `/exec/${id}/json` });
      return { code, output };
    },
    killBrokers() {
      for (const stop of stops.splice(0)) stop.abort();
    },
    async remove() {
      for (const stop of stops) stop.abort();
      // What a killed broker had asked for may still be done meanwhile.
      const drop = (path: string): Promise<void> =>
        client.send({ method: "DELETE", path, query: { force: true, v: true }, timeoutMs: removalMs }).catch((thrown: unknown) => {
          const isBeingRemoved = path.startsWith("/containers/") && isEngineStatus(thrown, 409);
          if (!isEngineStatus(thrown, 404) && !isBeingRemoved) throw thrown;
        });
      await Promise.all([...(await containers()).map(({ Id: id }) => id), ...foreign].map((id) => drop(`/containers/${id}`)));
      const left = await client.json<readonly { Id: string }[]>({ path: "/networks", query: { filters: ours() } });
      for (const { Id: id } of left) await drop(`/networks/${id}`);
      const { Volumes: volumes } = await client.json<{ Volumes: readonly { Name: string }[] | null }>({
        path: "/volumes",
        query: { filters: ours() },
      });
      for (const { Name: name } of volumes ?? []) await drop(`/volumes/${name}`);
      client.close();
    },
  };
}
