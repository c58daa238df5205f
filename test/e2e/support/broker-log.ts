import type { Demo } from "../../start/demo.ts";
import type { Kubectl } from "./kubectl.ts";
import { eventually } from "./wait.ts";

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

/** The first such line, once it can be read, which is a moment after it was written; `what` it says is for the message of a wait in vain. */
export async function untilBrokerLine(
  kubectl: Kubectl,
  demo: Demo,
  fromMs: number,
  what: string,
  isIt: (line: BrokerLine) => boolean,
): Promise<BrokerLine | undefined> {
  const find = async (): Promise<BrokerLine | undefined> => (await brokerLines(kubectl, demo, fromMs)).find(isIt);
  return eventually(what, find, (line) => line !== undefined);
}
