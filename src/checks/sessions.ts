import type { V1Node, V1Pod, V1ResourceQuota } from "@kubernetes/client-node";
import { sessionRow } from "../deployment/session-list.ts";
import { hasEnded, isReady } from "../kube/ready.ts";
import { KubeError } from "../kube/transport.ts";
import { brokerUser } from "../manifests/deployment-names.ts";
import { ageText } from "../util/table.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { brokerConfigOf, sessionPodsOf } from "./deployed-facts.ts";
import { roomOn, whyNoSessions } from "./nodes.ts";
import { needsOfSession, quotaRoom } from "./quota.ts";
import { dryRunSession } from "./session-probe.ts";
import { clusterWide, namespaced, readable, type World } from "./world.ts";

/** Longer than a session takes to end, and than a broker takes to remove it. */
const patienceMs = 120_000;
const startPatienceMs = 300_000;
/** Fewer free places than this are said before they are gone. */
const fewPlaces = 3;

/** What has to hold of the sessions, those that run and those that are to come. */
export const sessionChecks: readonly Check<World>[] = [
  {
    id: "session-accepted",
    category: "sessions",
    description: "the cluster would take a session",
    looksAt:
      "The pod of a session is offered as a dry run, which keeps nothing, in the broker's name where you may: quotas, limit ranges, Pod Security, the admission policy and whatever else the cluster has may refuse it, in its own words.",
    hint: [
      "kubectl -n NAMESPACE get resourcequota,limitrange",
      "vdi deploy brings the namespace, the policy and the service account back",
      "vdi deploy takes up what the cluster adds to every pod: a default PriorityClass, the account's pull secrets, the namespace's node selector",
    ],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      try {
        await dryRunSession(world, { as: brokerUser(world.config()) });
        return ok();
      } catch (thrown) {
        if (!(thrown instanceof KubeError)) throw thrown;
        if (!/impersonate/.test(thrown.message)) return refused(thrown);
      }
      try {
        await dryRunSession(world);
        return ok("asked in your own name");
      } catch (thrown) {
        if (thrown instanceof KubeError) return refused(thrown);
        throw thrown;
      }
    },
  },
  {
    id: "quotas",
    category: "sessions",
    description: "the quotas leave room for more sessions",
    looksAt:
      "Each ResourceQuota of the sessions' namespace against what one session asks for (`XPRA_SESSION_*`): how many more it lets in.",
    hint: ["raise the ResourceQuota", "lower XPRA_SESSION_CPU_* or XPRA_SESSION_MEMORY_*, then vdi deploy"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const quotas = await readable(world.list<V1ResourceQuota>(namespaced("core", world.config().namespace, "resourcequotas")));
      if (quotas === undefined) return skipped("you may not read the quotas");
      if (quotas.length === 0) return ok("there are none");
      const { resources } = await brokerConfigOf(world);
      const rooms = quotas.flatMap((quota) => quotaRoom(quota, resources));
      if (rooms.length === 0) return ok("none of them concerns sessions");
      const least = rooms.reduce((one, other) => (other.sessions < one.sessions ? other : one));
      if (least.sessions < 1) return failed(rooms.filter(({ sessions }) => sessions < 1).map(({ text }) => text));
      return least.sessions < fewPlaces ? warning(least.text) : ok(`${least.sessions} more`);
    },
  },
  {
    id: "room",
    category: "sessions",
    description: "the nodes have room for more sessions",
    looksAt:
      "What the nodes that take sessions have free, by what all pods on them ask for, against what one session asks for (`XPRA_SESSION_CPU_REQUEST`, `XPRA_SESSION_MEMORY_REQUEST`): how many more fit. What sessions really use may be more.",
    hint: ["add nodes to XPRA_WORKERS", "vdi sessions list; vdi sessions stop NAME"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed", "workers"],
    async run(world) {
      const [nodes, pods, broker] = await Promise.all([
        readable(world.list<V1Node>(clusterWide("core", "nodes"))),
        readable(world.list<V1Pod>(clusterWide("core", "pods"), { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" })),
        brokerConfigOf(world),
      ]);
      if (nodes === undefined || pods === undefined) return skipped("you may not read nodes and pods of the whole cluster");
      const usable = nodes.filter(
        (node) =>
          isReady(node) &&
          whyNoSessions(node) === undefined &&
          Object.entries(broker.kubernetes.nodeSelector).every(([key, value]) => node.metadata?.labels?.[key] === value),
      );
      if (usable.length === 0) return warning("no node takes sessions", ["vdi deploy sets the workers' labels"]);
      const rooms = usable.map((node) => ({ name: node.metadata?.name ?? "", ...roomOn(node, pods, needsOfSession(broker.resources)) }));
      const total = rooms.reduce((sum, { sessions }) => sum + sessions, 0);
      const limits = [...new Set(rooms.map(({ limit }) => limit))].join(" and ");
      const text = `${total} more, then ${limits} ${limits.includes(" and ") || limits === "pods" ? "are" : "is"} used up`;
      return total < fewPlaces ? warning(text) : ok(text);
    },
  },
  {
    id: "sessions-old-images",
    category: "sessions",
    description: "running sessions have the images of the deployment",
    looksAt: "The image of each running session against those that new sessions get. A session keeps its image until it ends.",
    hint: ["nothing needs to be done: they end with their users' work", "vdi sessions stop NAME, when an old image must go"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const [pods, broker] = await Promise.all([sessionPodsOf(world), brokerConfigOf(world)]);
      const current = new Set(Object.values(broker.images));
      const running = pods.filter(({ status }) => status?.phase === "Running");
      const old = running.filter(({ spec }) => !current.has(spec?.containers[0]?.image ?? ""));
      if (old.length === 0) return ok(`${running.length} running`);
      return warning(`${old.length} of ${running.length} run on older images: ${some(old)}`);
    },
  },
  {
    id: "sessions-not-starting",
    category: "sessions",
    description: "no session has been starting for long",
    looksAt: "Sessions whose container does not run five minutes after they were made, with the reason that the cluster gives.",
    hint: ["vdi sessions list", "kubectl -n NAMESPACE describe pod NAME"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const now = world.ctx.now();
      const rows = (await sessionPodsOf(world)).map((pod) => sessionRow(pod, now));
      const late = rows.filter(({ state, startedAt }) => state === "starting" && now - Date.parse(startedAt) > startPatienceMs);
      const at = new Date(now).toISOString();
      return unless(
        late.map(({ name, reason, startedAt }) => `${name} for ${ageText(startedAt, at)}${reason === undefined ? "" : `: ${reason}`}`),
      );
    },
  },
  {
    id: "sessions-ending",
    category: "sessions",
    description: "no session hangs in its end",
    looksAt:
      "Pods of sessions that should be gone: two minutes after the grace period of their deletion. Mostly their node does not answer any more.",
    hint: ["kubectl get nodes: is the pod's node there?", "kubectl -n NAMESPACE delete pod NAME --force, when the node is gone for good"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const now = world.ctx.now();
      const hung = (await sessionPodsOf(world)).filter(({ metadata }) => {
        const end = Date.parse(String(metadata?.deletionTimestamp ?? ""));
        return !Number.isNaN(end) && now - end > patienceMs;
      });
      return unless(
        hung.map(
          ({ metadata, spec }) => `${metadata?.name ?? ""} on ${spec?.nodeName ?? "no node"}, since ${String(metadata?.deletionTimestamp)}`,
        ),
      );
    },
  },
  {
    id: "sessions-ended",
    category: "sessions",
    description: "ended sessions are tidied away",
    looksAt:
      "Pods of sessions that ended longer ago than `XPRA_KEEP_ENDED` or `XPRA_KEEP_FAILED` and two minutes: brokers remove them, so one that works would have.",
    hint: ["look at brokers-healthy; kubectl -n ingress-NAMESPACE logs POD -c broker", "kubectl -n NAMESPACE delete pod NAME"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const [pods, broker] = await Promise.all([sessionPodsOf(world), brokerConfigOf(world)]);
      const now = world.ctx.now();
      const left = pods.filter((pod) => {
        const end = endOf(pod);
        if (end === undefined || pod.metadata?.deletionTimestamp !== undefined) return false;
        const keepSeconds = sessionRow(pod, now).why === undefined ? broker.keepEndedSeconds : broker.keepFailedSeconds;
        return end < now - keepSeconds * 1000 - patienceMs;
      });
      return unless(left.length === 0 ? [] : [`${left.length} are left: ${some(left)}`]);
    },
  },
];

/** When a pod ended, in milliseconds since the epoch; undefined: it has not, or does not say. Pure. */
export function endOf(pod: V1Pod): number | undefined {
  if (!hasEnded(pod)) return undefined;
  const { status } = pod;
  const times = [
    ...(status?.containerStatuses ?? []).map(({ state }) => state?.terminated?.finishedAt),
    // An evicted pod has no container any more.
    ...(status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime),
  ];
  return times.map((time) => Date.parse(String(time ?? ""))).find((time) => !Number.isNaN(time));
}

function refused({ message, causes }: KubeError): ReturnType<typeof failed> {
  const missing = causes.filter((cause) => !message.includes(cause.message)).map((cause) => `${cause.field}: ${cause.message}`);
  return failed([message, ...missing], remedies.find(([words]) => words.test(message))?.[1]);
}

/** What to try where the refusal itself says enough; the first line that fits wins. */
const remedies: readonly (readonly [RegExp, readonly string[]])[] = [
  [/exceeded quota/, ["raise the ResourceQuota, or lower XPRA_SESSION_*"]],
  [/vdi: no priority of its own/, ["vdi deploy takes up the cluster's default PriorityClass, where you may list PriorityClasses"]],
  [/vdi: only the deployment's pull secrets/, ["vdi deploy takes up the pull secrets of serviceaccount/vdi-session"]],
  [
    /vdi: no choice of the node/,
    [
      "vdi deploy takes up the node selector of the namespace's annotations",
      "one that stands in the API server's own configuration only: write it into the namespace's annotation as well",
    ],
  ],
  [
    /vdi: only the tolerations that every pod gets/,
    ["take the annotation scheduler.alpha.kubernetes.io/defaultTolerations off the namespace: sessions get no tolerations of a site's"],
  ],
];

function some(pods: readonly V1Pod[]): string {
  const names = pods.slice(0, 5).map(({ metadata }) => metadata?.name ?? "");
  return `${names.join(", ")}${pods.length > names.length ? ", …" : ""}`;
}
