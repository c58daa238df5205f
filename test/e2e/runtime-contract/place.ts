import type { BrokerConfig } from "../../../src/broker-config/broker-config.ts";
import type { KeepTimes } from "../../../src/runtimes/removals.ts";
import type { RunningRuntime } from "../../../src/runtimes/running-runtime.ts";
import { type Sessions, sessionsOf } from "../../../src/session/get-or-start.ts";
import type { SessionRequest } from "../../../src/session/session-runtime.ts";
import type { SessionState } from "../../../src/session/session-state.ts";
import type { SessionUser } from "../../../src/session/user.ts";
import { scriptPath, scripts } from "./scripts.ts";

/** A broker without its socket. */
export interface Broker {
  readonly runtime: RunningRuntime;
  readonly sessions: Sessions;
  readonly troubles: string[];
  /** Ends it as SIGKILL would: nothing that it was about to do is done. */
  kill(): void;
}

/** What one broker has of its own. */
export interface BrokerOptions {
  /** Without it the broker removes nothing that is over. */
  readonly keep?: KeepTimes;
  /** How long who asks waits, and again as long in the line of starts. Default: 90 s. */
  readonly timeoutMs?: number;
}

/** Somewhere that sessions run. */
export interface Place {
  /** One more broker for the same sessions. */
  broker(options?: BrokerOptions): Broker;
  /** The configuration that all of them have. */
  config(): BrokerConfig;
  /** Makes something that is none of ours under a session's name. */
  plantForeign(session: string): Promise<void>;
  /** How many machines of this session there are: containers or pods, in whatever state. */
  count(session: string): Promise<number>;
  /** Leaves no room for another session, and gives what takes that back. */
  fill(): Promise<() => Promise<void>>;
}

/** Users of the tests: another one for each test, so that none sees what another has left. */
let users = 0;

/** A user who has no session yet. */
export function newUser(): SessionUser {
  users += 1;
  const name = `user${users}`;
  const uid = 20_000 + users;
  return { name, uid, gid: uid, home: `/home/${name}`, shell: "/bin/bash", gecos: "", groups: [{ name, gid: uid }] };
}

/** The part of a broker's configuration that no runtime has for itself. */
export function commonConfig(namespace: string, image: string): Record<string, unknown> {
  return {
    version: 2,
    namespace,
    images: { default: image, missing: `${image}-that-nobody-has-built` },
    resources: { memoryLimit: "256Mi", cpuLimit: "1", cpuRequest: "1m", memoryRequest: "16Mi", ephemeralLimit: "128Mi" },
    screen: "640x480",
    gracePeriodSeconds: 20,
    startsAtOnce: 8,
    sessionTypes: Object.keys(scripts).map((type) => ({ scope: "default", type, script: scriptPath(type) })),
  };
}

/** Makes a broker of a runtime. */
export function brokerOf(
  runtime: RunningRuntime,
  { timeoutMs = 90_000 }: BrokerOptions,
  config: () => BrokerConfig,
  stop: AbortController,
  troubles: string[],
): Broker {
  return { runtime, troubles, sessions: sessionsOf({ config, runtime, timeoutMs }), kill: () => stop.abort() };
}

/** What a broker would ask its runtime for. */
export function requestOf(config: BrokerConfig, user: SessionUser, type: string, secret = "Secret0123456789"): SessionRequest {
  const image = config.images[type] ?? config.images["default"] ?? "";
  return { name: `${user.name}-${type}`, user, type, display: type, script: scriptPath(type), image, secret };
}

/** Waits for a state, or for anything that a broker knows of a session; on time-out says what it last knew. */
export async function untilState(
  { runtime, troubles }: Broker,
  session: string,
  isIt: (state: SessionState) => boolean,
  timeoutMs = 60_000,
): Promise<SessionState> {
  const deadline = performance.now() + timeoutMs;
  let wake: () => void = () => undefined;
  const stop = runtime.onChange(session, () => wake());
  try {
    for (;;) {
      const { status } = runtime.look(session);
      if (isIt(status)) return status;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        throw new Error(`${session}: not within ${timeoutMs / 1000} s; last: ${JSON.stringify(status)}; troubles: ${troubles.join("; ")}`);
      }
      // Some states change by time alone.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 500));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stop();
  }
}
