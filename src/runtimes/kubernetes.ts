import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { isKubeStatus, KubeError } from "../kube/kube-error.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { startWatch, type WatchEvent } from "../kube/watch.ts";
import { isSessionPod, sessionSelector } from "../manifests/labels.ts";
import { type SessionPodSettings, sessionContainer, sessionPod } from "../manifests/session-pod.ts";
import { SessionRefusal } from "../session/refusal.ts";
import type { SessionRequest } from "../session/session-runtime.ts";
import { createRefusal, reasonOf } from "./create-refusal.ts";
import { type PodFacts, podFacts, podView } from "./pod-state.ts";
import type { OpenLog } from "./ready-log.ts";
import type { KeepTimes } from "./removals.ts";
import type { RunningRuntime } from "./running-runtime.ts";
import { inTime, sessionMemory } from "./session-memory.ts";
import { tcpConnect } from "./tcp-connect.ts";

/** What the runtime works with. */
export interface KubernetesRuntimeOptions {
  readonly transport: KubeTransport;
  /** The sessions' namespace. */
  readonly namespace: string;
  /** Asked for each new session, so that a changed configuration holds for the next one. */
  readonly settings: () => SessionPodSettings;
  /** How long pods without a running session stay; any broker removes them then. Undefined: this one removes none. */
  readonly keep?: () => KeepTimes;
  readonly signal: AbortSignal;
  /** Told of what went wrong and is tried again. */
  onTrouble?(what: string, error: unknown): void;
  /** Told of every request that changes something. */
  onWrite?(verb: "create" | "delete", name: string): void;
}

const createTries = 3;
/** A create is repeated under the same name, so that one which did come through is found. Users are told sooner than by the transport. */
const createTimeoutMs = 10_000;
/** There are few brokers, and users wait for what they see: they may ask often whether the API server is back. */
const longestBackOffMs = 5_000;
const createPauseMs = 300;
/** The API server looks once a second whether a policy has changed. */
const policyPauseMs = 1_500;

/**
 * Sessions in a namespace of Kubernetes. One watch on its session pods is the memory, another on events explains what takes long;
 * a new session costs one write, a running one no request at all.
 */
export function kubernetesRuntime(options: KubernetesRuntimeOptions): RunningRuntime {
  const { transport, namespace, signal } = options;
  const base = kubePath("api", "v1", "namespaces", namespace);
  const memory = sessionMemory<PodFacts>(
    {
      view: podView,
      openLog: ({ name }) => openPodLog(transport, namespace, name),
      remove,
      keep: options.keep,
      signal,
      onTrouble: options.onTrouble,
    },
    ({ host, port }) => tcpConnect(host, port),
  );
  let seenVersion = 0n;

  function put(pod: V1Pod): void {
    memory.put(podFacts(pod));
  }

  /** Takes what an answer to our own request says, unless the watch has told of something later. */
  function learn(pod: V1Pod): void {
    const version = BigInt(pod.metadata?.resourceVersion ?? "0");
    const known = memory.get(pod.metadata?.name ?? "");
    if (known === undefined ? version > seenVersion : version > BigInt(known.version)) put(pod);
  }

  async function remove(name: string, instance: string): Promise<void> {
    options.onWrite?.("delete", name);
    try {
      await transport.request({
        method: "DELETE",
        path: `${base}${kubePath("pods", name)}`,
        body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: instance } },
      });
    } catch (thrown) {
      // It is gone already, or another one has its name.
      if (!isKubeStatus(thrown, 404) && !isKubeStatus(thrown, 409)) throw createRefusal(thrown, "\0");
    }
    if (memory.get(name)?.instance === instance) memory.mark(name, { removed: true });
  }

  async function create(request: SessionRequest): Promise<"created" | "exists"> {
    const pod = sessionPod(options.settings(), request);
    for (let tries = 1; ; tries += 1) {
      try {
        options.onWrite?.("create", request.name);
        learn(await transport.json<V1Pod>({ method: "POST", path: `${base}/pods`, body: pod, timeoutMs: createTimeoutMs }));
        return "created";
      } catch (thrown) {
        if (thrown instanceof KubeError && thrown.reason === "AlreadyExists") return adopt(request.name);
        // Whether it was made is not known after a broken connection; the next try finds out.
        if (!mayTryAgain(thrown) || tries >= createTries) throw createRefusal(thrown, request.secret);
        await new Promise((resolve) => setTimeout(resolve, pauseMs(thrown, tries)));
      }
    }
  }

  async function adopt(name: string): Promise<"exists"> {
    if (memory.get(name) !== undefined) return "exists";
    let pod: V1Pod;
    try {
      pod = await transport.json<V1Pod>({ path: `${base}${kubePath("pods", name)}`, timeoutMs: createTimeoutMs });
    } catch (thrown) {
      if (isKubeStatus(thrown, 404)) return "exists";
      throw createRefusal(thrown, "\0");
    }
    // What is remembered is removed when its time has come: nothing of somebody else's may be among it.
    if (!isSessionPod(pod)) throw new SessionRefusal("foreign", { detail: `pod ${name} has not the labels of a session` });
    learn(pod);
    return "exists";
  }

  const listed = new Set<string>();
  const watch = startWatch<V1Pod>({
    transport,
    path: `${base}/pods`,
    query: { labelSelector: sessionSelector },
    signal,
    maxBackOffMs: longestBackOffMs,
    onPage(page, isFirst) {
      if (isFirst) listed.clear();
      for (const pod of page) {
        noteVersion(pod);
        listed.add(pod.metadata?.name ?? "");
        put(pod);
      }
    },
    onList() {
      for (const name of memory.names()) if (!listed.has(name)) memory.forget(name);
      listed.clear();
    },
    onEvent(event) {
      noteVersion(event.object);
      onPodEvent(event);
    },
    onTrouble: (error, retryInMs) => options.onTrouble?.(`watch of pods, next try in ${Math.round(retryInMs)} ms`, error),
  });

  function noteVersion(pod: V1Pod): void {
    const version = BigInt(pod.metadata?.resourceVersion ?? "0");
    if (version > seenVersion) seenVersion = version;
  }

  function onPodEvent({ type, object }: WatchEvent<V1Pod>): void {
    const name = object.metadata?.name ?? "";
    if (type !== "DELETED") put(object);
    else if (memory.get(name)?.instance === object.metadata?.uid) memory.forget(name);
  }

  const events = startWatch<CoreV1Event>({
    transport,
    path: `${base}/events`,
    query: { fieldSelector: "involvedObject.kind=Pod" },
    fromNow: true,
    signal,
    maxBackOffMs: longestBackOffMs,
    onList: () => undefined,
    onEvent({ type, object }) {
      const { name = "", uid } = object.involvedObject;
      const facts = memory.get(name);
      if (type === "DELETED" || facts === undefined || facts.instance !== uid || facts.runningSince > 0 || facts.end !== undefined) return;
      memory.mark(name, { event: { reason: object.reason ?? "", message: object.message ?? "" } });
    },
    onTrouble: (error, retryInMs) => options.onTrouble?.(`watch of events, next try in ${Math.round(retryInMs)} ms`, error),
  });

  return {
    look: memory.look,
    onChange: memory.onChange,
    connect: memory.connect,
    count: memory.count,
    done: Promise.all([watch.done, events.done]).then(() => undefined),
    create,
    find: adopt,
    remove,
    known: (timeoutMs) => inTime(watch.listed, timeoutMs),
  };
}

function openPodLog(transport: KubeTransport, namespace: string, pod: string): OpenLog {
  return (signal) =>
    transport.stream({
      path: `${kubePath("api", "v1", "namespaces", namespace, "pods", pod)}/log`,
      query: { container: sessionContainer, follow: true },
      accept: "*/*",
      signal,
    });
}

/** From 500 on also a webhook that is away, which is told as a rule that refuses. */
function mayTryAgain(thrown: unknown): thrown is KubeError {
  return thrown instanceof KubeError && (reasonOf(thrown) === "away" || thrown.status >= 500 || isRefusedByPolicy(thrown));
}

/** It may be the policy of the deploy before: the API server takes up a changed one later than a broker its changed configuration. */
function isRefusedByPolicy({ message }: KubeError): boolean {
  return message.includes("ValidatingAdmissionPolicy");
}

function pauseMs(thrown: KubeError, tries: number): number {
  if (isRefusedByPolicy(thrown)) return policyPauseMs;
  return Math.min(2_000, thrown.retryAfterMs ?? createPauseMs * tries);
}
