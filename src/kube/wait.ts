import type { CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";
import { ExitCode } from "../util/exit-code.ts";
import { manyListeners } from "../util/many-listeners.ts";
import { VdiError } from "../util/vdi-error.ts";
import { explainKubeError } from "./errors.ts";
import { type RolloutProblem, type RolloutState, rolloutState } from "./rollout.ts";
import { type KubeTransport, kubePath } from "./transport.ts";
import { startWatch, type Watch, type WatchEvent, type WatchedObject } from "./watch.ts";

/** What to wait for. */
export interface RolloutWait {
  readonly namespace: string;
  /** Name of the Deployment. */
  readonly name: string;
  /** Label selector of its pods. */
  readonly podSelector: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with every new line of progress. */
  onProgress(text: string): void;
}

/**
 * Waits until all pods of a Deployment are new and ready. Throws a `VdiError` with the cluster's own words when something
 * stands in the way that will not go away by itself, or when the time is over.
 */
export async function waitForRollout(transport: KubeTransport, options: RolloutWait): Promise<void> {
  const stop = new AbortController();
  const signal = manyListeners(options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]));
  const what = `deployment/${options.name} in ${options.namespace} does not come up`;
  let patience: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  const result = await new Promise<RolloutState & { readonly reason: "done" | "problem" | "timeout" }>((resolve, reject) => {
    let listed = false;
    let troubled: { readonly problem: RolloutProblem; readonly at: number } | undefined;
    let said = "";
    let state: RolloutState = { done: false, progress: "" };
    const look = (): void => {
      if (!listed || signal.aborted) return;
      state = rolloutState({
        deployment: [...deployments.values()][0],
        replicaSets: [...replicaSets.values()],
        pods: [...pods.values()],
        events: [...events.values()],
      });
      if (state.done) {
        resolve({ ...state, reason: "done" });
        return;
      }
      const text = [state.progress, state.problem?.text].filter(Boolean).join("; ");
      if (text !== said) options.onProgress(text);
      said = text;
      clearTimeout(patience);
      if (state.problem === undefined) {
        troubled = undefined;
        return;
      }
      if (troubled === undefined || kindOf(troubled.problem) !== kindOf(state.problem))
        troubled = { problem: state.problem, at: performance.now() };
      const leftMs = state.problem.patienceSeconds * 1000 - (performance.now() - troubled.at);
      if (leftMs <= 0) resolve({ ...state, reason: "problem" });
      else if (Number.isFinite(leftMs)) patience = setTimeout(() => resolve({ ...state, reason: "problem" }), leftMs);
    };
    const collect = <T extends WatchedObject>(path: string, query: Record<string, string>): { values: Map<string, T>; watch: Watch } => {
      const values = new Map<string, T>();
      const watch = startWatch<T>({
        transport,
        path,
        query,
        signal,
        onList(objects) {
          values.clear();
          for (const object of objects) values.set(object.metadata?.name ?? "", object);
          look();
        },
        onEvent({ type, object }: WatchEvent<T>) {
          if (type === "DELETED") values.delete(object.metadata?.name ?? "");
          else values.set(object.metadata?.name ?? "", object);
          look();
        },
        onTrouble: (error, retryInMs) =>
          options.onProgress(`${String(error instanceof Error ? error.message : error)}; asking again in ${Math.ceil(retryInMs / 1000)} s`),
      });
      watch.done.catch(reject);
      return { values, watch };
    };
    const { namespace, name, podSelector } = options;
    const deployment = collect<V1Deployment>(kubePath("apis", "apps", "v1", "namespaces", namespace, "deployments"), {
      fieldSelector: `metadata.name=${name}`,
    });
    const replicaSet = collect<V1ReplicaSet>(kubePath("apis", "apps", "v1", "namespaces", namespace, "replicasets"), {
      labelSelector: podSelector,
    });
    const pod = collect<V1Pod>(kubePath("api", "v1", "namespaces", namespace, "pods"), { labelSelector: podSelector });
    const event = collect<CoreV1Event>(kubePath("api", "v1", "namespaces", namespace, "events"), {
      fieldSelector: "involvedObject.kind=Pod",
    });
    const [deployments, replicaSets, pods, events] = [deployment.values, replicaSet.values, pod.values, event.values];
    Promise.all([deployment, replicaSet, pod, event].map(({ watch }) => watch.listed)).then(() => {
      listed = true;
      look();
    }, reject);
    deadline = setTimeout(() => resolve({ ...state, reason: "timeout" }), options.timeoutMs);
    signal.addEventListener("abort", () => reject(options.signal?.reason ?? new DOMException("The wait was ended", "AbortError")));
  })
    .catch((thrown: unknown) => {
      throw explainKubeError(thrown, what);
    })
    .finally(() => {
      // Not by the signal's abort: of one that was aborted before the wait nothing is heard.
      clearTimeout(deadline);
      clearTimeout(patience);
      stop.abort();
    });
  if (result.reason === "done") return;
  const isTimeout = result.reason === "timeout";
  throw new VdiError({
    what: isTimeout ? `${what} within ${Math.round(options.timeoutMs / 1000)} s` : what,
    why: [result.problem?.text ?? (result.progress || "nothing was heard of it"), await lastLines(transport, options, result.problem)]
      .filter(Boolean)
      .join("\n"),
    try: [
      `kubectl -n ${options.namespace} describe ${result.problem?.describe ?? "pods"}`,
      ...(isTimeout ? ["--timeout SECONDS for a longer wait; nothing is undone, and deploy can be run again"] : []),
    ],
    exitCode: isTimeout ? ExitCode.timedOut : ExitCode.failed,
  });
}

/** Counters in a text (pull attempts, restarts) do not make another problem of it. */
function kindOf(problem: RolloutProblem): string {
  return problem.text.slice(0, problem.text.indexOf(":") + 1) + String(problem.patienceSeconds);
}

async function lastLines(transport: KubeTransport, { namespace }: RolloutWait, problem: RolloutProblem | undefined): Promise<string> {
  if (problem?.logOf === undefined) return "";
  const { pod, container, previous } = problem.logOf;
  try {
    const { body } = await transport.request({
      path: kubePath("api", "v1", "namespaces", namespace, "pods", pod, "log"),
      query: { container, previous, tailLines: 12 },
      timeoutMs: 5000,
    });
    const text = body.trimEnd();
    return text === "" ? "" : `its last lines:\n${text.replace(/^/gm, "  ")}`;
  } catch {
    // The log went with its container; what is known is told without it.
    return "";
  }
}
