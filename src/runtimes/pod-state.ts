import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { sessionKeys } from "../manifests/labels.ts";
import { secretVariable, sessionContainer } from "../manifests/session-pod.ts";
import type { FailureReason, SessionOwner, SessionState, SessionView, StartPhase } from "../session/session-state.ts";

/** The part of a session pod that the broker remembers: small, because there may be ten thousand. */
export interface PodFacts {
  readonly name: string;
  /** The pod's uid. */
  readonly instance: string;
  readonly version: string;
  readonly owner: SessionOwner;
  readonly deleting: boolean;
  readonly phase: string;
  /** Why the pod as a whole failed: `Evicted`. */
  readonly reason: string;
  readonly scheduled: boolean;
  /** True when the scheduler has found no node. */
  readonly unschedulable: boolean;
  readonly waiting: string;
  /** Milliseconds since the epoch; 0 while the container does not run. */
  readonly runningSince: number;
  readonly ended?: { readonly exitCode: number; readonly reason: string; readonly at: number };
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** What the broker has seen of a pod beside its status. */
export interface PodMarks {
  /** The log has said that Xpra is ready. */
  ready?: boolean;
  /** We have asked for its deletion. */
  removed?: boolean;
  /** Last thing that its entry script said it was doing. */
  words?: string;
  /** When its port last answered, on the clock of `performance.now()`. */
  answeredAt?: number;
  /** Last event about it. */
  event?: { readonly reason: string; readonly message: string };
}

/**
 * A container that has run so long is taken for ready without its log, whose first lines may have been rotated away.
 * One connection is made before anybody is sent there in any case.
 */
export const settledAfterMs = 120_000;

const troubleEvents: Readonly<Record<string, string>> = {
  FailedMount: "A directory of the session cannot be attached yet; it is being tried again.",
  FailedAttachVolume: "A directory of the session cannot be attached yet; it is being tried again.",
  FailedCreatePodSandBox: "The machine has trouble with preparing the session; it is being tried again.",
  FailedScheduling: "No machine has room for the session at the moment. It starts as soon as there is room.",
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
  return {
    name: metadata?.name ?? "",
    instance: metadata?.uid ?? "",
    version: metadata?.resourceVersion ?? "",
    owner: { name: metadata?.annotations?.[sessionKeys.owner] ?? "", uid: spec?.securityContext?.runAsUser ?? -1 },
    deleting: metadata?.deletionTimestamp !== undefined,
    phase: status?.phase ?? "Pending",
    reason: status?.reason ?? "",
    scheduled: (spec?.nodeName ?? "") !== "",
    unschedulable: scheduling?.status === "False" && scheduling.reason === "Unschedulable",
    waiting: state?.waiting?.reason ?? "",
    runningSince: state?.running === undefined ? 0 : timeOf(state.running.startedAt),
    ...(ended === undefined ? {} : { ended }),
    host: status?.podIP ?? "",
    port: container?.ports?.[0]?.containerPort ?? 0,
    secret: container?.env?.find(({ name }) => name === secretVariable)?.value ?? "",
  };
}

function endOf(state: V1ContainerStatus["state"]): PodFacts["ended"] {
  if (state?.terminated === undefined) return undefined;
  const { exitCode, reason, finishedAt } = state.terminated;
  return { exitCode, reason: reason ?? "", at: timeOf(finishedAt) };
}

/** The raw JSON has texts where the types have dates. */
function timeOf(value: unknown): number {
  const time = value instanceof Date ? value.getTime() : Date.parse(String(value));
  return Number.isNaN(time) ? 0 : time;
}

/** True for a pod that will never run again. */
export function isEnded(facts: PodFacts): boolean {
  return facts.phase === "Succeeded" || facts.phase === "Failed" || facts.ended !== undefined;
}

/** A pod as the use case sees it. Pure. */
export function podView(facts: PodFacts | undefined, marks: PodMarks, nowMs: number): SessionView {
  return facts === undefined ? { status: { state: "absent" } } : { status: statusOf(facts, marks, nowMs), owner: facts.owner };
}

function statusOf(facts: PodFacts, marks: PodMarks, nowMs: number): SessionState {
  const { instance } = facts;
  if (facts.deleting || marks.removed === true) return { state: "ending", instance };
  if (isEnded(facts)) return { state: "failed", instance, ...whyEnded(facts) };
  if (facts.runningSince > 0) {
    const settled = marks.ready === true || nowMs - facts.runningSince > settledAfterMs;
    if (settled && facts.host !== "") {
      return { state: "ready", instance, address: { host: facts.host, port: facts.port, secret: facts.secret } };
    }
    return { state: "starting", instance, phase: "starting", message: marks.words ?? phaseWords.starting };
  }
  if (imageFaults.has(facts.waiting)) {
    return {
      state: "failed",
      instance,
      reason: "image",
      message: "The session's software cannot be fetched. Please tell your administrator.",
    };
  }
  if (containerFaults.has(facts.waiting)) {
    return {
      state: "failed",
      instance,
      reason: "configuration",
      message: "The session cannot be started as it is configured. Please tell your administrator.",
    };
  }
  const phase = phaseOf(facts, marks);
  const trouble = facts.unschedulable
    ? troubleEvents.FailedScheduling
    : facts.scheduled
      ? troubleEvents[marks.event?.reason ?? ""]
      : undefined;
  return { state: "starting", instance, phase, message: phaseWords[phase], ...(trouble === undefined ? {} : { trouble }) };
}

function phaseOf(facts: PodFacts, marks: PodMarks): StartPhase {
  if (!facts.scheduled) return "scheduling";
  return marks.event?.reason === "Pulling" ? "pulling" : "preparing";
}

function whyEnded(facts: PodFacts): { reason: FailureReason; message: string } {
  const { ended } = facts;
  if (ended?.reason === "OOMKilled") return { reason: "crashed", message: "The session needed more memory than it may use and was ended." };
  if (facts.reason === "Evicted" || facts.reason === "Preempting") {
    return { reason: "evicted", message: "The session was ended because its machine ran out of room. Please try again." };
  }
  if (ended !== undefined && ended.exitCode !== 0) {
    return {
      reason: "crashed",
      message: `The session ended with an error (${ended.exitCode}) while it was starting. Please tell your administrator.`,
    };
  }
  if (facts.phase === "Failed" && facts.reason !== "") {
    return { reason: "evicted", message: `The session was ended by its machine (${facts.reason}). Please try again.` };
  }
  return { reason: "ended", message: "The session ended as soon as it had started. Please tell your administrator." };
}
