import type { CoreV1Event } from "@kubernetes/client-node";

const hourMs = 3_600_000;
const mostLines = 8;

/** The warnings of the last hour, the newest first, one line for each kind of object and reason. Pure. */
export function warningsOf(events: readonly CoreV1Event[], now: number): readonly string[] {
  const groups = new Map<string, { count: number; last: number; text: string }>();
  for (const event of events) {
    const at = timeOf(event);
    if (event.type !== "Warning" || now - at > hourMs || isUsual(event)) continue;
    const { kind = "", name = "", namespace = "" } = event.involvedObject;
    // Pods of one set differ by their ends only.
    const key = `${namespace}\0${kind}\0${kind === "Pod" ? name.replace(/-[a-z0-9]{5}$/, "") : name}\0${event.reason}`;
    const known = groups.get(key);
    const count = (known?.count ?? 0) + (event.series?.count ?? event.count ?? 1);
    const isNewer = known === undefined || at >= known.last;
    const text = isNewer ? `${kind.toLowerCase()}/${name} in ${namespace}: ${event.reason ?? ""}: ${firstLine(event.message)}` : known.text;
    groups.set(key, { count, last: Math.max(at, known?.last ?? 0), text });
  }
  const lines = [...groups.values()]
    .sort((a, b) => b.last - a.last)
    .map(({ count, text, last }) => `${text} (${count === 1 ? "" : `${count} times, `}${minutesAgo(now - last)})`);
  return lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

/** What comes with every start and every end of a pod says nothing. */
function isUsual({ reason, count = 1 }: CoreV1Event): boolean {
  return reason === "MissingClusterDNS" || (reason === "Unhealthy" && count < 10);
}

/** The raw JSON has texts where the types have dates. */
function timeOf({ series, lastTimestamp, eventTime, metadata }: CoreV1Event): number {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, metadata.creationTimestamp].map((time) =>
    Date.parse(String(time ?? "")),
  );
  return times.find((time) => !Number.isNaN(time)) ?? 0;
}

function minutesAgo(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? "just now" : `${minutes} min ago`;
}

function firstLine(text = ""): string {
  const line = text.split("\n")[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
