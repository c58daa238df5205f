import { dockerLabels, isEndingName, networkOf, partsOf } from "../engine/docker-names.ts";
import type { FailureReason } from "../session/reasons.ts";
import { secretVariable } from "../session/session-settings.ts";
import type { SessionOwner, SessionState, SessionView } from "../session/session-state.ts";
import { isDiskFull } from "../util/disk-full.ts";
import { isSettled, overdueAfterMs, type SessionLife, type SessionMarks } from "./session-life.ts";

/** A container as the engine shows it: what of it is used here. */
export interface InspectedContainer {
  readonly Id: string;
  /** With a slash before it. */
  readonly Name: string;
  readonly Created: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: {
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Env?: readonly string[] | null;
    readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string; readonly NetworkID?: string } | null>> | null;
  };
}

/** The part of a session's container that the broker remembers. Times are milliseconds since the epoch. */
export interface ContainerFacts extends SessionLife {
  /** The name of its network and its files. */
  readonly parts: string;
  readonly owner: SessionOwner;
  /** The engine's word: `created`, `running`, `exited` and so on. */
  readonly status: string;
  readonly exitCode: number;
  readonly error: string;
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** A time in which containers of the deployment that always run did not: the engine was stopped, or the machine. */
export interface Outage {
  readonly from: number;
  readonly to: number;
}

/** What is known of a container beside its own state. */
export interface ContainerContext {
  /** When a broker first saw that its end had been asked for. */
  readonly endingSince: number;
  readonly gracePeriodSeconds: number;
  readonly outages: readonly Outage[];
}

/** Making one that is not started takes no longer: its broker has died, and any other may finish it. */
export const abandonedAfterMs = 10_000;

/** An engine that stops ends all its containers at once; they take different times. */
const outageMarginMs = 10_000;
/** What the engine says of a container whose end it has not seen. */
const unseenExitCode = 255;

const words = {
  preparing: "Preparing the session on its machine.",
  starting: "The desktop is starting.",
};

/** Takes from a container what the broker needs. One that names no owner belongs to nobody that could sign in. */
export function containerFacts(container: InspectedContainer, context: ContainerContext): ContainerFacts {
  const { State: state, Config: config } = container;
  const labels = config.Labels ?? {};
  const port = Number.parseInt(Object.keys(config.ExposedPorts ?? {})[0] ?? "", 10);
  const secret = config.Env?.find((line) => line.startsWith(`${secretVariable}=`)) ?? "";
  const isGoing = isEnding(container);
  const isOver = !isGoing && state.Status === "exited";
  return {
    name: labels[dockerLabels.session] ?? "",
    parts: partsOf(labels),
    instance: container.Id,
    owner: { name: labels[dockerLabels.owner] ?? "", uid: Number(labels[dockerLabels.uid] ?? -1) },
    createdAt: timeOf(container.Created),
    runningSince: state.Running ? timeOf(state.StartedAt) : 0,
    goneBy: isGoing ? context.endingSince + context.gracePeriodSeconds * 1000 : 0,
    ...(isOver ? { end: { reason: whyEnded(state, context.outages), at: timeOf(state.FinishedAt) } } : {}),
    status: state.Status,
    exitCode: state.ExitCode,
    error: state.Error,
    host: container.NetworkSettings?.Networks?.[networkOf(labels)]?.IPAddress ?? "",
    port: Number.isNaN(port) ? 0 : port,
    secret: secret.slice(secretVariable.length + 1),
  };
}

/** Whether the end of a session has been asked for, by whomever. */
export function isEnding({ Name: name, State: state }: Pick<InspectedContainer, "Name" | "State">): boolean {
  return isEndingName(name) || state.Status === "removing" || state.Status === "dead";
}

/** When a container that always runs did not; undefined: it always did. Pure. */
export function outageOf({ State: state }: Pick<InspectedContainer, "State">): Outage | undefined {
  const from = timeOf(state.FinishedAt);
  if (from === 0) return undefined;
  return { from, to: state.Running ? timeOf(state.StartedAt) : Number.POSITIVE_INFINITY };
}

function whyEnded(state: InspectedContainer["State"], outages: readonly Outage[]): FailureReason {
  // It is remembered that some program of the session was killed for memory, also when the desktop lived on and ended well.
  if (state.OOMKilled && state.ExitCode !== 0) return "memory";
  if (isDiskFull(state.Error)) return "no-space";
  const at = timeOf(state.FinishedAt);
  const isOutage = outages.some(({ from, to }) => at >= from - outageMarginMs && at <= to);
  // A program that an engine ends does so by the signal, or well; a script's own error is its own also then.
  const isEnded = state.ExitCode === 0 || state.ExitCode > 128;
  if ((isOutage && isEnded) || state.ExitCode === unseenExitCode) return "machine";
  return state.ExitCode === 0 ? "ended" : "crashed";
}

/** The engine's `0001-01-01` stands for never. */
function timeOf(text: string): number {
  const time = Date.parse(text);
  return Number.isNaN(time) || time < 0 ? 0 : time;
}

/** A container as the use case sees it. Pure. */
export function containerView(facts: ContainerFacts | undefined, marks: SessionMarks, nowMs: number): SessionView {
  if (facts === undefined) return { status: { state: "absent" } };
  return { status: statusOf(facts, marks, nowMs), owner: facts.owner };
}

function statusOf(facts: ContainerFacts, marks: SessionMarks, nowMs: number): SessionState {
  const { instance, host, port, secret } = facts;
  if (facts.goneBy > 0 || marks.removed === true) {
    const overdue = facts.goneBy > 0 && nowMs > facts.goneBy + overdueAfterMs;
    const by = facts.goneBy > 0 ? `, to be gone by ${new Date(facts.goneBy).toISOString()}` : "";
    return { state: "ending", instance, overdue, detail: `container ${instance.slice(0, 12)} is ${facts.status}${by}` };
  }
  if (facts.end !== undefined) return { state: "failed", instance, reason: facts.end.reason, detail: howEnded(facts) };
  if (facts.runningSince > 0) {
    if (isSettled(facts, marks, nowMs) && host !== "") return { state: "ready", instance, address: { host, port, secret } };
    return { state: "starting", instance, phase: "starting", message: marks.words ?? words.starting };
  }
  if (nowMs - facts.createdAt > abandonedAfterMs) return { state: "absent" };
  return { state: "starting", instance, phase: "preparing", message: words.preparing };
}

function howEnded({ exitCode, error, end, secret }: ContainerFacts): string {
  const memory = end?.reason === "memory" ? "killed for memory" : "";
  return withoutSecret([`code ${exitCode}`, memory, error].filter(Boolean).join(", "), secret);
}

/** A text for the admin, in which the session's password must not stand. */
export function withoutSecret(text: string, secret: string): string {
  return secret === "" ? text : text.replaceAll(secret, "(secret)");
}
