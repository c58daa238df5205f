import { createServer, type Server } from "node:http";
import { keepTimes } from "../runtimes/removals.ts";
import type { RunningRuntime } from "../runtimes/running-runtime.ts";
import { sessionsOf } from "../session/get-or-start.ts";
import { manyListeners } from "../util/many-listeners.ts";
import { messageOf } from "../util/vdi-error.ts";
import { brokerApi } from "./api.ts";
import { type Audit, auditTo } from "./audit.ts";
import { configSource } from "./config-source.ts";
import { connectRuntime } from "./connect-runtime.ts";
import type { Env } from "./environment.ts";
import { brokerMetrics } from "./metrics.ts";
import { listenOnSocket } from "./socket.ts";

/**
 * Serves doors on the broker's socket, and health and metrics on a port, until SIGTERM or SIGINT.
 * Gives the exit code; throws when it cannot start, or when its memory of the sessions is not to be trusted any more.
 */
export async function serve(env: Env, write: (line: string) => void): Promise<number> {
  const audit = auditTo(write);
  const metrics = brokerMetrics();
  const onTrouble = (what: string, error: unknown): void => {
    metrics.trouble();
    audit("trouble", { what, error: messageOf(error) });
  };
  const config = configSource(env.configPath, onTrouble);
  const stop = new AbortController();
  manyListeners(stop.signal);
  const runtime = await connectRuntime(env, config, {
    keep: () => keepTimes(config()),
    signal: stop.signal,
    onTrouble,
    onWrite(verb, session) {
      metrics.write(verb);
      audit(verb, { session });
    },
  });
  const sessions = sessionsOf({ config, runtime });
  const server = createServer(
    { maxHeaderSize: 8192, requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 },
    brokerApi({ config, sessions, audit, metrics, stopping: stop.signal }),
  );
  const health = healthServer(runtime, () => metrics.text(runtime.count(), sessions.inFlight(), sessions.queued()));
  const ended = endOf({ stop, server, health, audit, drainMs: env.drainMs });
  await listenOnSocket(server, env.socketPath, env.socketGroup);
  await listenOnPort(health, env.healthPort);
  audit("start", { socket: env.socketPath, namespace: config().namespace, types: config().sessionTypes.length });
  runtime.known(60_000).then((known) => audit("known", { known, ...runtime.count() }));
  await Promise.race([ended, runtime.done]);
  await ended;
  return 0;
}

function listenOnPort(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => resolve());
  });
}

/** What has to end, and how long it may take. */
interface Ending {
  readonly stop: AbortController;
  readonly server: Server;
  readonly health: Server;
  readonly audit: Audit;
  readonly drainMs: number;
}

/** Fulfilled when a signal has come and all requests are answered, or have waited long enough. */
function endOf({ stop, server, health, audit, drainMs }: Ending): Promise<void> {
  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals): void => {
      audit("stop", { signal });
      const finish = (): void => {
        clearTimeout(timer);
        stop.abort();
        // Those who wait are told in words first.
        setImmediate(() => {
          server.closeAllConnections();
          health.close();
          health.closeAllConnections();
          resolve();
        });
      };
      const timer = setTimeout(finish, drainMs);
      server.close(finish);
      server.closeIdleConnections();
    };
    process.once("SIGTERM", end);
    process.once("SIGINT", end);
  });
}

/** `/healthz`: the process works. `/readyz`: it also knows the sessions. */
function healthServer(runtime: RunningRuntime, metricsText: () => string): Server {
  return createServer((request, response) => {
    const answer = async (): Promise<[number, string]> => {
      switch (request.url) {
        case "/healthz":
          return [200, "ok\n"];
        case "/readyz":
          return (await runtime.known(1_000)) ? [200, "ok\n"] : [503, "the sessions are not known yet\n"];
        case "/metrics":
          return [200, metricsText()];
        default:
          return [404, "not found\n"];
      }
    };
    answer().then(
      ([status, text]) => response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text),
      () => response.destroy(),
    );
  });
}
