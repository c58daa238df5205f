import type Dockerode from "dockerode";
import type { Context } from "../util/context.ts";
import type { Machine } from "../util/ports.ts";
import { messageOf } from "../util/vdi-error.ts";
import { waitUntilThere } from "../util/wait-until-there.ts";
import { ifThere, inWords } from "./engine-error.ts";
import { logText, readLocalLog } from "./logs.ts";
import { containerName } from "./names.ts";

const timeoutMs = 60_000;
/** Whatever runs for so long has come up: a broker that cannot work ends at once. */
const settledMs = 10_000;

/** Waits until the page answers and the broker listens. Throws with the last words of both when they do not. */
export async function waitUntilReady(ctx: Context, machine: Machine, docker: Dockerode, namespace: string, address: string): Promise<void> {
  const names = [containerName(namespace, "broker"), containerName(namespace, "proxy")];
  const tail = async (): Promise<string> => (await Promise.all(names.map((name) => lastWords(docker, name)))).join("\n");
  await waitUntilThere(
    { what: `an answer of ${address}`, timeoutMs, everyMs: 200, tail },
    async () => {
      for (const name of names) {
        const problem = await containerProblem(docker, name, ctx.now());
        if (problem !== undefined) return `${name}: ${problem}`;
      }
      return machine.pageProblem(address);
    },
    ctx.signal,
  );
}

async function containerProblem(docker: Dockerode, name: string, now: number): Promise<string | undefined> {
  const found = await inWords(`the engine could not say how ${name} is`, ifThere(docker.getContainer(name).inspect()));
  if (found === undefined) return "it is gone";
  const { State: state, Config: config } = found;
  if (!state.Running || state.Restarting) return `it does not keep running (${state.Status}, exit code ${state.ExitCode})`;
  const started = Date.parse(state.StartedAt);
  // The proxy is asked itself; the broker's network has no way in.
  if (!(config.Cmd ?? []).includes("--serve") || now - started > settledMs) return undefined;
  for await (const { event } of readLocalLog(docker, name, { tail: undefined, since: Math.floor(started / 1000) })) {
    if (event?.["event"] === "start") return undefined;
  }
  return "it does not listen yet";
}

/** The end of a container's log, for an error. */
function lastWords(docker: Dockerode, name: string): Promise<string> {
  return logText(docker.getContainer(name), 6).catch((thrown: unknown) => messageOf(thrown));
}
