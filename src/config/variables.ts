import * as types from "./value-types.ts";
import type { ValueType } from "./value-types.ts";

/** The chapters of the documentation and of a fresh `vdi.env`, in their order. */
export const sections = {
  site: "The site",
  proxy: "The proxies",
  session: "Sessions",
  images: "Images",
  files: "Files and directories",
  users: "Users and signing in",
  old: "Known from older scripts",
} as const;

/** One variable of the configuration. */
export interface Variable {
  readonly name: string;
  readonly section: keyof typeof sections;
  readonly type: ValueType;
  /** The value when nobody gives one; `${NAME}` stands for another variable's value. `CHANGEME`: the admin has to decide. */
  readonly default: string;
  /** Sentences for the admin. */
  readonly meaning: string;
  /** Never in a file of the pods, never shown. */
  readonly secret?: boolean;
  /** The parts that use it, in the admin's words: `deploy`, `build-images`, `proxy`, `session`, `page`. */
  readonly usedBy: readonly string[];
  /** Belongs into a fresh `vdi.env` (as a comment, or as CHANGEME). */
  readonly main?: boolean;
  /** Read and checked, but nothing of this version uses it. */
  readonly later?: boolean;
  /** Why the variable of an old script does nothing any more. */
  readonly dropped?: string;
}

/** The value that an admin has to replace. */
export const changeMe = "CHANGEME";

/** What `${...}` may name besides variables: the deployment directory's path, and its last part. */
export const directoryReference = "VDI_DIRECTORY";
export const directoryNameReference = "VDI_DIRECTORY_NAME";

function old(name: string, dropped: string, type: ValueType = types.text): Variable {
  return { name, section: "old", type, default: "", meaning: "", usedBy: [], dropped };
}

const resource = { section: "session", type: types.quantity, usedBy: ["session"], main: true } as const;

/** Every variable that `vdi` knows, in the order of the documentation. */
export const variables: readonly Variable[] = [
  {
    name: "NAMESPACE", section: "site", type: types.label(54), default: `\${${directoryNameReference}}`, main: true, usedBy: ["deploy", "session"],
    meaning: "Namespace of the session pods; the proxies go to `ingress-` and this name. Without a value: the name of the deployment directory.",
  },
  {
    name: "XPRA_REGISTRY_SRV", section: "site", type: types.registry, default: changeMe, main: true, usedBy: ["build-images", "deploy"],
    meaning: "`host:port` of the image registry, as the nodes and this machine reach it.",
  },
  {
    name: "EXTERNALIPS", section: "site", type: types.addresses, default: changeMe, main: true, usedBy: ["deploy"],
    meaning: "Addresses on which the proxies answer, separated by spaces. May be empty when `XPRA_SERVICE_TYPE` is `LoadBalancer` or `NodePort`.",
  },
  {
    name: "DOMNAME", section: "site", type: types.domain(), default: changeMe, main: true, usedBy: ["deploy", "session"],
    meaning: "DNS domain of the site; the certificate that `vdi` makes is for names in it.",
  },
  {
    name: "XPRA_WORKERS", section: "site", type: types.nodes, default: changeMe, main: true, usedBy: ["deploy", "session"],
    meaning: "Names of the nodes that may run sessions, separated by spaces; empty or `all`: any node.",
  },
  {
    name: "XPRA_LOCAL_TIME", section: "site", type: types.timeZone, default: "/usr/share/zoneinfo/Europe/Amsterdam", main: true, usedBy: ["proxy", "session"],
    meaning: "Time zone file; the pods get the zone's name in `TZ`.",
  },
  {
    name: "XPRA_DEPLOYNAME", section: "proxy", type: types.label(48), default: "xpra-proxy", usedBy: ["deploy"],
    meaning: "Name of the proxies' Deployment and Service, and the beginning of the names of their Secrets.",
  },
  {
    name: "REPLICAS", section: "proxy", type: types.integer(0, 1000), default: "1", main: true, usedBy: ["deploy"],
    meaning: "Number of proxies.",
  },
  {
    name: "XPRA_SERVICE_TYPE", section: "proxy", type: types.choice("ClusterIP", "NodePort", "LoadBalancer"), default: "ClusterIP", usedBy: ["deploy"],
    meaning: "Kind of the proxies' Service; `ClusterIP` answers on `EXTERNALIPS`.",
  },
  {
    name: "XPRA_TRAFFIC_POLICY", section: "proxy", type: types.choice("Local", "Cluster"), default: "Local", usedBy: ["deploy"],
    meaning: "`Local` keeps the clients' addresses, which a limit by address needs; only nodes with a proxy answer then.",
  },
  {
    name: "SSL", section: "proxy", type: types.choice("on", "off"), default: "on", usedBy: ["deploy", "proxy"],
    meaning: "TLS of the proxies. Clients refuse to send a password without it.",
  },
  {
    name: "SSL_CERT", section: "proxy", type: types.path(), default: "/etc/xpra/ssl/server.crt", usedBy: ["proxy"],
    meaning: "The certificate as a proxy sees it; its source is `ssl/server.crt`.",
  },
  {
    name: "SSL_KEY", section: "proxy", type: types.path(), default: "/etc/xpra/ssl/server.key", usedBy: ["proxy"],
    meaning: "The certificate's key as a proxy sees it; its source is `ssl/server.key`.",
  },
  {
    name: "XPRA_MAX_CONCURRENT_CONNECTIONS", section: "proxy", type: types.integer(1, 1_000_000), default: "1024", usedBy: ["proxy"],
    meaning: "Connections that one proxy takes.",
  },
  {
    name: "XPRA_MAX_CLIENTS", section: "proxy", type: types.integer(1, 1_000_000, true), default: "", usedBy: ["proxy"], later: true,
    meaning: "Attached clients that one proxy takes before it refuses in words. Without a value: from the proxy's memory limit.",
  },
  {
    name: "XPRA_SOCKET_TIMEOUT", section: "proxy", type: types.integer(1, 86_400), default: "180", usedBy: ["proxy"],
    meaning: "Seconds after which a proxy gives up a connection that neither reads nor writes.",
  },
  {
    name: "XPRA_PING_TIMEOUT", section: "proxy", type: types.integer(1, 86_400), default: "120", usedBy: ["proxy"], later: true,
    meaning: "Seconds without an answer to a ping after which a client counts as gone.",
  },
  {
    name: "XPRA_HOOK", section: "proxy", type: types.path(true), default: "", usedBy: ["proxy"], later: true,
    meaning: "A site's own program that finds or starts the session, instead of the broker.",
  },
  {
    name: "XPRA_HTML5", section: "proxy", type: types.choice("own", "vendor", "both"), default: "own", usedBy: ["page"], later: true,
    meaning: "Which page users get: that of `vdi`, that of Xpra, or both.",
  },
  {
    name: "PORT", section: "session", type: types.integer(1024, 65_535), default: "14500", usedBy: ["session"],
    meaning: "Port of a session's Xpra.",
  },
  {
    name: "XPRA_SESSION_PROFILE", section: "session", type: types.choice("restricted", "baseline"), default: "restricted", usedBy: ["deploy", "session"],
    meaning: "Pod Security level of the sessions. `baseline` is for sites that need start scripts that run as root.",
  },
  { ...resource, name: "XPRA_SESSION_CPU_REQUEST", default: "25m", meaning: "Processor that is kept free for a session." },
  { ...resource, name: "XPRA_SESSION_CPU_LIMIT", default: "2", meaning: "Most processor that a session may use; empty: no limit." },
  { ...resource, name: "XPRA_SESSION_MEMORY_REQUEST", default: "128Mi", meaning: "Memory that is kept free for a session." },
  { ...resource, name: "XPRA_SESSION_MEMORY_LIMIT", default: "2Gi", meaning: "Most memory that a session may use; empty: no limit." },
  { ...resource, name: "XPRA_SESSION_EPHEMERAL_LIMIT", default: "2Gi", meaning: "Most disk that a session may use on its node (home, `/tmp`); empty: no limit." },
  {
    name: "XPRA_SCREEN", section: "session", type: types.screen, default: "3840x2160", main: true, usedBy: ["session"],
    meaning: "Largest screen of a session, in pixels.",
  },
  {
    name: "XPRA_KEEP_ENDED", section: "session", type: types.duration, default: "10m", usedBy: ["session"],
    meaning: "How long the pod of an ended session stays to be looked at; any broker removes it then.",
  },
  {
    name: "XPRA_MIN_UID", section: "session", type: types.integer(1, 2_147_483_647), default: "1000", usedBy: ["session"],
    meaning: "No session runs with a uid below it.",
  },
  {
    name: "PRESTOP_CMD", section: "session", type: types.text, default: "xpra stop", usedBy: ["session"],
    meaning: "What a session pod runs before it is stopped.",
  },
  {
    name: "IMAGE_DEFAULT", section: "images", type: types.image, default: "${XPRA_REGISTRY_SRV}/vdi-xfce4", main: true, usedBy: ["deploy", "session"],
    meaning: "Image of a session type that has no variable of its own.",
  },
  {
    name: "IMAGE_XPRA_PROXY", section: "images", type: types.image, default: "${XPRA_REGISTRY_SRV}/vdi-proxy", usedBy: ["deploy"],
    meaning: "Image of the proxies.",
  },
  {
    name: "XPRA_TOPDIR_INT", section: "files", type: types.path(), default: "/srv", usedBy: ["proxy", "session"],
    meaning: "Mount point of `to_container` inside the pods.",
  },
  {
    name: "XPRA_TOPDIR_EXT", section: "files", type: types.path(), default: `\${${directoryReference}}/to_container`, usedBy: ["deploy"],
    meaning: "The same directory on this machine or on the shared storage.",
  },
  {
    name: "XPRA_STORAGE", section: "files", type: types.storage, default: "auto", usedBy: ["deploy"],
    meaning: "Where the pods get shared directories from: `nfs:SERVER:/PATH`, `claim:NAME`, `hostpath` or `configmap`. `auto`: NFS when `XPRA_TOPDIR_EXT` lies on one, else `configmap`.",
  },
  {
    name: "XPRA_VAR_LOG_INT", section: "files", type: types.path(true), default: "/var/log", usedBy: ["session"], later: true,
    meaning: "Where a pod has its logs; empty: they are not kept.",
  },
  {
    name: "XPRA_VAR_LOG_EXT", section: "files", type: types.path(true), default: "${XPRA_TOPDIR_EXT}/log", usedBy: ["session"], later: true,
    meaning: "Where the logs are kept on the shared storage.",
  },
  {
    name: "XPRA_SCRATCH_EXT", section: "files", type: types.path(true), default: "${XPRA_TOPDIR_EXT}/scratch/tmp", usedBy: ["session"], later: true,
    meaning: "Shared scratch directory, mounted on `${XPRA_TOPDIR_INT}/tmp`; empty: none.",
  },
  {
    name: "VOLUME_HOMEDIRS_EXT", section: "files", type: types.path(true), default: "/home", usedBy: ["session"], later: true,
    meaning: "Shared home directories on the storage; mounted for `mhd-` sessions only. Empty: never.",
  },
  {
    name: "VOLUME_HOMEDIRS_INT", section: "files", type: types.path(true), default: "/home", usedBy: ["session"], later: true,
    meaning: "Where a pod has them. Empty: never.",
  },
  {
    name: "XPRA_STATUS_DIR", section: "files", type: types.path(true), default: "${XPRA_TOPDIR_INT}/xpra-status", usedBy: ["session"],
    meaning: "Directory for the status files of session scripts.",
  },
  {
    name: "XPRA_SOCKET_DIR", section: "files", type: types.path(true), default: "${XPRA_TOPDIR_INT}/xpra-socket", usedBy: ["session"],
    meaning: "Directory for the sockets of session scripts.",
  },
  {
    name: "XPRA_DEMO_USERS", section: "users", type: types.yes, default: "Y", usedBy: ["deploy", "proxy"],
    meaning: "`Y`: the proxies know the users that `vdi users` makes.",
  },
  {
    name: "XPRA_VALIDATE_USER", section: "users", type: types.yes, default: "Y", usedBy: ["proxy"],
    meaning: "`N` lets anybody in, without a password; `XPRA_OPEN_DOOR` must then say the same in words.",
  },
  {
    name: "XPRA_OPEN_DOOR", section: "users", type: types.choice("", "anybody may enter"), default: "", usedBy: ["proxy"],
    meaning: "Must be `anybody may enter` where `XPRA_VALIDATE_USER` is `N`, so that nobody opens the door by a slip of the hand.",
  },
  {
    name: "XPRA_AUTH_METHOD", section: "users", type: types.authMethods, default: "pam:service=xpra", usedBy: ["proxy"],
    meaning: "Xpra's authentication modules, separated by commas.",
  },
  {
    name: "XPRA_USER_MHD", section: "users", type: types.yes, default: "Y", usedBy: ["session"], later: true,
    meaning: "Anything but `Y`: no session gets a shared home.",
  },
  {
    name: "IDM_DOMAIN", section: "users", type: types.domain(true), default: "${DOMNAME}", usedBy: ["session"], later: true,
    meaning: "Domain of the FreeIPA or IDM server; empty: local users only.",
  },
  {
    name: "IDM_ADMIN_USER", section: "users", type: types.base64, default: "", secret: true, usedBy: ["proxy"], later: true,
    meaning: "Account that looks up users, in base64.",
  },
  {
    name: "IDM_ADMIN_PASSWORD", section: "users", type: types.base64, default: "", secret: true, usedBy: ["proxy"], later: true,
    meaning: "Its password, in base64. Better given by the environment than written into the file.",
  },
  {
    name: "SESSION_USING_IDM", section: "users", type: types.yes, default: "N", usedBy: ["session"], later: true,
    meaning: "`Y`: session pods ask the IDM themselves; else they get the user's entries from the proxy.",
  },
  {
    name: "SESSION_USERS_OATH", section: "users", type: types.text, default: "", usedBy: ["session"], later: true,
    meaning: "File that lists the users whom `ask-otp` asks for a code.",
  },
  {
    name: "OATH_USERS_FILE", section: "users", type: types.text, default: "", usedBy: ["proxy"], later: true,
    meaning: "File with the keys of one-time passwords.",
  },
  old("SRC_PORTS", "a session listens on `PORT` only"),
  old("PROXY_DEBUG", "`vdi debug start` opens the debug service when it is wanted"),
  old("LIVENESS_PROBE_CMD", "the probes belong to the images"),
  old("PRE_STOP_CMD", "the proxies end their connections by themselves; `PRESTOP_CMD` is that of the sessions"),
  old("KUBE_CONFIG", "no pod gets an admin's kubeconfig any more; `--kubeconfig` chooses the one that `vdi` itself uses"),
  old("XPRA_STARTUP_PROXY", "the proxy's start belongs to its image"),
  old("XPRA_SERVER_CRT", "the certificate is always `ssl/server.crt`"),
  old("XPRA_SERVER_KEY", "the key is always `ssl/server.key`"),
  old("SECRET_NAME_CRT", "the names of Secrets follow from `XPRA_DEPLOYNAME`"),
  old("SECRET_NAME_KEY", "the names of Secrets follow from `XPRA_DEPLOYNAME`"),
  old("SECRET_NAME_KUBE", "no pod gets an admin's kubeconfig any more"),
  old("XPRA_DEST_DIR", "nothing is copied inside the pods any more"),
];

/** The variables by name. */
export const variableByName: ReadonlyMap<string, Variable> = new Map(variables.map((variable) => [variable.name, variable]));

/** True for `IMAGE_<SESSION>`, the variable of one session type's image. */
export function isImageName(name: string): boolean {
  return /^IMAGE_[A-Z0-9_]+$/.test(name) && !variableByName.has(name);
}

/** True for an admin's own variable. */
export function isOwnName(name: string): boolean {
  return /^XPRA_[A-Za-z0-9_]+$/.test(name) && !variableByName.has(name);
}

/**
 * True for a variable whose value no file, no session and no screen may show. The rule for names is deliberately blunt:
 * a keyboard layout that is kept secret does less harm than a key that is not.
 */
export function isSecretName(name: string): boolean {
  return /PASSWORD|SECRET|TOKEN|KEY/i.test(name) || name.startsWith("IDM_ADMIN_") || variableByName.get(name)?.secret === true;
}
