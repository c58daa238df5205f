import type { V1EnvVar, V1Pod, V1ResourceRequirements, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { sessionKeys, sessionLabels } from "./labels.ts";
import type { SessionRequest } from "./session-request.ts";
import { groupEntries, groupFile, groupsOf, passwdEntry, passwdFile, type SessionUser, sessionHome } from "./session-user.ts";

/** Quantities of Kubernetes (`500m`, `2Gi`); what is left out is not limited or asked for. */
export interface SessionResources {
  readonly cpuRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
  readonly ephemeralLimit?: string;
}

/** Files of one directory below `topdirInt` that come from a ConfigMap. */
export interface ConfigMapFiles {
  readonly name: string;
  /** Which key becomes which file; paths may have directories. */
  readonly items: readonly { readonly key: string; readonly path: string }[];
}

/** What all session pods of a deployment have in common. */
export interface SessionPodSettings {
  /** The sessions' namespace. */
  readonly namespace: string;
  /** Port of Xpra in the pod. */
  readonly port: number;
  /** `XPRA_TOPDIR_INT`. */
  readonly topdirInt: string;
  readonly resources: SessionResources;
  /** Largest screen, `WIDTHxHEIGHT`. */
  readonly screen: string;
  /** Empty: any node. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Name in the zone database, `Europe/Amsterdam`. */
  readonly timeZone: string;
  /** The admin's own variables; they cannot replace one that the session needs. */
  readonly sessionEnv: Readonly<Record<string, string>>;
  readonly imagePullSecrets: readonly string[];
  /** Directories below `topdirInt`: `session_types`, `etc`, `bin`. */
  readonly configMaps: Readonly<Record<string, readonly ConfigMapFiles[]>>;
  /** Shell command before the pod is ended; empty: none. */
  readonly preStop: string;
  /** How long an ending session may take, the command before it included. */
  readonly gracePeriodSeconds: number;
  readonly serviceAccountName: string;
}

/** Name of the container in a session pod. */
export const sessionContainer = "session";
/** The variable that holds the session's password. */
export const secretVariable = "XPRA_PASSWORD";

/** The directory of Xpra's sockets and of the session bus holds no data. */
const runtimeDirLimit = "64Mi";
const sharedMemoryLimit = "256Mi";

/**
 * A session's pod, as Pod Security `restricted` wants it, with a read-only root filesystem. Pure.
 * The user's identity arrives without root: annotations, a downward API volume, mounted over /etc/passwd and /etc/group.
 */
export function sessionPod(settings: SessionPodSettings, request: SessionRequest): V1Pod {
  const { user, name, type, display, image } = request;
  const directories = Object.entries(settings.configMaps).filter(([, files]) => files.length > 0);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: settings.namespace,
      labels: sessionLabels(settings.namespace, type),
      annotations: {
        [sessionKeys.owner]: user.name,
        [sessionKeys.display]: display,
        [sessionKeys.type]: type,
        [sessionKeys.passwd]: passwdFile(user),
        [sessionKeys.group]: groupFile(user),
      },
    },
    spec: {
      restartPolicy: "Never",
      serviceAccountName: settings.serviceAccountName,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: settings.gracePeriodSeconds,
      ...(Object.keys(settings.nodeSelector).length > 0 ? { nodeSelector: { ...settings.nodeSelector } } : {}),
      ...(settings.imagePullSecrets.length > 0 ? { imagePullSecrets: settings.imagePullSecrets.map((secret) => ({ name: secret })) } : {}),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user.uid,
        runAsGroup: user.gid,
        supplementalGroups: groupsOf(user)
          .map(({ gid }) => gid)
          .filter((gid) => gid !== user.gid),
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: sessionContainer,
          image,
          // A digest cannot change; for a tag the cluster's own rule holds.
          ...(image.includes("@sha256:") ? { imagePullPolicy: "IfNotPresent" } : {}),
          command: ["/usr/lib/vdi/bin/session-entry"],
          env: environment(settings, request),
          ports: [{ name: "xpra", containerPort: settings.port, protocol: "TCP" }],
          resources: resourcesOf(settings.resources),
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            readOnlyRootFilesystem: true,
          },
          ...(settings.preStop === "" ? {} : { lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", settings.preStop] } } } }),
          volumeMounts: [
            ...scratchMounts(user),
            { name: "identity", mountPath: "/etc/passwd", subPath: "passwd", readOnly: true },
            { name: "identity", mountPath: "/etc/group", subPath: "group", readOnly: true },
            ...directories.map(([directory]) => ({
              name: directoryVolume(directory),
              mountPath: `${settings.topdirInt}/${directory}`,
              readOnly: true,
            })),
          ],
        },
      ],
      volumes: [
        ...scratchVolumes(settings.resources.ephemeralLimit),
        {
          name: "identity",
          downwardAPI: {
            defaultMode: 0o444,
            items: [annotationFile("passwd", sessionKeys.passwd), annotationFile("group", sessionKeys.group)],
          },
        },
        ...directories.map(([directory, files]) => configMapVolume(directory, files)),
      ],
    },
  };
}

function environment(settings: SessionPodSettings, request: SessionRequest): V1EnvVar[] {
  const { user } = request;
  const { home } = sessionHome(user);
  const own: Record<string, string> = {
    SRC_PORT: String(settings.port),
    PORT: String(settings.port),
    U_UID: String(user.uid),
    U_GID: String(user.gid),
    U_HOME: home,
    USER: user.name,
    LOGNAME: user.name,
    HOME: home,
    DNAME: request.name,
    NAMESPACE: settings.namespace,
    XPRA_POD_DISPLAY: request.display,
    XPRA_SESSION: request.type,
    XPRA_TOPDIR_INT: settings.topdirInt,
    // No session has a shared home yet.
    XPRA_MHD: "NHD",
    XPRA_MODE: "session",
    TZ: settings.timeZone,
    PASSWD_ENTRY: passwdEntry(user),
    GROUP_ENTRIES: groupEntries(user).join("\n"),
    PRESTOP_CMD: settings.preStop,
    XPRA_SCREEN: settings.screen,
    VDI_SESSION_SCRIPT: `${settings.topdirInt}/session_types/${request.script}`,
    [secretVariable]: request.secret,
  };
  const admin = Object.entries(settings.sessionEnv).filter(([name]) => !(name in own) && name !== "IP_ADDRESS");
  return [
    ...[...admin, ...Object.entries(own)].map(([name, value]) => ({ name, value: literal(value) })),
    { name: "IP_ADDRESS", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
  ];
}

/** Kubernetes replaces `$(NAME)` in a variable's value, and `$$` by `$`: no text of a user or an admin shall do that. */
function literal(value: string): string {
  return value.replaceAll("$", "$$$$");
}

function resourcesOf(resources: SessionResources): V1ResourceRequirements {
  const requests = given({ cpu: resources.cpuRequest, memory: resources.memoryRequest });
  const limits = given({ cpu: resources.cpuLimit, memory: resources.memoryLimit, "ephemeral-storage": resources.ephemeralLimit });
  return {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}

function given(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""));
}

/** Volumes go on the parents, so that the session itself makes the directories inside, with mode 0700. */
function scratchMounts(user: SessionUser): V1VolumeMount[] {
  return [
    { name: "tmp", mountPath: "/tmp" },
    { name: "run-user", mountPath: "/run/user" },
    { name: "home", mountPath: sessionHome(user).parent },
    { name: "shm", mountPath: "/dev/shm" },
  ];
}

function scratchVolumes(limit: string | undefined): V1Volume[] {
  const disk = limit === undefined || limit === "" ? {} : { sizeLimit: limit };
  return [
    { name: "tmp", emptyDir: disk },
    { name: "run-user", emptyDir: { sizeLimit: runtimeDirLimit } },
    { name: "home", emptyDir: disk },
    { name: "shm", emptyDir: { medium: "Memory", sizeLimit: sharedMemoryLimit } },
  ];
}

function annotationFile(path: string, key: string): { path: string; fieldRef: { fieldPath: string } } {
  return { path, fieldRef: { fieldPath: `metadata.annotations['${key}']` } };
}

function directoryVolume(directory: string): string {
  return `dir-${directory.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
}

function configMapVolume(directory: string, files: readonly ConfigMapFiles[]): V1Volume {
  return {
    name: directoryVolume(directory),
    projected: {
      defaultMode: 0o555,
      sources: files.map(({ name, items }) => ({ configMap: { name, items: items.map(({ key, path }) => ({ key, path })) } })),
    },
  };
}
