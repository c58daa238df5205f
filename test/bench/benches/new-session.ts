import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { askedByBrokers } from "../../e2e/support/audit-log.ts";
import type { Bench } from "../bench.ts";
import { type Deployment, lightType } from "../deployment.ts";
import { timed, timeProgram } from "../timing.ts";

const user = "xpra-user01";
const pod = `${user}-${lightType}`;
const readyWords = "xpra is ready.";
const writing = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** Moments of one start, in milliseconds since the epoch. */
interface Start {
  readonly created: number;
  readonly containerStarted: number;
  readonly ready: number;
  readonly answered: number;
  /** How long the client waited, sign-in included. */
  readonly seen: number;
  readonly requests: number;
  readonly writes: number;
  readonly lists: number;
}

/** What a new user waits for, beside the container's own start. */
export const bench: Bench = {
  name: "new-session",
  what: "A new session on the cluster, from the request to the answer that lets the user in.",
  how: `One after the other, the type ${lightType}, image on the node. "Created" is when the broker sends the pod, "answered" when it has the answer, both by its own log; the container's start is that of its first process, "ready" the time of Xpra's line in its log: one machine, one clock. The plain way is what a script does: \`kubectl create\` of the same pod, then \`kubectl get pod\` until it runs and \`kubectl logs\` until it is ready, without a pause between.`,
  heldBackBy:
    "The kubelet. It looks again at a pod with volumes only after 300 ms, and tells that a container runs, and lets its log be followed, with its next look at all containers, once a second: a session that is ready sooner is known only then. Decision 0055 says what a word from the session itself would gain and cost.",
  async run(world) {
    const deployment = await world.deployment();
    world.defer(() => deployment.endSessions());
    await deployment.endSessions();
    const starts: Start[] = [];
    const plain: number[] = [];
    const count = world.count(20, 2);
    // One that is thrown away: the first one fills caches.
    let manifest = await firstPod(deployment);
    for (let at = 0; at < count; at += 1) {
      world.signal.throwIfAborted();
      await deployment.endSessions();
      starts.push(await startOnce(deployment));
      manifest = await manifestOf(deployment);
      await deployment.endSessions();
      plain.push(await plainWay(deployment, manifest));
      world.say(`${at + 1} of ${count}`);
    }
    const inPod = starts.map(({ containerStarted, ready }) => ready - containerStarted);
    const toAnswer = starts.map(({ created, answered }) => answered - created);
    return [
      {
        what: "create to answer, new session",
        unit: "ms",
        samples: toAnswer,
        plain: { what: "kubectl create, get and logs in a loop", samples: plain, paired: true },
      },
      { what: "container start to `xpra is ready.`, in the pod", unit: "ms", samples: inPod },
      {
        what: "create to answer without the container's own start",
        unit: "ms",
        samples: toAnswer.map((took, at) => took - (inPod[at] ?? 0)),
        targets: [{ of: "p50", atMost: 500 }],
      },
      {
        what: "answer after Xpra prints that it is ready",
        unit: "ms",
        samples: starts.map(({ ready, answered }) => answered - ready),
        targets: [{ of: "p50", atMost: 50 }],
      },
      { what: "sign-in and new session, as a client sees it", unit: "ms", samples: starts.map(({ seen }) => seen) },
      ...(deployment.auditLog === undefined
        ? []
        : [
            {
              what: "writes to the cluster's API for a new session",
              unit: "" as const,
              samples: starts.map(({ writes }) => writes),
              targets: [{ of: "max", atMost: 2 } as const],
            },
            {
              what: "lists of the cluster's API for a new session",
              unit: "" as const,
              samples: starts.map(({ lists }) => lists),
              targets: [{ of: "max", exactly: 0 } as const],
            },
            {
              what: "all requests to the cluster's API for a new session",
              unit: "" as const,
              samples: starts.map(({ requests }) => requests),
            },
          ]),
    ];
  },
};

async function firstPod(deployment: Deployment): Promise<V1Pod> {
  await deployment.login(user, lightType);
  return manifestOf(deployment);
}

/** One start through the door, and its moments from where they are kept. */
async function startOnce(deployment: Deployment): Promise<Start> {
  const from = new Date();
  const seen = await timed(() => deployment.login(user, lightType));
  const requests = deployment.auditLog === undefined ? [] : askedByBrokers(deployment, from.getTime());
  const [broker, inPod] = [await brokerMoments(deployment, from), await podMoments(deployment)];
  return {
    ...broker,
    ...inPod,
    seen,
    requests: requests.length,
    writes: requests.filter(({ verb }) => writing.has(verb)).length,
    lists: requests.filter(({ verb }) => verb === "list").length,
  };
}

/** When the pod was sent and the answer there, from the log of whichever broker did it. */
async function brokerMoments(deployment: Deployment, from: Date): Promise<Pick<Start, "created" | "answered">> {
  const { kubectl, ingressNamespace } = deployment;
  const since = `--since-time=${from.toISOString()}`;
  for (const proxy of await deployment.proxies()) {
    const lines = (await kubectl.run("logs", "-n", ingressNamespace, proxy, "-c", "broker", since)).split("\n");
    const events = lines.flatMap((line) =>
      line.startsWith("{") ? [JSON.parse(line) as { time: string; event: string; outcome?: string }] : [],
    );
    const created = events.find(({ event, time }) => event === "create" && Date.parse(time) >= from.getTime());
    const answered = events.find(({ event, outcome }) => event === "session" && outcome === "ready");
    if (created !== undefined && answered !== undefined) {
      return { created: Date.parse(created.time), answered: Date.parse(answered.time) };
    }
  }
  throw new Error(`no broker has told of the start since ${from.toISOString()}`);
}

/** When the container's first process began and when Xpra was ready. */
async function podMoments({ kubectl, namespace }: Deployment): Promise<Pick<Start, "containerStarted" | "ready">> {
  const log = await kubectl.run("logs", "-n", namespace, pod, "--timestamps");
  const line = log.split("\n").find((text) => text.includes(readyWords)) ?? "";
  const { output } = await kubectl.shell(namespace, pod, "session", "cut -d' ' -f22 /proc/1/stat; cut -d' ' -f1 /proc/uptime; date +%s.%N");
  // Ticks of a hundredth of a second since the machine started.
  const [ticks = 0, uptime = 0, now = 0] = output.trim().split("\n").map(Number);
  return { ready: Date.parse(line.split(" ")[0] ?? ""), containerStarted: (now - uptime + ticks / 100) * 1000 };
}

/** The session's pod as it could be created again, by another name. */
async function manifestOf({ kubectl, namespace }: Deployment): Promise<V1Pod> {
  const { metadata, spec } = JSON.parse(await kubectl.run("get", "pod", "-n", namespace, pod, "-o", "json")) as V1Pod;
  const { nodeName: _, ...rest } = spec ?? { containers: [] };
  const { labels = {}, annotations = {} } = metadata ?? {};
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "bench-plain", namespace, labels, annotations }, spec: rest };
}

/** What a script does without a broker. */
async function plainWay(deployment: Deployment, manifest: V1Pod): Promise<number> {
  const { kubectlProgram, kubectlArgs, kubectl, namespace } = deployment;
  const script = `
    set -e
    k() { '${kubectlProgram}' ${kubectlArgs.map((arg) => `'${arg}'`).join(" ")} -n '${namespace}' "$@"; }
    k create -f - >/dev/null
    until [ "$(k get pod bench-plain -o 'jsonpath={.status.phase}')" = Running ]; do :; done
    until k logs bench-plain 2>/dev/null | grep -q '${readyWords}'; do :; done
  `;
  try {
    return await timeProgram({ file: "/bin/bash", args: ["-c", script], input: JSON.stringify(manifest) });
  } finally {
    await kubectl.run("delete", "pod", "-n", namespace, "bench-plain", "--ignore-not-found", "--wait=true", "--timeout=60s");
    await sleep(200);
  }
}
