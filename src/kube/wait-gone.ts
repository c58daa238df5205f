import { type ObjectRef, refText } from "../manifests/kube-object.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { explainKubeError } from "./errors.ts";
import { isRefusal } from "./kube-error.ts";
import { collectionPath } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";
import { startWatch, type WatchedObject } from "./watch.ts";

/** An object that is being deleted, with what its controller says about it. */
interface Ending extends WatchedObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] };
}

/** How long to wait, and whom to tell. */
export interface WaitGone {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Waits until an object is gone; at once when there is none. After the time a `VdiError` tells what the cluster says about it. */
export async function waitUntilGone(transport: KubeTransport, ref: ObjectRef, options: WaitGone): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const what = `${refText(ref)} is still being deleted`;
  let last: Ending | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const isGone = await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(() => resolve(false), options.timeoutMs);
      const watch = startWatch<Ending>({
        transport,
        path: collectionPath(ref),
        query: { fieldSelector: `metadata.name=${ref.name}` },
        signal,
        onList(objects) {
          last = objects.find(({ metadata }) => metadata?.name === ref.name);
          if (last === undefined) resolve(true);
        },
        onEvent({ type, object }) {
          last = object;
          if (type === "DELETED") resolve(true);
        },
        onTrouble(error) {
          if (isRefusal(error, last !== undefined)) reject(error);
        },
      });
      watch.done.then(() => reject(options.signal?.reason ?? new DOMException("The wait was ended", "AbortError")), reject);
    });
    if (isGone) return;
  } catch (thrown) {
    throw explainKubeError(thrown, what);
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  const words = (last?.status?.conditions ?? []).filter(({ status }) => status === "True").flatMap(({ message }) => message ?? []);
  throw new VdiError({
    what: `${what} after ${Math.round(options.timeoutMs / 1000)} s`,
    why: words.join("\n"),
    try: "run the same command again later; it goes on from here",
    exitCode: ExitCode.timedOut,
  });
}
