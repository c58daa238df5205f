import type { FailureReason, WaitReason } from "./reasons.ts";

/** Where a session that is being started is. */
export type StartPhase = "queued" | "scheduling" | "preparing" | "pulling" | "starting";

/** Where Xpra of a session listens, and what it asks for. */
export interface SessionAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** What stands in the way of a session that is being started and may still come; `detail` is for the admin. */
export interface Trouble {
  readonly reason: WaitReason;
  readonly detail: string;
}

/** What is known of a session. `instance` tells one start of it from the next. */
export type SessionState =
  | { readonly state: "absent" }
  | {
      readonly state: "starting";
      readonly instance: string;
      readonly phase: StartPhase;
      readonly message: string;
      readonly trouble?: Trouble;
    }
  | { readonly state: "ready"; readonly instance: string; readonly address: SessionAddress }
  /** `overdue`: it should be gone by now. */
  | { readonly state: "ending"; readonly instance: string; readonly overdue: boolean; readonly detail: string }
  | { readonly state: "failed"; readonly instance: string; readonly reason: FailureReason; readonly detail: string };

/** Whose session it is. */
export interface SessionOwner {
  readonly name: string;
  readonly uid: number;
}

/** A session as a runtime sees it; the owner is there whenever the session is. */
export interface SessionView {
  readonly status: SessionState;
  readonly owner?: SessionOwner;
  /** The machine that it is on, when it has one. */
  readonly machine?: string;
}

/** What to do next for somebody who wants a session. */
export type Action = "create" | "wait" | "return" | "replace" | "refuse";

/**
 * `found`: it was so when the call came. `own`: the call itself has started the session or seen it on its way.
 * `back`: the call comes back to a session after its connection was cut, and wants no other.
 */
type Moment = "found" | "own" | "back";

/** A state with what matters for the decision. */
type Situation = "absent" | "starting" | "held" | "ready" | "ending" | "hung" | "failed" | "displaced";

/**
 * The state machine. A session that failed before the call came is in the way and is replaced; one that failed under the call
 * would fail again, so that the reason is told. One that lost its machine did not fail by itself: the next machine may be better.
 * What is held up (no room, a volume) is waited for, so that a place that becomes free is used. Only an admin can know that a
 * session that does not go away has really stopped, so that it is never started a second time beside it.
 */
const table: Readonly<Record<Situation, Readonly<Record<Moment, Action>>>> = {
  //            when the call came   while it waits   on coming back
  absent: { found: "create", own: "create", back: "refuse" },
  starting: { found: "wait", own: "wait", back: "wait" },
  held: { found: "wait", own: "wait", back: "wait" },
  ready: { found: "return", own: "return", back: "return" },
  ending: { found: "wait", own: "wait", back: "refuse" },
  hung: { found: "refuse", own: "refuse", back: "refuse" },
  failed: { found: "replace", own: "refuse", back: "refuse" },
  displaced: { found: "replace", own: "replace", back: "refuse" },
};

function situationOf(status: SessionState): Situation {
  switch (status.state) {
    case "starting":
      return status.trouble === undefined ? "starting" : "held";
    case "ending":
      return status.overdue ? "hung" : "ending";
    case "failed":
      return status.reason === "evicted" || status.reason === "machine" ? "displaced" : "failed";
    default:
      return status.state;
  }
}

/** How often one call starts a session that is taken away from under it. */
export const maxStarts = 3;

/** What a call has done and seen so far. */
export interface CallHistory {
  /** Instances that the call has seen alive or has made. */
  readonly seen: ReadonlySet<string>;
  readonly starts: number;
  /** True: the call takes the session that is there, and never starts or replaces one. */
  readonly isComingBack?: boolean;
}

/** The next step for a call: pure, a look into the table. Someone else's session is always refused. */
export function decide(view: SessionView, user: SessionOwner, history: CallHistory): Action {
  const { status } = view;
  if (isForeign(view, user)) return "refuse";
  if (status.state === "absent" && history.starts >= maxStarts) return "refuse";
  return table[situationOf(status)][momentOf(status, history)];
}

function momentOf(status: SessionState, { seen, starts, isComingBack }: CallHistory): Moment {
  if (isComingBack === true) return "back";
  const isOwn = status.state === "absent" ? starts > 0 : seen.has(status.instance);
  return isOwn ? "own" : "found";
}

/** True for a session of somebody else, or of an account of the same name that is gone. */
export function isForeign({ owner }: SessionView, user: SessionOwner): boolean {
  return owner !== undefined && (owner.name !== user.name || owner.uid !== user.uid);
}
