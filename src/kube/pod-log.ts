import { linesOf, longestLogLine } from "../util/lines.ts";
import { isKubeStatus } from "./kube-error.ts";
import { type KubeTransport, kubePath } from "./transport.ts";

/** Which part of which container's log. */
export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The last lines only. */
  readonly tail?: number | undefined;
  /** Nothing older than so many seconds. */
  readonly sinceSeconds?: number | undefined;
  /** Nothing from before this moment; the API counts in whole seconds. */
  readonly sinceTime?: string | undefined;
  /** The log of the container's last run but this. */
  readonly previous?: boolean;
  /** Goes on as long as the container runs. */
  readonly follow?: boolean;
  /** Takes no more than so many bytes. */
  readonly limitBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One line of a log. */
export interface LogLine {
  /** When the node got it: RFC 3339, as many digits of a second as the node counts. */
  readonly time: string;
  /** The beginning of a line that is very long. */
  readonly text: string;
}

/**
 * The lines of a container's log. None for a container that is gone, has not started, or has no previous run.
 * A followed log ends with the container, or with the connection.
 */
export async function* podLog(transport: KubeTransport, request: LogRequest): AsyncGenerator<LogLine> {
  const { namespace, pod, container, tail, sinceSeconds, sinceTime, previous, follow, limitBytes, signal } = request;
  let response: Awaited<ReturnType<KubeTransport["stream"]>>;
  try {
    response = await transport.stream({
      path: kubePath("api", "v1", "namespaces", namespace, "pods", pod, "log"),
      query: {
        container,
        timestamps: true,
        tailLines: tail,
        // The API takes no 0.
        sinceSeconds: sinceSeconds === undefined ? undefined : Math.max(1, Math.ceil(sinceSeconds)),
        sinceTime,
        previous: previous === true ? true : undefined,
        follow: follow === true ? true : undefined,
        limitBytes,
      },
      accept: "*/*",
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (thrown) {
    if (isKubeStatus(thrown, 400) || isKubeStatus(thrown, 404)) return;
    throw thrown;
  }
  try {
    for await (const line of linesOf(response, longestLogLine)) yield logLine(line);
  } finally {
    response.destroy();
  }
}

function logLine(line: string): LogLine {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?(.*)$/s.exec(line);
  return match === null ? { time: "", text: line } : { time: match[1] ?? "", text: (match[2] ?? "").replace(/\r$/, "") };
}

/** A key that sorts like the moments, whose texts have fractions of different lengths. */
export function timeKey(time: string): string {
  const [whole = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  return `${whole}.${fraction.padEnd(9, "0")}`;
}
