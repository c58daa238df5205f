/** Where a session that is being started is. */
export type StartPhase = "queued" | "scheduling" | "preparing" | "pulling" | "starting";

/** Where Xpra of a session listens, and what it asks for. */
export interface SessionAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** Why a session's machine is of no use any more. */
export type FailureReason = "ended" | "crashed" | "evicted" | "image" | "configuration";

/** What is known of a session. `instance` tells one start of it from the next. */
export type SessionState =
  | { readonly state: "absent" }
  | {
      readonly state: "starting";
      readonly instance: string;
      readonly phase: StartPhase;
      readonly message: string;
      readonly trouble?: string;
    }
  | { readonly state: "ready"; readonly instance: string; readonly address: SessionAddress }
  | { readonly state: "ending"; readonly instance: string }
  | { readonly state: "failed"; readonly instance: string; readonly reason: FailureReason; readonly message: string };

/** Whose session it is. */
export interface SessionOwner {
  readonly name: string;
  readonly uid: number;
}

/** A session as a runtime sees it; the owner is there whenever the session is. */
export interface SessionView {
  readonly status: SessionState;
  readonly owner?: SessionOwner;
}

/** What to do next for somebody who wants a session. */
export type Action = "create" | "wait" | "return" | "replace" | "refuse";

/** `found`: it was so when the call came. `own`: the call itself has started the session or seen it on its way. */
type Moment = "found" | "own";

/**
 * The state machine. A session that failed before the call came is in the way and is replaced;
 * one that failed under the call would fail again, so that the reason is told.
 */
const table: Readonly<Record<SessionState["state"], Readonly<Record<Moment, Action>>>> = {
  //         when the call came   while it waits
  absent: { found: "create", own: "create" },
  starting: { found: "wait", own: "wait" },
  ready: { found: "return", own: "return" },
  ending: { found: "wait", own: "wait" },
  failed: { found: "replace", own: "refuse" },
};

/** How often one call starts a session that is taken away from under it. */
export const maxStarts = 3;

/** What a call has done and seen so far. */
export interface CallHistory {
  /** Instances that the call has seen alive or has made. */
  readonly seen: ReadonlySet<string>;
  readonly starts: number;
}

/** The next step for a call: pure, a look into the table. Someone else's session is always refused. */
export function decide(view: SessionView, user: SessionOwner, history: CallHistory): Action {
  const { status } = view;
  if (isForeign(view, user)) return "refuse";
  if (status.state === "absent") return history.starts >= maxStarts ? "refuse" : table.absent[history.starts > 0 ? "own" : "found"];
  return table[status.state][history.seen.has(status.instance) ? "own" : "found"];
}

/** True for a session of somebody else, or of an account of the same name that is gone. */
export function isForeign({ owner }: SessionView, user: SessionOwner): boolean {
  return owner !== undefined && (owner.name !== user.name || owner.uid !== user.uid);
}
