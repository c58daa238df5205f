/** Upper edges, in seconds. */
const edges = [0.005, 0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 30, 60, 300];

/** The broker's numbers, in Prometheus' text form. */
export interface Metrics {
  /** Counts a request; `outcome` is `ok` or the reason of a refusal. */
  request(endpoint: string, outcome: string): void;
  /** Notes how long an answer took that opened a session. */
  answered(started: boolean, seconds: number): void;
  trouble(): void;
  write(verb: string): void;
  text(sessions: Readonly<Record<string, number>>, inFlight: number, queued: number): string;
}

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Makes an empty set of numbers. */
export function brokerMetrics(): Metrics {
  const requests = new Map<string, number>();
  const writes = new Map<string, number>();
  const histograms = new Map<string, Histogram>();
  let troubles = 0;
  const add = (map: Map<string, number>, key: string): void => {
    map.set(key, (map.get(key) ?? 0) + 1);
  };
  return {
    request: (endpoint, outcome) => add(requests, `endpoint="${endpoint}",outcome="${outcome}"`),
    answered(started, seconds) {
      const key = `started="${started}"`;
      const histogram = histograms.get(key) ?? { counts: edges.map(() => 0), sum: 0, count: 0 };
      histograms.set(key, histogram);
      histogram.sum += seconds;
      histogram.count += 1;
      edges.forEach((edge, at) => {
        if (seconds <= edge) histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
      });
    },
    trouble: () => {
      troubles += 1;
    },
    write: (verb) => add(writes, `verb="${verb}"`),
    text(sessions, inFlight, queued) {
      const name = "vdi_broker_answer_seconds";
      const buckets = [...histograms].flatMap(([key, { counts, sum, count }]) => [
        ...edges.map((edge, at) => `${name}_bucket{${key},le="${edge}"} ${counts[at] ?? 0}`),
        `${name}_bucket{${key},le="+Inf"} ${count}`,
        `${name}_sum{${key}} ${sum}`,
        `${name}_count{${key}} ${count}`,
      ]);
      return [
        ...family("vdi_broker_requests_total", "counter", "Requests of doors.", lines(requests)),
        ...family("vdi_broker_writes_total", "counter", "Requests that begin or end a session.", lines(writes)),
        ...family("vdi_broker_trouble_total", "counter", "Failures that were tried again.", [["", troubles]]),
        ...family(
          "vdi_broker_sessions",
          "gauge",
          "Sessions by state.",
          Object.entries(sessions).map(([state, count]) => [`{state="${state}"}`, count] as const),
        ),
        ...family("vdi_broker_flights", "gauge", "Sessions that are being waited for.", [["", inFlight]]),
        ...family("vdi_broker_queued", "gauge", "Those of them that wait for others to be started.", [["", queued]]),
        ...family("vdi_broker_resident_bytes", "gauge", "Memory.", [["", process.memoryUsage.rss()]]),
        `# HELP ${name} From request to session.`,
        `# TYPE ${name} histogram`,
        ...buckets,
        "",
      ].join("\n");
    },
  };
}

function lines(map: ReadonlyMap<string, number>): (readonly [string, number])[] {
  return [...map].map(([key, count]) => [`{${key}}`, count] as const);
}

function family(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([key, value]) => `${name}${key} ${value}`)];
}
