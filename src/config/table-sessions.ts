import * as types from "./value-types.ts";
import { directoryReference, of, type Variable } from "./variable.ts";

const resource = { section: "session", type: types.quantity, usedBy: ["session"], main: true } as const;

/** The variables of sessions, images and directories. */
export const sessionVariables: readonly Variable[] = [
  {
    name: "PORT",
    section: "session",
    type: types.integer(1024, 65_535),
    default: "14500",
    usedBy: ["session"],
    meaning: "Port of a session's Xpra.",
  },
  {
    name: "XPRA_SESSION_PROFILE",
    section: "session",
    type: types.choice("restricted", "baseline"),
    default: "restricted",
    usedBy: ["deploy", "session"],
    meaning:
      "Pod Security level of the sessions' namespace. Sessions themselves are always made as *restricted* asks; `baseline` lets other pods of that namespace have more.",
  },
  { ...resource, name: "XPRA_SESSION_CPU_REQUEST", default: "25m", meaning: "Processor that is kept free for a session." },
  { ...resource, name: "XPRA_SESSION_CPU_LIMIT", default: "2", meaning: "Most processor that a session may use; empty: no limit." },
  { ...resource, name: "XPRA_SESSION_MEMORY_REQUEST", default: "128Mi", meaning: "Memory that is kept free for a session." },
  { ...resource, name: "XPRA_SESSION_MEMORY_LIMIT", default: "2Gi", meaning: "Most memory that a session may use; empty: no limit." },
  {
    ...resource,
    name: "XPRA_SESSION_EPHEMERAL_LIMIT",
    default: "2Gi",
    meaning: "Most disk that a session may use on its node (home, `/tmp`); empty: no limit.",
  },
  {
    name: "XPRA_SCREEN",
    section: "session",
    type: types.screen,
    default: "3840x2160",
    main: true,
    usedBy: ["session"],
    meaning:
      "Largest screen of a session, in pixels. It is kept in memory, four bytes for each: with a terminal on it a session takes 108 MB at " +
      "1920x1080, 132 MB at 3840x2160 and 229 MB at 8192x4096 (doc/performance.md).",
  },
  {
    name: "XPRA_KEEP_ENDED",
    section: "session",
    type: types.duration,
    default: "10m",
    usedBy: ["session"],
    meaning: "How long the pod of an ended session stays to be looked at; any broker removes it then.",
  },
  {
    name: "XPRA_KEEP_FAILED",
    section: "session",
    type: types.duration,
    default: "24h",
    usedBy: ["session"],
    meaning:
      "How long the pod of a session stays that ended against its user's will (memory, disk, an error, its node): so long the next sign-in tells the user why.",
  },
  {
    name: "XPRA_KEEP_PENDING",
    section: "session",
    type: types.duration,
    default: "10m",
    usedBy: ["session"],
    meaning:
      "How long a session that finds no room, or whose image or volume is not there, goes on trying to start when nobody waits for it; then its pod is removed. Where its user waited through another proxy, or a broker was started anew, that may come ten minutes later.",
  },
  {
    name: "XPRA_STARTS_AT_ONCE",
    section: "session",
    type: types.integer(1, 1_000, true),
    default: "",
    usedBy: ["session"],
    meaning:
      "How many sessions each proxy starts at a time; the others wait and are told their place. A start is one to two seconds of work for one processor. Empty: all proxies together start as many as the nodes for sessions have processors, as they are at `vdi deploy`, each at least one and at most 64; four each where `vdi deploy` may not read the nodes.",
  },
  {
    name: "XPRA_MIN_UID",
    section: "session",
    type: types.integer(1, 2_147_483_647),
    default: "1000",
    usedBy: ["session"],
    meaning: "No session runs with a uid below it.",
  },
  {
    name: "PRESTOP_CMD",
    section: "session",
    type: types.text,
    default: "xpra stop",
    usedBy: ["session"],
    meaning: "What a session pod runs before it is stopped.",
  },
  {
    name: "IMAGE_DEFAULT",
    section: "images",
    type: types.image,
    default: `${of("XPRA_REGISTRY_SRV")}/vdi-xfce4`,
    main: true,
    usedBy: ["deploy", "session"],
    meaning: "Image of a session type that has no variable of its own.",
  },
  {
    name: "IMAGE_XPRA_PROXY",
    section: "images",
    type: types.image,
    default: `${of("XPRA_REGISTRY_SRV")}/vdi-proxy`,
    usedBy: ["deploy"],
    meaning: "Image of the proxies.",
  },
  {
    name: "XPRA_TOPDIR_INT",
    section: "files",
    type: types.plainPath,
    default: "/srv",
    usedBy: ["proxy", "session"],
    meaning: "Mount point of `to_container` inside the pods.",
  },
  {
    name: "XPRA_TOPDIR_EXT",
    section: "files",
    type: types.path(),
    default: `${of(directoryReference)}/to_container`,
    usedBy: ["deploy"],
    later: true,
    meaning:
      "The same directory on shared storage, for a later version; in this one it is always `to_container` of the deployment directory.",
  },
  {
    name: "XPRA_STORAGE",
    section: "files",
    type: types.storage,
    default: "auto",
    usedBy: ["deploy"],
    later: true,
    meaning:
      "Where the pods get shared directories from: `nfs:SERVER:/PATH`, `claim:NAME`, `hostpath` or `configmap`. `auto`: NFS when `XPRA_TOPDIR_EXT` lies on one, else `configmap`.",
  },
  {
    name: "XPRA_VAR_LOG_INT",
    section: "files",
    type: types.path(true),
    default: "/var/log",
    usedBy: ["session"],
    later: true,
    meaning: "Where a pod has its logs; empty: they are not kept.",
  },
  {
    name: "XPRA_VAR_LOG_EXT",
    section: "files",
    type: types.path(true),
    default: `${of("XPRA_TOPDIR_EXT")}/log`,
    usedBy: ["session"],
    later: true,
    meaning: "Where the logs are kept on the shared storage.",
  },
  {
    name: "XPRA_SCRATCH_EXT",
    section: "files",
    type: types.path(true),
    default: `${of("XPRA_TOPDIR_EXT")}/scratch/tmp`,
    usedBy: ["session"],
    later: true,
    meaning: "Shared scratch directory, mounted on `tmp` below `XPRA_TOPDIR_INT`; empty: none.",
  },
  {
    name: "VOLUME_HOMEDIRS_EXT",
    section: "files",
    type: types.path(true),
    default: "/home",
    usedBy: ["session"],
    later: true,
    meaning:
      "Shared home directories on the storage; mounted for `mhd-` sessions only. Empty: never. `vdi check` looks there for homes of other people that have the uid of one of the users.",
  },
  {
    name: "VOLUME_HOMEDIRS_INT",
    section: "files",
    type: types.path(true),
    default: "/home",
    usedBy: ["session"],
    later: true,
    meaning: "Where a pod has them. Empty: never.",
  },
  {
    name: "XPRA_STATUS_DIR",
    section: "files",
    type: types.path(true),
    default: `${of("XPRA_TOPDIR_INT")}/xpra-status`,
    usedBy: ["session"],
    later: true,
    meaning:
      "Shared directory for the status files of session scripts. Until a version mounts one, each session has its own, `$XDG_RUNTIME_DIR/status`.",
  },
  {
    name: "XPRA_SOCKET_DIR",
    section: "files",
    type: types.path(true),
    default: `${of("XPRA_TOPDIR_INT")}/xpra-socket`,
    usedBy: ["session"],
    later: true,
    meaning:
      "Shared directory for the sockets of session scripts. Until a version mounts one, each session has its own, `$XDG_RUNTIME_DIR/socket`.",
  },
];
