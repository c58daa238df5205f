import type { SessionRequest } from "../session/session-request.ts";
import { type SessionSettings, scratchMebibytes, sessionEntry, sessionEnvironment } from "../session/session-settings.ts";
import { groupsOf, sessionHome } from "../session/session-user.ts";
import { amountOf } from "../util/quantity.ts";
import { deploymentLabelsOf, directoryVolumeName, dockerLabels, homeVolumeName, sessionObject } from "./docker-names.ts";
import type { DockerSettings } from "./docker-settings.ts";

/** All that a session's container is made from beside its request. */
export interface DockerSessionSettings extends SessionSettings {
  readonly docker: DockerSettings;
}

/** The body of a request to the engine that makes a container: what of it is used here. */
export interface ContainerBody {
  readonly Image: string;
  readonly Hostname: string;
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly Env: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly StopSignal: string;
  readonly StopTimeout: number;
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** One file of a session that the broker has written, as the engine finds it. */
interface Mount {
  readonly Type: "bind" | "volume";
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly VolumeOptions?: { readonly NoCopy?: boolean; readonly Labels?: Readonly<Record<string, string>> };
}

const mebibyte = 2 ** 20;
/** A session's log is looked at when something is wrong; without a limit a talkative program would fill the disk. */
const logConfig = { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } };
const cpuPeriodMicroseconds = 100_000;

/**
 * The container of a session, as near to a pod under Pod Security `restricted` as an engine comes. Pure.
 *
 * @param parts the name of its network and its files
 * @param identities the directory on the engine's machine that holds all sessions' passwd and group files
 */
export function sessionContainerBody(
  settings: DockerSessionSettings,
  request: SessionRequest,
  parts: string,
  identities: string,
): ContainerBody {
  const { namespace, docker, port } = settings;
  const { user, name, type, display } = request;
  return {
    Image: request.image,
    Hostname: name,
    User: `${user.uid}:${user.gid}`,
    Entrypoint: [sessionEntry],
    Cmd: [],
    Env: Object.entries(sessionEnvironment(settings, request)).map(([variable, value]) => `${variable}=${value}`),
    Labels: {
      ...deploymentLabelsOf(namespace, "session"),
      [dockerLabels.session]: name,
      [dockerLabels.parts]: parts,
      [dockerLabels.owner]: user.name,
      [dockerLabels.uid]: String(user.uid),
      [dockerLabels.type]: type,
      [dockerLabels.display]: display,
    },
    ExposedPorts: { [`${port}/tcp`]: {} },
    StopSignal: "SIGTERM",
    StopTimeout: settings.gracePeriodSeconds,
    HostConfig: {
      // A network of its own; it is there before the start.
      NetworkMode: sessionObject(namespace, parts),
      GroupAdd: groupsOf(user)
        .map(({ gid }) => gid)
        .filter((gid) => gid !== user.gid)
        .map(String),
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Privileged: false,
      IpcMode: "private",
      PidsLimit: docker.pidsLimit,
      ShmSize: scratchMebibytes.sharedMemory * mebibyte,
      ...limitsOf(settings.resources),
      Tmpfs: { "/run/user": `rw,exec,nosuid,nodev,mode=1777,size=${scratchMebibytes.runtimeDirectory}m` },
      RestartPolicy: { Name: "no" },
      LogConfig: logConfig,
      Mounts: mountsOf(settings, request, `${identities}/${parts}`),
    },
  };
}

/** Where the home volume of a user lies in a session: on the parent, so that the session itself makes the home in it. */
export function homeMount(request: SessionRequest): string {
  return sessionHome(request.user).parent;
}

function limitsOf(resources: SessionSettings["resources"]): Record<string, number> {
  const memory = amountOf(resources.memoryLimit ?? "");
  const cpu = amountOf(resources.cpuLimit ?? "");
  return {
    // As much swap as memory would be twice the limit.
    ...(memory > 0 ? { Memory: Math.round(memory), MemorySwap: Math.round(memory) } : {}),
    // A quota may be more than the machine has; a number of processors may not.
    ...(cpu > 0 ? { CpuPeriod: cpuPeriodMicroseconds, CpuQuota: Math.max(1_000, Math.round(cpu * cpuPeriodMicroseconds)) } : {}),
  };
}

function mountsOf({ namespace, topdirInt, docker }: DockerSessionSettings, request: SessionRequest, identity: string): readonly Mount[] {
  const { user } = request;
  const home = deploymentLabelsOf(namespace, "home");
  return [
    // On disk, and removed with the container.
    { Type: "volume", Target: "/tmp" },
    {
      Type: "volume",
      Source: homeVolumeName(namespace, user.name),
      Target: homeMount(request),
      VolumeOptions: { NoCopy: true, Labels: { ...home, [dockerLabels.owner]: user.name } },
    },
    { Type: "bind", Source: `${identity}/passwd`, Target: "/etc/passwd", ReadOnly: true },
    { Type: "bind", Source: `${identity}/group`, Target: "/etc/group", ReadOnly: true },
    ...docker.directories.map(
      (directory): Mount => ({
        Type: "volume",
        Source: directoryVolumeName(namespace, directory),
        Target: `${topdirInt}/${directory}`,
        ReadOnly: true,
        VolumeOptions: { NoCopy: true },
      }),
    ),
  ];
}
