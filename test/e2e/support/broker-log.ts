import type { Demo } from "../../start/demo.ts";
import type { Kubectl } from "./kubectl.ts";

/** A line of the broker's log. */
export interface BrokerLine {
  readonly time: string;
  readonly event: string;
  readonly user?: string;
  readonly session?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly admin?: string;
  readonly detail?: string;
}

/** What the brokers of all proxies have written, in the order of time, from a moment on (milliseconds since the epoch). */
export async function brokerLines(kubectl: Kubectl, demo: Demo, fromMs: number): Promise<readonly BrokerLine[]> {
  const namespace = `ingress-${demo.namespace}`;
  const proxies = await kubectl.pods(namespace, "app=xpra-proxy");
  const texts = await Promise.all(proxies.map(({ metadata }) => kubectl.logs(namespace, metadata?.name ?? "", "broker")));
  return texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as BrokerLine)
    .filter(({ time }) => Date.parse(time) >= fromMs)
    .sort((a, b) => (a.time < b.time ? -1 : 1));
}
