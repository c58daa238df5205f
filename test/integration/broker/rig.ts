import { afterEach, beforeEach } from "vitest";
import { kubeTransport } from "../../../src/kube/transport.ts";
import { kubernetesRuntime } from "../../../src/runtimes/kubernetes.ts";
import type { KeepTimes } from "../../../src/runtimes/removals.ts";
import type { RunningRuntime } from "../../../src/runtimes/running-runtime.ts";
import { type Sessions, sessionsOf } from "../../../src/session/get-or-start.ts";
import { FakeKube, type FakeKubelet } from "../support/fake-kube.ts";
import { brokerConfig, listener } from "./fixture.ts";

/** A node that runs everything at once. */
export const kubelet: FakeKubelet = { host: "127.0.0.1", startMs: 20, readyMs: 20 };

/** A broker without its socket. */
export interface Broker {
  readonly sessions: Sessions;
  readonly runtime: RunningRuntime;
  /** Its sessions for callers that wait for so long: those that are to wait in vain come when all else is settled. */
  sessionsFor(timeoutMs: number): Sessions;
  readonly troubles: string[];
  kill(): void;
}

/** What differs between brokers. */
export interface BrokerSettings {
  readonly keep?: Partial<KeepTimes>;
  /** How long it lets a caller wait. Default: 20 s, longer than any of these tests needs. */
  readonly timeoutMs?: number;
}

/** Brokers, clusters and what listens in a pod, for one test file; all of them end with each test. */
export interface Rig {
  /** What listens where Xpra would. */
  xpra(): Awaited<ReturnType<typeof listener>>;
  broker(kube: FakeKube, settings?: BrokerSettings): Broker;
  fakeKube(own?: FakeKubelet): Promise<FakeKube>;
}

/** Sets up and tears down around each test of the file that calls it. */
export function brokerRig(): Rig {
  const ends: (() => unknown)[] = [];
  let xpra: Awaited<ReturnType<typeof listener>>;

  beforeEach(async () => {
    xpra = await listener();
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await xpra.close();
  });

  return {
    xpra: () => xpra,
    broker(kube, { keep = {}, timeoutMs = 20_000 } = {}) {
      const config = brokerConfig(xpra.port);
      const stop = new AbortController();
      const troubles: string[] = [];
      const runtime = kubernetesRuntime({
        transport: kubeTransport({ server: kube.url }),
        namespace: config.namespace,
        settings: () => config,
        keep: () => ({ endedSeconds: 600, failedSeconds: 86_400, pendingSeconds: 600, elsewhereSeconds: 600, ...keep }),
        signal: stop.signal,
        onTrouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
      });
      ends.push(() => stop.abort());
      const sessionsFor = (waitMs: number): Sessions => sessionsOf({ config: () => config, runtime, timeoutMs: waitMs });
      return { runtime, sessions: sessionsFor(timeoutMs), sessionsFor, troubles, kill: () => stop.abort() };
    },
    async fakeKube(own) {
      const kube = await new FakeKube(own).start();
      ends.push(() => kube.stop());
      return kube;
    },
  };
}

/** For tests that do not look at progress. */
export function quiet(): void {
  // Nothing to do.
}

/** Waits until something is so: by default twice as long as brokers wait of their own, where two of them must not ask at once (up to 5 s). */
export async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not happen within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until both watches are open, so that requests can be counted from here on. */
export async function settled(kube: FakeKube, brokers = 1): Promise<void> {
  await until(() => kube.seen.filter(({ query }) => query.get("watch") === "true").length >= 2 * brokers);
  kube.seen.length = 0;
}
