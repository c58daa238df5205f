import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { linesOf } from "../kube/watch.ts";
import { sessionContainer } from "../manifests/session-pod.ts";

/** Xpra's own word for it. */
const readyWords = "xpra is ready.";
/** Words for the user are a sentence; anything else after the phase is for whoever reads the log. */
const phaseLine = /^vdi: phase (\S+) ([A-Z].* .*\.)\s*$/;
const firstRetryMs = 200;
const maxRetryMs = 5_000;

/** What a session's log says. */
export interface ReadyLogListener {
  onReady(): void;
  /** What the entry script says that it is doing, in words for the user. */
  onWords(words: string): void;
  onTrouble(error: unknown): void;
}

/**
 * Follows the log of a session's container until it says that Xpra is ready, or the signal is aborted.
 * The container has to run: before that the API server refuses to follow. A connection that breaks is made again.
 */
export async function followUntilReady(
  transport: KubeTransport,
  namespace: string,
  pod: string,
  signal: AbortSignal,
  listener: ReadyLogListener,
): Promise<void> {
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      const response = await transport.stream({
        path: `${kubePath("api", "v1", "namespaces", namespace, "pods", pod)}/log`,
        query: { container: sessionContainer, follow: true },
        accept: "*/*",
        signal,
      });
      for await (const line of linesOf(response)) {
        if (line.includes(readyWords)) {
          response.destroy();
          listener.onReady();
          return;
        }
        const words = phaseLine.exec(line)?.[2];
        if (words !== undefined) listener.onWords(words.trim().slice(0, 200));
      }
    } catch (thrown) {
      if (signal.aborted) return;
      listener.onTrouble(thrown);
    }
    // The log of a container that has ended ends too; the pod's own change tells that, and aborts the signal.
    await new Promise((resolve) => setTimeout(resolve, Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(tries, 8))));
  }
}
