import type { V1EnvVar, V1Pod, V1ResourceRequirements, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import type { SessionRequest } from "../session/session-request.ts";
import {
  addressVariable,
  type SessionResources,
  type SessionSettings,
  scratchMebibytes,
  sessionEntry,
  sessionEnvironment,
} from "../session/session-settings.ts";
import { groupFile, groupsOf, passwdFile, type SessionUser, sessionHome } from "../session/session-user.ts";
import { sessionKeys, sessionLabels } from "./labels.ts";

/** Files of one directory below `topdirInt` that come from a ConfigMap. */
export interface ConfigMapFiles {
  readonly name: string;
  /** Which key becomes which file; paths may have directories. */
  readonly items: readonly { readonly key: string; readonly path: string }[];
}

/** What the session pods of a deployment have in common beside what sessions have everywhere. */
export interface KubernetesSettings {
  /** Empty: any node. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly imagePullSecrets: readonly string[];
  /** Directories below `topdirInt`: `session_types`, `etc`, `bin`. */
  readonly configMaps: Readonly<Record<string, readonly ConfigMapFiles[]>>;
  readonly serviceAccountName: string;
}

/** All that a session pod is made from beside its request; `namespace` is that of the pods. */
export interface SessionPodSettings extends SessionSettings {
  readonly kubernetes: KubernetesSettings;
}

/** Name of the container in a session pod. */
export const sessionContainer = "session";
/** Where the volumes go that have the same place in every session. */
export const scratchPlaces = { tmp: "/tmp", "run-user": "/run/user", shm: "/dev/shm" } as const;

/**
 * A session's pod, as Pod Security `restricted` wants it, with a read-only root filesystem. Pure.
 * The user's identity arrives without root: annotations, a downward API volume, mounted over /etc/passwd and /etc/group.
 */
export function sessionPod(settings: SessionPodSettings, request: SessionRequest): V1Pod {
  const { user, name, type, display, image } = request;
  const { nodeSelector, imagePullSecrets, serviceAccountName, configMaps } = settings.kubernetes;
  const directories = Object.entries(configMaps).filter(([, files]) => files.length > 0);
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
      serviceAccountName,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: settings.gracePeriodSeconds,
      ...(Object.keys(nodeSelector).length > 0 ? { nodeSelector: { ...nodeSelector } } : {}),
      ...(imagePullSecrets.length > 0 ? { imagePullSecrets: imagePullSecrets.map((secret) => ({ name: secret })) } : {}),
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
          command: [sessionEntry],
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
  return [
    ...Object.entries(sessionEnvironment(settings, request)).map(([name, value]) => ({ name, value: literal(value) })),
    { name: addressVariable, valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
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
  return Object.entries({ ...scratchPlaces, home: sessionHome(user).parent }).map(([name, mountPath]) => ({ name, mountPath }));
}

function scratchVolumes(limit: string | undefined): V1Volume[] {
  const disk = limit === undefined || limit === "" ? {} : { sizeLimit: limit };
  return [
    { name: "tmp", emptyDir: disk },
    { name: "run-user", emptyDir: { sizeLimit: `${scratchMebibytes.runtimeDirectory}Mi` } },
    { name: "home", emptyDir: disk },
    { name: "shm", emptyDir: { medium: "Memory", sizeLimit: `${scratchMebibytes.sharedMemory}Mi` } },
  ];
}

function annotationFile(path: string, key: string): { path: string; fieldRef: { fieldPath: string } } {
  return { path, fieldRef: { fieldPath: `metadata.annotations['${key}']` } };
}

/** The volume of a directory below `topdirInt`. */
export function directoryVolume(directory: string): string {
  return `dir-${directory.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
}

function configMapVolume(directory: string, files: readonly ConfigMapFiles[]): V1Volume {
  return {
    name: directoryVolume(directory),
    projected: {
      defaultMode: 0o555,
      // Optional: of a pod that was made just before a deploy took one file away no container would ever start.
      sources: files.map(({ name, items }) => ({
        configMap: { name, optional: true, items: items.map(({ key, path }) => ({ key, path })) },
      })),
    },
  };
}
