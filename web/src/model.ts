import type { Choice } from "./address.ts";
import type { Identity, Problem } from "./types.ts";

/** What the page shows. */
export type View =
  | { readonly name: "sign-in"; readonly busy: boolean; readonly problem?: Problem; readonly notice?: string }
  | { readonly name: "choose"; readonly problem?: Problem }
  | {
      readonly name: "starting";
      readonly display: string;
      readonly startedAtMs: number;
      readonly steps: readonly string[];
      readonly attempt: number;
      /** How often the door was not reached while it started. */
      readonly retries: number;
      readonly manner: Manner;
      /** There is a session already: when it ends meanwhile none is started in its place. */
      readonly existing: boolean;
    }
  /** The session is shown by another client, and the user has not said yet what is to happen. */
  | { readonly name: "elsewhere"; readonly display: string }
  /** `isQuiet`: nothing comes from the desktop, and it is waited for before the connection is given up. */
  | {
      readonly name: "working";
      readonly display: string;
      readonly isQuiet: boolean;
      /** The try that made the connection after the last loss; 0 before the first loss. */
      readonly attempt: number;
      readonly lostAtMs: number;
    }
  | {
      readonly name: "reconnecting";
      readonly display: string;
      readonly attempt: number;
      /** When the desktop that is to come back was lost. */
      readonly lostAtMs: number;
      /** How often the door was reached and the session was not. */
      readonly failedAttaches: number;
      readonly message: string;
    }
  /** `why`: what the door knows of the end of a session. */
  | { readonly name: "ended"; readonly how: EndKind; readonly display: string | null; readonly why?: string }
  | { readonly name: "error"; readonly problem: Problem; readonly display: string };

/**
 * How to attach to a session that another client may show: `ask` leaves it alone and tells, `take` has it leave, `share` lets
 * both show it.
 */
export type Manner = "ask" | "take" | "share";

/** The ways in which work comes to its end; `ending`: the door is asked to end it, `closing`: it has begun to. */
export type EndKind = "signed-out" | "ending" | "closing" | "ended-by-user" | "gone" | "taken-over";

/** All that the page knows. */
export interface Model {
  readonly view: View;
  readonly identity: Identity | null;
  /** What the address asked for; it skips the choice. */
  readonly asked: Choice | null;
  /** The desktop that a user's ticket ended on: after the next sign-in it opens again, for nobody else. */
  readonly left: { readonly user: string; readonly choice: Choice } | null;
}

/** Why the connection to a desktop came to its end; `page`: a part of the page itself cannot be had. */
export interface Loss {
  readonly kind: "lost" | "refused" | "locked" | "busy" | "cannot-tell" | "taken-over" | "session-over" | "page";
  readonly words: string;
}

/** What can happen to the page. */
export type Event =
  | { readonly type: "sign-in"; readonly user: string; readonly password: string }
  | { readonly type: "signed-in"; readonly identity: Identity; readonly nowMs: number }
  | { readonly type: "sign-in-failed"; readonly problem: Problem }
  | { readonly type: "choose"; readonly display: string; readonly nowMs: number; readonly manner?: Manner }
  | { readonly type: "progress"; readonly phase: string; readonly message: string }
  | { readonly type: "session-ready" }
  | { readonly type: "start-failed"; readonly problem: Problem }
  | { readonly type: "cancel" }
  | { readonly type: "first-frame" }
  | { readonly type: "connection-lost"; readonly loss: Loss; readonly nowMs: number }
  | { readonly type: "connection-quiet"; readonly isQuiet: boolean }
  | { readonly type: "ticket-renewed"; readonly identity: Identity }
  | { readonly type: "sign-out" }
  | { readonly type: "end-session" }
  | { readonly type: "session-ended"; readonly isClosing: boolean }
  | { readonly type: "end-failed"; readonly problem: Problem }
  | { readonly type: "back-to-choice" };

/** What the page has to do in the world; `app.ts` does it. */
export type Effect =
  | { readonly do: "sign-in"; readonly user: string; readonly password: string }
  | { readonly do: "renew-in-time"; readonly identity: Identity }
  | { readonly do: "load-client" }
  /** `existing`: the running session or none; who has seen one must not find an empty one in its place. */
  | { readonly do: "start"; readonly display: string; readonly ticket: string; readonly existing: boolean; readonly waitMs: number }
  /** `isComingBack`: this page has shown the session already. */
  | {
      readonly do: "attach";
      readonly display: string;
      readonly identity: Identity;
      readonly manner: Manner;
      readonly isComingBack: boolean;
    }
  | { readonly do: "end"; readonly display: string; readonly ticket: string }
  /** Stops whatever is under way: starting, attaching, waiting. */
  | { readonly do: "stop" }
  /** Forgets the ticket and stops renewing it. */
  | { readonly do: "forget" };

/** The next model, and what to do. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}
