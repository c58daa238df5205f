import { createHash } from "node:crypto";
import type Dockerode from "dockerode";
import type { DockerBrokerConfig } from "../broker-config/broker-config.ts";
import { commonBrokerConfiguration, startsOfEach } from "../deployment/broker-configuration.ts";
import type { DirectoryFile } from "../deployment/deployment-files.ts";
import { brokerSocket, checksum, type DeploymentParts, proxyEnvironment, proxyPort, unsupported } from "../deployment/plan.ts";
import { sessionTypeEntries } from "../deployment/session-type-entries.ts";
import { type Component, deploymentLabelsOf } from "../engine/docker-names.ts";
import { amountOf } from "../util/quantity.ts";
import type { VolumeFile } from "./archive.ts";
import { type ConfigVolume, configVolumes, containerName, definitionLabel, frontNetworkName, volumeName } from "./names.ts";

/** All that a deployment on one machine is made of. */
export interface LocalParts extends Omit<DeploymentParts, "cluster" | "pinnedImages"> {
  /** The engine's id of an image, by its reference. */
  readonly imageIds: ReadonlyMap<string, string>;
  /** The engine's socket on its machine. */
  readonly engineSocket: string;
  /** Processors of the engine's machine. */
  readonly processors: number;
  /** Labels that say from which directory all of it is made. */
  readonly owner: Readonly<Record<string, string>>;
}

/** A volume, with what has to be in it; `files` is missing where running parts write it. */
export interface WantedVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly config?: { readonly volume: ConfigVolume; readonly files: readonly VolumeFile[] };
}

/** A container as the engine is asked for it; its label `definition` changes with everything that it is made of. */
export interface WantedContainer {
  readonly name: string;
  readonly component: Component;
  readonly definition: string;
  readonly options: Dockerode.ContainerCreateOptions;
}

/** What is wanted on the engine, as data. */
export interface LocalPlan {
  readonly network: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly volumes: readonly WantedVolume[];
  /** Never runs: files get into the volumes through it. */
  readonly files: WantedContainer;
  readonly broker: WantedContainer;
  readonly proxy: WantedContainer;
  readonly warnings: readonly string[];
}

/** Where the files container has a volume. */
export function filesPlace(volume: ConfigVolume): string {
  return `/volumes/${volume}`;
}

/** The group that may use the broker's socket. */
const socketGroup = "65533";
const identityDirectory = "/var/lib/vdi/identity";
/** Where the broker sees the engine. */
const socketInside = "/var/run/docker.sock";
const sessionPidsLimit = 4096;
const limits = { proxy: amountOf("2Gi"), broker: amountOf("512Mi") };
/** Nobody looks after the disk of a single machine. */
const logging = { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } };
const untilStopped = { Name: "unless-stopped" };

/** The volumes, networks and containers of a deployment on one machine. Pure. */
export function planLocal(parts: LocalParts): LocalPlan {
  const { config } = parts;
  const { namespace } = config;
  const scan = sessionTypeEntries(parts.files.sessionTypes);
  const carried = {
    session_types: parts.files.sessionTypes.map(carriedFile),
    etc: parts.files.etc.map(carriedFile),
    bin: parts.files.bin.map(carriedFile),
  };
  const directories = Object.entries(carried).flatMap(([directory, files]) => (files.length > 0 ? [directory] : []));
  const texts: Readonly<Record<ConfigVolume, readonly VolumeFile[]>> = {
    ssl: [textFile("server.crt", parts.certificate, 0o444), textFile("server.key", parts.certificateKey, 0o400)],
    ticket: [textFile("key", parts.ticketKey, 0o400)],
    users: [
      textFile("passwd", parts.users.passwd, 0o444),
      textFile("group", parts.users.group, 0o444),
      textFile("shadow", parts.users.shadow, 0o400),
    ],
    broker: [textFile("broker.json", brokerJson(parts, scan.entries, directories), 0o444)],
    ...carried,
  };
  return {
    network: { name: frontNetworkName(namespace), labels: labelsOf(parts, "front") },
    volumes: [
      // Empty, and stays with the homes: whose they are has to be known also while nothing is up.
      { name: volumeName(namespace, "owner"), labels: labelsOf(parts, "config") },
      ...configVolumes.map((volume) => ({
        name: volumeName(namespace, volume),
        labels: labelsOf(parts, "config"),
        config: { volume, files: texts[volume] },
      })),
      { name: volumeName(namespace, "identity"), labels: labelsOf(parts, "identity") },
      { name: volumeName(namespace, "socket"), labels: labelsOf(parts, "socket") },
    ],
    files: filesContainer(parts),
    broker: brokerContainer(parts),
    proxy: proxyContainer(parts),
    warnings: [...scan.warnings, ...unsupported(config)],
  };
}

function brokerJson(
  { config, processors }: LocalParts,
  sessionTypes: DockerBrokerConfig["sessionTypes"],
  directories: readonly string[],
): string {
  const broker: DockerBrokerConfig = {
    // By their names: what a new build has made is what the next session gets.
    ...commonBrokerConfiguration(config, sessionTypes, (image) => image, startsOfEach(processors, 1)),
    docker: { socket: socketInside, network: config.local.network, directories, pidsLimit: sessionPidsLimit, identityDirectory },
  };
  return `${JSON.stringify(broker, null, 2)}\n`;
}

function filesContainer(parts: LocalParts): WantedContainer {
  const { namespace, images } = parts.config;
  return wanted(parts, "files", {
    Image: images.proxy,
    Cmd: ["/bin/true"],
    HostConfig: {
      NetworkMode: "none",
      Mounts: configVolumes.map((volume) => volumeMount(volumeName(namespace, volume), filesPlace(volume), false)),
    },
  });
}

function brokerContainer(parts: LocalParts): WantedContainer {
  const { namespace, images } = parts.config;
  return wanted(parts, "broker", {
    Image: images.proxy,
    Cmd: ["/usr/lib/vdi/bin/start_or_get_pod", "--serve"],
    // The engine's socket is root's; whoever has it is root on the machine, as whom it runs inside changes nothing.
    User: "0:0",
    Env: environment({ NAMESPACE: namespace, VDI_CONFIG: "/etc/vdi/broker.json", VDI_BROKER_SOCKET: brokerSocket }),
    HostConfig: {
      ...confined(limits.broker),
      NetworkMode: "none",
      Tmpfs: { "/tmp": "size=64m" },
      Mounts: [
        { Type: "bind", Source: parts.engineSocket, Target: socketInside },
        volumeMount(volumeName(namespace, "broker"), "/etc/vdi", true),
        volumeMount(volumeName(namespace, "socket"), "/run/vdi", false),
        volumeMount(volumeName(namespace, "identity"), identityDirectory, false),
      ],
    },
  });
}

function proxyContainer(parts: LocalParts): WantedContainer {
  const { config, ticketKey } = parts;
  const { namespace, images, local } = config;
  const port = `${proxyPort}/tcp`;
  const sum = checksum(ticketKey);
  return wanted(
    parts,
    "proxy",
    {
      Image: images.proxy,
      Cmd: ["/usr/lib/vdi/bin/start-proxy"],
      Env: environment({
        ...Object.fromEntries(config.own.public),
        ...Object.fromEntries(config.own.secret),
        ...proxyEnvironment(config),
        // Whoever comes by the loopback address comes from the network's gateway: one limit for all would lock everybody out.
        VDI_LIMIT_BY_ADDRESS: local.listen.startsWith("127.") ? "no" : "yes",
      }),
      ExposedPorts: { [port]: {} },
      HostConfig: {
        ...confined(limits.proxy),
        // As on the cluster: root, because it becomes each user for the part of the work that is theirs.
        CapAdd: ["SETUID", "SETGID", "KILL"],
        NetworkMode: frontNetworkName(namespace),
        PortBindings: { [port]: [{ HostIp: local.listen, HostPort: String(local.port) }] },
        Tmpfs: { "/run": "size=64m", "/tmp": "size=1g" },
        Mounts: [
          volumeMount(volumeName(namespace, "ssl"), "/etc/xpra/ssl", true),
          volumeMount(volumeName(namespace, "ticket"), "/etc/xpra/ticket", true),
          volumeMount(volumeName(namespace, "users"), "/var/lib/extrausers", true),
          volumeMount(volumeName(namespace, "socket"), "/run/vdi", true),
        ],
      },
    },
    // It reads them only when it starts.
    [sum(parts.certificate, parts.certificateKey), sum(ticketKey)],
  );
}

/** What proxy and broker have in common. */
function confined(memory: number): Dockerode.HostConfig {
  return {
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    GroupAdd: [socketGroup],
    ReadonlyRootfs: true,
    Memory: memory,
    MemorySwap: memory,
    RestartPolicy: untilStopped,
    LogConfig: logging,
  };
}

function labelsOf({ config, owner }: LocalParts, component: Component): Record<string, string> {
  return { ...deploymentLabelsOf(config.namespace, component), ...owner };
}

function wanted(
  parts: LocalParts,
  component: "files" | "broker" | "proxy",
  options: Dockerode.ContainerCreateOptions,
  readAtStart: readonly string[] = [],
): WantedContainer {
  const { config, imageIds } = parts;
  const name = containerName(config.namespace, component);
  const image = imageIds.get(options.Image ?? "") ?? "";
  const definition = createHash("sha256")
    .update(JSON.stringify([options, image, readAtStart]))
    .digest("hex")
    .slice(0, 24);
  const labels = { ...labelsOf(parts, component), [definitionLabel]: definition };
  return { name, component, definition, options: { name, ...options, Labels: labels } };
}

function volumeMount(source: string, target: string, isReadOnly: boolean): Dockerode.MountSettings {
  // What the image has at that place must not get into the volume.
  return {
    Type: "volume",
    Source: source,
    Target: target,
    ReadOnly: isReadOnly,
    VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: "local", Options: {} } },
  };
}

function environment(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

/** As ConfigMaps give them on a cluster. */
function carriedFile({ path, content }: DirectoryFile): VolumeFile {
  return { path, content, mode: 0o555 };
}

function textFile(path: string, text: string, mode: number): VolumeFile {
  return { path, content: Buffer.from(text, "utf8"), mode };
}
