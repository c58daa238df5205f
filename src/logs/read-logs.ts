import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { isRefusal } from "../kube/kube-error.ts";
import { type LogLine, podLog, timeKey } from "../kube/pod-log.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { startWatch } from "../kube/watch.ts";
import { manyListeners } from "../util/many-listeners.ts";
import { pause } from "../util/pause.ts";
import { isAbort } from "../util/vdi-error.ts";
import { eventOf } from "./readable.ts";
import { redact } from "./redact.ts";
import { type LogSource, secretsOf } from "./sources.ts";

/** One line of a log, and whose it is. */
export interface LogItem {
  /** When the node got it, RFC 3339. */
  readonly time: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The line, without secrets; absent when it is an object. */
  readonly text?: string;
  /** The object that the line is. */
  readonly event?: Readonly<Record<string, unknown>>;
}

/** How much of the logs. */
export interface LogScope {
  readonly tail?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly previous?: boolean;
  readonly limitBytes?: number;
}

/** The pods of a source. */
export async function podsOf(transport: KubeTransport, source: LogSource, signal?: AbortSignal): Promise<readonly V1Pod[]> {
  const list = await transport.json<{ items?: V1Pod[] }>({
    path: kubePath("api", "v1", "namespaces", source.namespace, "pods"),
    query: { labelSelector: source.labelSelector },
    signal,
  });
  return (list.items ?? []).filter(source.has);
}

/** What the logs of some pods hold, in the order of time. */
export async function readLogs(
  transport: KubeTransport,
  source: LogSource,
  pods: readonly V1Pod[],
  scope: LogScope,
  signal?: AbortSignal,
): Promise<readonly LogItem[]> {
  const logs = pods.flatMap((pod) =>
    source.containers.map(async (container) => {
      const items: LogItem[] = [];
      const name = pod.metadata?.name ?? "";
      const known = secretsOf(pod);
      const request = { namespace: source.namespace, pod: name, container, ...scope, signal };
      for await (const line of podLog(transport, request)) items.push(itemOf(source.namespace, name, container, line, known));
      return items;
    }),
  );
  const items = (await Promise.all(logs)).flat();
  return items.sort((a, b) => (timeKey(a.time) < timeKey(b.time) ? -1 : 1));
}

function itemOf(namespace: string, pod: string, container: string, { time, text }: LogLine, known: readonly string[]): LogItem {
  const safe = redact(text, known);
  const event = eventOf(safe);
  return { time, namespace, pod, container, ...(event === undefined ? { text: safe } : { event }) };
}

/** How logs are followed. */
export interface FollowOptions {
  readonly transport: KubeTransport;
  readonly source: LogSource;
  /** Of what is there already; containers that start later are shown from their first line. */
  readonly scope: LogScope;
  readonly signal: AbortSignal;
  /** Told when a pod joins or leaves, and when the cluster does not answer. */
  note(text: string): void;
}

const reconnectMs = 1_000;

/** Follows the logs of all pods of a source, of new ones and of restarted containers too, until the signal. */
export async function* followLogs(options: FollowOptions): AsyncGenerator<LogItem> {
  const { transport, source, scope, note } = options;
  const queue: LogItem[] = [];
  const end = new AbortController();
  const signal = manyListeners(AbortSignal.any([options.signal, end.signal]));
  let wake: () => void = () => undefined;
  let failure: { readonly thrown: unknown } | undefined;
  const fail = (thrown: unknown): void => {
    if (!isAbort(thrown)) failure ??= { thrown };
    wake();
  };
  const push = (item: LogItem): void => {
    queue.push(item);
    wake();
  };
  const running = new Map<string, string>();
  const ended = new Set<string>();
  /** Names by uid. */
  const known = new Map<string, string>();
  let isFirstList = true;

  async function follow(pod: V1Pod, container: string, id: string, isNew: boolean): Promise<void> {
    const name = pod.metadata?.name ?? "";
    const key = `${pod.metadata?.uid} ${container}`;
    let last = "";
    while (!signal.aborted) {
      const from = last !== "" ? { sinceTime: `${last.slice(0, 19)}Z` } : isNew ? {} : scope;
      try {
        const request = { namespace: source.namespace, pod: name, container, ...from, follow: true, signal };
        for await (const line of podLog(transport, request)) {
          // After a reconnect the API begins with the second that was being read.
          if (last !== "" && timeKey(line.time) <= timeKey(last)) continue;
          last = line.time;
          push(itemOf(source.namespace, name, container, line, secretsOf(pod)));
        }
      } catch (thrown) {
        if (signal.aborted) return;
        if (isRefusal(thrown, !isFirstList)) throw thrown;
        note(`${name}: the log was cut off, trying again`);
      }
      // The container has ended, or only the connection: the watch knows which, a moment later.
      await pause(reconnectMs, signal);
      if (running.get(key) !== id || ended.has(id)) return;
    }
  }

  function consider(pod: V1Pod): void {
    if (!source.has(pod)) return;
    const uid = pod.metadata?.uid ?? "";
    if (!known.has(uid) && !isFirstList) note(`${pod.metadata?.name} joins`);
    const isNewPod = !known.has(uid) && !isFirstList;
    known.set(uid, pod.metadata?.name ?? "");
    for (const container of source.containers) {
      const key = `${uid} ${container}`;
      const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
      const id = runId(status);
      const before = running.get(key);
      if (status?.state?.terminated !== undefined) ended.add(id);
      if (id === "") running.delete(key);
      else if (before !== id) {
        running.set(key, id);
        const isNew = isNewPod || before !== undefined || !isFirstList;
        follow(pod, container, id, isNew).catch(fail);
      }
    }
  }

  function forget(uid: string, name: string): void {
    if (!known.delete(uid)) return;
    for (const container of source.containers) running.delete(`${uid} ${container}`);
    note(`${name} is gone`);
  }

  const watch = startWatch<V1Pod>({
    transport,
    path: kubePath("api", "v1", "namespaces", source.namespace, "pods"),
    query: { labelSelector: source.labelSelector },
    signal,
    onList(pods) {
      const listed = new Set(pods.map(({ metadata }) => metadata?.uid ?? ""));
      // Of what went while the watch was lost there is no event.
      for (const [uid, name] of [...known]) if (!listed.has(uid)) forget(uid, name);
      for (const pod of pods) consider(pod);
      isFirstList = false;
    },
    onEvent({ type, object }) {
      if (type !== "DELETED") consider(object);
      else forget(object.metadata?.uid ?? "", object.metadata?.name ?? "");
    },
    onTrouble(error, retryInMs) {
      if (isRefusal(error, !isFirstList)) fail(error);
      else note(`the cluster does not answer, next try in ${Math.ceil(retryInMs / 1000)} s`);
    },
  });
  watch.done.then(() => wake(), fail);
  options.signal.addEventListener("abort", () => wake());
  try {
    while (!options.signal.aborted) {
      if (failure !== undefined) throw failure.thrown;
      const item = queue.shift();
      if (item !== undefined) yield item;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (queue.length > 0 || failure !== undefined || options.signal.aborted) resolve();
        });
    }
  } finally {
    end.abort();
  }
}

/** Tells one run of a container from the next; empty when it does not run. What has ended by now is followed too: its lines are there. */
function runId(status: V1ContainerStatus | undefined): string {
  if (status?.state?.running === undefined && status?.state?.terminated === undefined) return "";
  return status.containerID ?? "";
}
