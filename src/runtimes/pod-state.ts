import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { sessionKeys } from "../manifests/labels.ts";
import { sessionContainer } from "../manifests/session-pod.ts";
import type { FailureReason, WaitReason } from "../session/reasons.ts";
import { secretVariable } from "../session/session-settings.ts";
import type { SessionOwner, SessionState, SessionView, StartPhase, Trouble } from "../session/session-state.ts";
import { isSettled, overdueAfterMs, type Said, type SessionLife, type SessionMarks } from "./session-life.ts";

/** The part of a session pod that the broker remembers: small, because there may be ten thousand. Times are milliseconds since the epoch. */
export interface PodFacts extends SessionLife {
  readonly version: string;
  readonly owner: SessionOwner;
  /** Who holds a pod that is being deleted; mostly nobody. */
  readonly finalizers: string;
  readonly phase: string;
  /** Why the pod as a whole failed: `Evicted`. */
  readonly reason: string;
  readonly message: string;
  /** Empty while no node has been found. */
  readonly node: string;
  /** What the scheduler says when it has found no node; else empty. */
  readonly unschedulable: string;
  /** Why the container does not run yet. */
  readonly waiting?: Said;
  readonly ended?: Said & { readonly exitCode: number; readonly at: number };
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

const troubleEvents: Readonly<Record<string, WaitReason>> = {
  FailedMount: "volume",
  FailedAttachVolume: "volume",
  FailedCreatePodSandBox: "sandbox",
  NodeNotReady: "machine-away",
};

const imageFaults = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ImageInspectError",
  "InvalidImageName",
  "ErrImageNeverPull",
  "RegistryUnavailable",
]);
const containerFaults = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"]);

const phaseWords: Readonly<Record<StartPhase, string>> = {
  queued: "Waiting for a place.",
  scheduling: "Looking for a machine with room for the session.",
  preparing: "Preparing the session on its machine.",
  pulling: "Fetching the session's software. The first time on a machine this takes longer.",
  starting: "The desktop is starting.",
};

/** Takes from a pod what the broker needs. A pod that names no owner belongs to nobody that could sign in. */
export function podFacts(pod: V1Pod): PodFacts {
  const { metadata, spec, status } = pod;
  const container = spec?.containers?.find(({ name }) => name === sessionContainer);
  const state = status?.containerStatuses?.find(({ name }) => name === sessionContainer)?.state;
  const scheduling = status?.conditions?.find(({ type }) => type === "PodScheduled");
  const ended = endOf(state);
  const facts: PodFacts = {
    name: metadata?.name ?? "",
    instance: metadata?.uid ?? "",
    version: metadata?.resourceVersion ?? "",
    owner: { name: metadata?.annotations?.[sessionKeys.owner] ?? "", uid: spec?.securityContext?.runAsUser ?? -1 },
    createdAt: timeOf(metadata?.creationTimestamp),
    goneBy: metadata?.deletionTimestamp === undefined ? 0 : timeOf(metadata.deletionTimestamp) || 1,
    finalizers: (metadata?.finalizers ?? []).join(" "),
    phase: status?.phase ?? "Pending",
    reason: status?.reason ?? "",
    message: status?.message ?? "",
    node: spec?.nodeName ?? "",
    unschedulable:
      scheduling?.status === "False" && scheduling.reason === "Unschedulable" ? (scheduling.message ?? "no node was found") : "",
    ...(state?.waiting?.reason === undefined ? {} : { waiting: { reason: state.waiting.reason, message: state.waiting.message ?? "" } }),
    runningSince: state?.running === undefined ? 0 : timeOf(state.running.startedAt),
    ...(ended === undefined ? {} : { ended }),
    host: status?.podIP ?? "",
    port: container?.ports?.[0]?.containerPort ?? 0,
    secret: container?.env?.find(({ name }) => name === secretVariable)?.value ?? "",
  };
  return isOver(facts) ? { ...facts, end: { reason: whyEnded(facts), at: ended?.at ?? 0 } } : facts;
}

function endOf(state: V1ContainerStatus["state"]): PodFacts["ended"] {
  if (state?.terminated === undefined) return undefined;
  const { exitCode, reason = "", message = "", finishedAt } = state.terminated;
  return { exitCode, reason, message, at: timeOf(finishedAt) };
}

/** The raw JSON has texts where the types have dates. */
function timeOf(value: unknown): number {
  const time = value instanceof Date ? value.getTime() : Date.parse(String(value));
  return Number.isNaN(time) ? 0 : time;
}

/** True for a pod that will never run again. */
function isOver(facts: PodFacts): boolean {
  return facts.phase === "Succeeded" || facts.phase === "Failed" || facts.ended !== undefined;
}

/** A pod as the use case sees it. Pure. */
export function podView(facts: PodFacts | undefined, marks: SessionMarks, nowMs: number): SessionView {
  if (facts === undefined) return { status: { state: "absent" } };
  return { status: statusOf(facts, marks, nowMs), owner: facts.owner, ...(facts.node === "" ? {} : { machine: facts.node }) };
}

function statusOf(facts: PodFacts, marks: SessionMarks, nowMs: number): SessionState {
  const { instance } = facts;
  if (facts.goneBy > 0 || marks.removed === true) {
    return { state: "ending", instance, overdue: facts.goneBy > 0 && nowMs > facts.goneBy + overdueAfterMs, detail: whyStays(facts) };
  }
  if (facts.end !== undefined) return { state: "failed", instance, reason: facts.end.reason, detail: howEnded(facts) };
  if (facts.runningSince > 0) {
    if (isSettled(facts, marks, nowMs) && facts.host !== "") {
      return { state: "ready", instance, address: { host: facts.host, port: facts.port, secret: facts.secret } };
    }
    return { state: "starting", instance, phase: "starting", message: marks.words ?? phaseWords.starting };
  }
  const fault = facts.waiting === undefined ? undefined : faultOf(facts.waiting.reason);
  if (fault !== undefined) return { state: "failed", instance, reason: fault, detail: saying(facts, facts.waiting) };
  const phase = phaseOf(facts, marks);
  const trouble = troubleOf(facts, marks);
  return { state: "starting", instance, phase, message: phaseWords[phase], ...(trouble === undefined ? {} : { trouble }) };
}

function faultOf(waiting: string): FailureReason | undefined {
  if (imageFaults.has(waiting)) return "image";
  return containerFaults.has(waiting) ? "configuration" : undefined;
}

function troubleOf(facts: PodFacts, { event }: SessionMarks): Trouble | undefined {
  if (facts.unschedulable !== "") return { reason: "no-node", detail: facts.unschedulable };
  const reason = facts.node === "" ? undefined : troubleEvents[event?.reason ?? ""];
  return reason === undefined ? undefined : { reason, detail: saying(facts, event) };
}

function phaseOf(facts: PodFacts, marks: SessionMarks): StartPhase {
  if (facts.node === "") return "scheduling";
  return marks.event?.reason === "Pulling" ? "pulling" : "preparing";
}

/** Why a pod that has ended did so. */
function whyEnded({ ended, phase, reason, message }: PodFacts): FailureReason {
  if (reason === "Evicted" && /exceeds the (?:total )?limit/.test(message)) return "disk";
  if (reason === "Evicted" || reason === "Preempting" || reason.startsWith("OutOf")) return "evicted";
  if (phase === "Failed" && reason !== "") return "machine";
  // The runtime remembers that some program of the session was killed for memory, also when the desktop lived on and ended well.
  if (ended !== undefined && ended.exitCode !== 0) return ended.reason === "OOMKilled" ? "memory" : "crashed";
  return "ended";
}

function howEnded(facts: PodFacts): string {
  const { ended, reason, message } = facts;
  const container = ended === undefined ? "" : saying(facts, { ...ended, reason: `code ${ended.exitCode} ${ended.reason}`.trim() });
  return [saying(facts, { reason, message }), container].filter(Boolean).join("; ");
}

function whyStays({ goneBy, node, finalizers }: PodFacts): string {
  if (goneBy === 0) return "deletion asked for";
  const facts = [
    `to be gone by ${new Date(goneBy).toISOString()}`,
    node === "" ? "" : `node ${node}`,
    finalizers && `finalizers ${finalizers}`,
  ];
  return facts.filter(Boolean).join(", ");
}

/** The cluster's own words, without the session's password. */
function saying({ secret }: PodFacts, said: Said | undefined): string {
  const text = [said?.reason, said?.message].filter(Boolean).join(": ");
  return secret === "" ? text : text.replaceAll(secret, "(secret)");
}
