import Dockerode from "dockerode";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";

/** How long an engine may take to say that it is there. */
const deadlineMs = 10_000;

/** What ends the wait for an engine's first answer. */
export interface EngineWait {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** The container engine of DOCKER_HOST, else of the local socket. Throws when it does not answer. */
export async function connectEngine({ signal, timeoutMs = deadlineMs }: EngineWait = {}): Promise<Dockerode> {
  try {
    // It reads DOCKER_HOST and the certificates of DOCKER_CERT_PATH.
    const docker = new Dockerode();
    await answer(docker, signal, timeoutMs);
    return docker;
  } catch (thrown) {
    signal?.throwIfAborted();
    const place = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
    throw new VdiError({
      what: `the container engine at ${place} does not answer`,
      why: messageOf(thrown),
      try: ["start it (systemctl start docker), or name another one with DOCKER_HOST", "docker info"],
      exitCode: ExitCode.unreachable,
      cause: thrown,
    });
  }
}

/** An engine that accepts the connection may say nothing, or begin an answer and not end it: the library would wait for ever. */
async function answer(docker: Dockerode, signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort(signal?.reason);
  const timer = setTimeout(() => ended.abort(new Error(`it said nothing for ${timeoutMs / 1000} s`)), timeoutMs);
  signal?.addEventListener("abort", end, { once: true });
  try {
    signal?.throwIfAborted();
    const stopped = new Promise<never>((_, reject) => {
      ended.signal.addEventListener("abort", () => reject(ended.signal.reason as Error), { once: true });
    });
    // It takes this option, which its types do not know; a request that goes on would keep the process alive.
    const ping = docker.ping as (options: { readonly abortSignal: AbortSignal }) => Promise<unknown>;
    // First: the library's own word for an abort says nothing.
    await Promise.race([stopped, ping.call(docker, { abortSignal: ended.signal })]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}
