import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { isKubeStatus, KubeError } from "../kube/kube-error.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { startWatch, type WatchEvent } from "../kube/watch.ts";
import { sessionSelector } from "../manifests/labels.ts";
import { type SessionPodSettings, sessionPod } from "../manifests/session-pod.ts";
import type { SessionRequest, SessionRuntime } from "../session/session-runtime.ts";
import { createRefusal } from "./create-refusal.ts";
import { isEnded, type PodFacts, type PodMarks, podFacts, podView, settledAfterMs } from "./pod-state.ts";
import { followUntilReady } from "./ready-log.ts";
import { type KeepTimes, removals } from "./removals.ts";
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

/** Sessions as pods, known by one watch. */
export interface KubernetesRuntime extends SessionRuntime {
  /** Fulfilled after the signal's abort; rejected on a bug of ours, after which the memory is not to be trusted. */
  readonly done: Promise<void>;
  /** How many session pods are known, by state. */
  count(): Readonly<Record<string, number>>;
}

/** A page that retries must not fill the queue of a busy desktop's port. */
const answerHoldsMs = 1_000;
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
export function kubernetesRuntime(options: KubernetesRuntimeOptions): KubernetesRuntime {
  const { transport, namespace, signal } = options;
  const base = kubePath("api", "v1", "namespaces", namespace);
  const pods = new Map<string, PodFacts>();
  const marks = new Map<string, PodMarks>();
  const listeners = new Map<string, Set<() => void>>();
  const followed = new Map<string, AbortController>();
  const due =
    options.keep &&
    removals({
      keep: options.keep,
      signal,
      facts: (name) => pods.get(name),
      isWanted: (name) => listeners.has(name),
      remove,
      onTrouble: options.onTrouble,
    });
  let seenVersion = 0n;

  const marksOf = (name: string): PodMarks => marks.get(name) ?? {};
  const mark = (name: string, more: PodMarks): void => {
    marks.set(name, { ...marksOf(name), ...more });
    changed(name);
  };

  function changed(name: string): void {
    attend(name);
    for (const listener of listeners.get(name) ?? []) listener();
  }

  /** Follows a log exactly as long as somebody waits for it. */
  function attend(name: string): void {
    const facts = pods.get(name);
    const wanted =
      facts !== undefined &&
      listeners.has(name) &&
      facts.runningSince > 0 &&
      !isEnded(facts) &&
      facts.goneBy === 0 &&
      marksOf(name).ready !== true;
    if (wanted && !followed.has(name)) follow(facts);
    if (!wanted) {
      followed.get(name)?.abort();
      followed.delete(name);
    }
  }

  function follow({ name, instance, runningSince }: PodFacts): void {
    const stop = new AbortController();
    followed.set(name, stop);
    const isSame = (): boolean => !stop.signal.aborted && pods.get(name)?.instance === instance;
    const settled = setTimeout(() => isSame() && changed(name), Math.max(0, runningSince + settledAfterMs + 1_000 - Date.now()));
    stop.signal.addEventListener("abort", () => clearTimeout(settled));
    void followUntilReady(transport, namespace, name, stop.signal, {
      onReady: () => isSame() && mark(name, { ready: true }),
      onWords: (words) => isSame() && mark(name, { words }),
      onTrouble: (error) => options.onTrouble?.(`log of ${name}`, error),
    });
  }

  function put(pod: V1Pod): void {
    const facts = podFacts(pod);
    const before = pods.get(facts.name);
    if (before !== undefined && before.instance !== facts.instance) forget(facts.name);
    pods.set(facts.name, facts);
    due?.note(facts);
    changed(facts.name);
  }

  function forget(name: string): void {
    pods.delete(name);
    marks.delete(name);
    due?.forget(name);
    changed(name);
  }

  /** Takes what an answer to our own request says, unless the watch has told of something later. */
  function learn(pod: V1Pod): void {
    const version = BigInt(pod.metadata?.resourceVersion ?? "0");
    const known = pods.get(pod.metadata?.name ?? "");
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
    if (pods.get(name)?.instance === instance) mark(name, { removed: true });
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
    if (pods.has(name)) return "exists";
    try {
      learn(await transport.json<V1Pod>({ path: `${base}${kubePath("pods", name)}` }));
    } catch (thrown) {
      if (!isKubeStatus(thrown, 404)) throw createRefusal(thrown, "\0");
    }
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
      for (const name of [...pods.keys()]) if (!listed.has(name)) forget(name);
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
    else if (pods.get(name)?.instance === object.metadata?.uid) forget(name);
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
      const facts = pods.get(name);
      if (type === "DELETED" || facts === undefined || facts.instance !== uid || facts.runningSince > 0 || isEnded(facts)) return;
      mark(name, { event: { reason: object.reason ?? "", message: object.message ?? "" } });
    },
    onTrouble: (error, retryInMs) => options.onTrouble?.(`watch of events, next try in ${Math.round(retryInMs)} ms`, error),
  });

  signal.addEventListener("abort", () => {
    for (const stop of followed.values()) stop.abort();
  });

  return {
    done: Promise.all([watch.done, events.done]).then(() => undefined),
    look: (name) => podView(pods.get(name), marksOf(name), Date.now()),
    onChange(name, listener) {
      const own = listeners.get(name) ?? new Set();
      listeners.set(name, own.add(listener));
      attend(name);
      return () => {
        own.delete(listener);
        if (own.size > 0) return;
        listeners.delete(name);
        attend(name);
      };
    },
    create,
    remove,
    async connect(name, { host, port }) {
      const { answeredAt = Number.NEGATIVE_INFINITY } = marksOf(name);
      if (performance.now() - answeredAt < answerHoldsMs) return "open";
      const instance = pods.get(name)?.instance;
      const answer = await tcpConnect(host, port);
      if (answer === "open" && pods.get(name)?.instance === instance) marks.set(name, { ...marksOf(name), answeredAt: performance.now() });
      return answer;
    },
    async known(timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs);
      });
      const known = await Promise.race([
        watch.listed.then(
          () => true as const,
          () => false as const,
        ),
        late,
      ]);
      clearTimeout(timer);
      return known;
    },
    count() {
      const counts: Record<string, number> = {};
      for (const facts of pods.values()) {
        const { state } = podView(facts, marksOf(facts.name), Date.now()).status;
        counts[state] = (counts[state] ?? 0) + 1;
      }
      return counts;
    },
  };
}

/** `Conflict` is a quota's count that two creates at once wanted to write. */
function mayTryAgain(thrown: unknown): thrown is KubeError {
  return (
    thrown instanceof KubeError &&
    (thrown.status === 0 || thrown.status === 429 || thrown.status >= 500 || thrown.reason === "Conflict" || isRefusedByPolicy(thrown))
  );
}

/** It may be the policy of the deploy before: the API server takes up a changed one later than a broker its changed configuration. */
function isRefusedByPolicy({ message }: KubeError): boolean {
  return message.includes("ValidatingAdmissionPolicy");
}

function pauseMs(thrown: KubeError, tries: number): number {
  if (isRefusedByPolicy(thrown)) return policyPauseMs;
  return Math.min(2_000, thrown.retryAfterMs ?? createPauseMs * tries);
}
