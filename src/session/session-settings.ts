import type { SessionRequest } from "./session-request.ts";
import { groupEntries, passwdEntry, sessionHome } from "./session-user.ts";

/** Quantities as `500m` and `2Gi`; what is left out is not limited or asked for. Not every runtime can hold all of them. */
export interface SessionResources {
  readonly cpuRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
  readonly ephemeralLimit?: string;
}

/** What all sessions of a deployment have in common, wherever they run. */
export interface SessionSettings {
  /** The deployment's name. */
  readonly namespace: string;
  /** Port of Xpra in a session. */
  readonly port: number;
  /** `XPRA_TOPDIR_INT`. */
  readonly topdirInt: string;
  readonly resources: SessionResources;
  /** Largest screen, `WIDTHxHEIGHT`. */
  readonly screen: string;
  /** Name in the zone database, `Europe/Amsterdam`. */
  readonly timeZone: string;
  /** The admin's own variables; they cannot replace one that the session needs. */
  readonly sessionEnv: Readonly<Record<string, string>>;
  /** Shell command before a session is ended; empty: none. */
  readonly preStop: string;
  /** How long an ending session may take, the command before it included. */
  readonly gracePeriodSeconds: number;
}

/** First program of a session's container. */
export const sessionEntry = "/usr/lib/vdi/bin/session-entry";
/** The variable that holds the session's password. */
export const secretVariable = "XPRA_PASSWORD";

/** The session's own address, for runtimes that can tell it. */
export const addressVariable = "IP_ADDRESS";

/** Space for the directories that no data belongs in: that of Xpra's sockets and the session bus, and shared memory. */
export const scratchMebibytes = { runtimeDirectory: 64, sharedMemory: 256 } as const;

/** The environment that session scripts count on, the admin's variables before it. Pure. */
export function sessionEnvironment(settings: SessionSettings, request: SessionRequest): Readonly<Record<string, string>> {
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
    // The entry sets both anew; a command before the end is run beside it.
    PATH: `${settings.topdirInt}/bin:/usr/lib/vdi/bin:/usr/local/bin:/usr/bin:/bin`,
    XDG_RUNTIME_DIR: `/run/user/${user.uid}`,
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
  const admin = Object.entries(settings.sessionEnv).filter(([name]) => !(name in own) && name !== addressVariable);
  return { ...Object.fromEntries(admin), ...own };
}
