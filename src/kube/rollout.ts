import type { CoreV1Event, V1ContainerStatus, V1Deployment, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";
import { isReady } from "./ready.ts";

/** What stands in a rollout's way. */
export interface RolloutProblem {
  /** The cluster's own words, after a few of ours. */
  readonly text: string;
  /** It may go away by itself within so many seconds. */
  readonly patienceSeconds: number;
  /** What tells more, where it is not the pods: there may be none. */
  readonly describe?: "replicasets";
  /** A container that ended, whose last lines say more. */
  readonly logOf?: { readonly pod: string; readonly container: string; readonly previous: boolean };
}

/** How far a rollout is. */
export interface RolloutState {
  readonly done: boolean;
  /** "1 of 2 proxies ready". */
  readonly progress: string;
  readonly problem?: RolloutProblem;
}

const forever = Number.POSITIVE_INFINITY;

/** What the cluster says of a rollout. */
export interface RolloutFacts {
  readonly deployment: V1Deployment | undefined;
  readonly replicaSets: readonly V1ReplicaSet[];
  readonly pods: readonly V1Pod[];
  readonly events: readonly CoreV1Event[];
}

const revision = "deployment.kubernetes.io/revision";
const templateHash = "pod-template-hash";

/** Reads a rollout from what the cluster says of it. Pure. */
export function rolloutState(facts: RolloutFacts): RolloutState {
  const { deployment, pods, events } = facts;
  if (deployment === undefined) return { done: false, progress: "waiting for the Deployment" };
  const wanted = deployment.spec?.replicas ?? 1;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  const isSeen = observedGeneration >= (deployment.metadata?.generation ?? 0);
  const done = isSeen && updatedReplicas >= wanted && availableReplicas >= wanted && replicas <= updatedReplicas;
  const hash = currentHash(facts);
  // What stands in the way of an older template's pods does not matter any more.
  const current = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined && metadata?.labels?.[templateHash] === hash);
  const ready = current.filter(isReady).length;
  const progress = `${isSeen ? Math.min(updatedReplicas, ready) : 0} of ${wanted} proxies ready`;
  const problem = done || !isSeen ? undefined : (problemOfPods(current, events) ?? problemOfDeployment(deployment));
  return { done, progress: done ? `${wanted} of ${wanted} proxies ready` : progress, ...(problem === undefined ? {} : { problem }) };
}

/** The mark of the pods that are made of the Deployment's template as it is now. */
function currentHash({ deployment, replicaSets }: RolloutFacts): string | undefined {
  const wanted = deployment?.metadata?.annotations?.[revision];
  const current = replicaSets.find(({ metadata }) => metadata?.annotations?.[revision] === wanted);
  return wanted === undefined ? undefined : current?.metadata?.labels?.[templateHash];
}

function problemOfDeployment(deployment: V1Deployment): RolloutProblem | undefined {
  const failure = deployment.status?.conditions?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (failure === undefined) return undefined;
  return { text: `no pod can be made: ${failure.message ?? failure.reason ?? ""}`, patienceSeconds: 10, describe: "replicasets" };
}

function problemOfPods(pods: readonly V1Pod[], events: readonly CoreV1Event[]): RolloutProblem | undefined {
  for (const pod of pods.filter((pod) => !isReady(pod))) {
    const problem = problemOfPod(pod, events);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfPod(pod: V1Pod, events: readonly CoreV1Event[]): RolloutProblem | undefined {
  const name = pod.metadata?.name ?? "";
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  // An autoscaler may bring a node; nobody else will do anything before the time is over.
  if (unscheduled !== undefined)
    return { text: `no node takes pod ${name}: ${unscheduled.message ?? unscheduled.reason ?? ""}`, patienceSeconds: forever };
  for (const status of pod.status?.containerStatuses ?? []) {
    const problem = problemOfContainer(name, status);
    if (problem !== undefined) return problem;
  }
  const last = events.filter((event) => event.involvedObject.name === name && isTelling(event)).at(-1);
  if (last === undefined) return undefined;
  return { text: `pod ${name}: ${last.reason ?? "warning"}: ${last.message ?? ""}`, patienceSeconds: forever };
}

/** Warnings that every start of a pod brings with it say nothing. */
function isTelling({ type, reason, count = 1 }: CoreV1Event): boolean {
  return type === "Warning" && reason !== "MissingClusterDNS" && (reason !== "Unhealthy" || count >= 10);
}

function problemOfContainer(pod: string, status: V1ContainerStatus): RolloutProblem | undefined {
  const { waiting, terminated } = status.state ?? {};
  const place = `container ${status.name} of pod ${pod}`;
  const ended = terminated ?? status.lastState?.terminated;
  switch (waiting?.reason) {
    case "InvalidImageName":
      return { text: `${place}: ${waiting.message ?? `'${status.image}' is no image name`}`, patienceSeconds: 0 };
    case "ErrImagePull":
    case "ImagePullBackOff":
      return {
        text: `${place}: the image cannot be pulled: ${waiting.message ?? status.image}`,
        patienceSeconds: isFinalPullError(waiting.message) ? 5 : 60,
      };
    case "CreateContainerConfigError":
    case "CreateContainerError":
    case "RunContainerError":
      return { text: `${place} cannot be started: ${waiting.message ?? waiting.reason}`, patienceSeconds: 20 };
    default:
  }
  if (ended === undefined || ended === null || (terminated === undefined && status.restartCount === 0)) return undefined;
  const reason = ended.reason === undefined || ended.reason === "Error" ? "" : ` (${ended.reason})`;
  const words = ended.message === undefined ? "" : `: ${ended.message}`;
  return {
    text: `${place} ends with code ${ended.exitCode}${reason}, started ${status.restartCount + 1} times${words}`,
    // Once may be a bad moment, three times are a reason.
    patienceSeconds: status.restartCount >= 2 ? 0 : forever,
    logOf: { pod, container: status.name, previous: terminated === undefined },
  };
}

/** A registry that answers so will say the same again. */
function isFinalPullError(message: string | undefined): boolean {
  return /not found|manifest unknown|denied|unauthorized|no such host|certificate/i.test(message ?? "");
}
