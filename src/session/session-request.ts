import type { SessionUser } from "./session-user.ts";

/** What one session has of its own; whatever runs it. */
export interface SessionRequest {
  readonly name: string;
  readonly user: SessionUser;
  /** Session type, as it is configured. */
  readonly type: string;
  /** The type with `mhd-` or `nhd-` before it if that was asked for. */
  readonly display: string;
  /** Script of the type, below `session_types`: `default/xpra_startup_desktop.sh`. */
  readonly script: string;
  readonly image: string;
  /** Password of this session alone: letters and digits. */
  readonly secret: string;
}
