import { join } from "node:path";
import type { CoreV1Event, V1Deployment, V1Pod } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { askQuietly } from "../deployment/ask-quietly.ts";
import { readSessionFiles } from "../deployment/deployment-files.ts";
import { sessionTypeEntries } from "../deployment/session-type-entries.ts";
import { isReady } from "../kube/ready.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { type LogItem, podsOf, readLogs } from "../logs/read-logs.ts";
import { redact } from "../logs/redact.ts";
import { logSource } from "../logs/sources.ts";
import { podFacts, podView } from "../runtimes/pod-state.ts";
import { offeredTypes } from "../session/session-types.ts";
import { isLocked } from "../users/demo-users.ts";
import type { UserEntries } from "../users/entries.ts";
import { readUsers } from "../users/user-store.ts";
import type { AccountFact, LogFact, LoginFacts, PodFact } from "./facts.ts";

/** More lines than a day of a busy proxy has; a log that is longer is read from its end. */
const maxLines = 50_000;
const tailLines = 20;

/** Where to look. */
export interface GatherOptions {
  readonly transport: KubeTransport;
  readonly config: Config;
  /** Name of a user or of a session. */
  readonly who: string;
  readonly sinceSeconds: number;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Collects everything that tells of somebody's last logins: logs of all proxies and brokers, pods, events, the directory. */
export async function gatherFacts(options: GatherOptions): Promise<LoginFacts> {
  const { transport, config, who, sinceSeconds, now, signal } = options;
  const proxySource = logSource(config, "all", "");
  const [deployment, proxyPods, sessionPods, entries] = await Promise.all([
    askQuietly<V1Deployment>(
      transport,
      kubePath("apis", "apps", "v1", "namespaces", config.ingressNamespace, "deployments", config.deployName),
      {},
      signal,
    ),
    podsOf(transport, proxySource, signal),
    podsOf(transport, logSource(config, "session", who), signal),
    readUsers(config.directory),
  ]);
  const restarted = proxyPods.filter(({ status }) => (status?.containerStatuses ?? []).some(({ restartCount }) => restartCount > 0));
  const scope = { sinceSeconds, tail: maxLines };
  const [before, after] = await Promise.all([
    readLogs(transport, proxySource, restarted, { ...scope, previous: true }, signal),
    readLogs(transport, proxySource, proxyPods, scope, signal),
  ]);
  const lines = [...before, ...after].flatMap(logFact).sort((a, b) => (a.time < b.time ? -1 : 1));
  const user = userOf(who, sessionPods, entries, lines);
  const pods = who === user ? sessionPods : await podsOf(transport, logSource(config, "session", user), signal);
  const from = new Date(now - sinceSeconds * 1000).toISOString();
  const account = accountOf(user, entries, now);
  return {
    now: new Date(now).toISOString(),
    from,
    namespace: config.namespace,
    user,
    ...(account === undefined ? {} : { account }),
    usesLocalUsers: config.demoUsers,
    minUid: config.minUid,
    types: await typesOf(user, entries, config),
    lines: lines.filter(({ fields }) => fields["user"] === user),
    nameless: lines.filter(({ event, fields }) => event === "sign-in" && fields["user"] === ""),
    trouble: lines.filter(({ event }) => event === "trouble"),
    // Somebody may have scaled them; a number of 0 is not what anybody wants to be told is well.
    proxies: { wanted: deployment?.spec?.replicas || config.replicas, ...readiness(proxyPods) },
    pods: await Promise.all(pods.map((pod) => podFact(pod, options))),
  };
}

function logFact({ time, pod, container, event }: LogItem): readonly LogFact[] {
  if (event === undefined || typeof event["event"] !== "string") return [];
  return [{ time: typeof event["time"] === "string" ? event["time"] : time, pod, container, event: event["event"], fields: event }];
}

/** Whose session it is, when a session was named: by its pod, else by what the brokers wrote of it. */
function userOf(who: string, pods: readonly V1Pod[], entries: UserEntries, lines: readonly LogFact[]): string {
  if (entries.passwd.some(({ name }) => name === who)) return who;
  const named = pods.find(({ metadata }) => metadata?.name === who);
  if (named !== undefined) return podFacts(named).owner.name;
  const line = lines.findLast(({ fields }) => fields["session"] === who && typeof fields["user"] === "string");
  return line === undefined ? who : String(line.fields["user"]);
}

const dayMs = 86_400_000;

function accountOf(user: string, { passwd, shadow }: UserEntries, now: number): AccountFact | undefined {
  const entry = passwd.find(({ name }) => name === user);
  if (entry === undefined) return undefined;
  const secret = shadow.find(({ name }) => name === user);
  // The 8th field of shadow(5): the day on which the account ends, counted from 1970.
  const lastDay = secret?.rest[5] ?? "";
  const isExpired = /^\d+$/.test(lastDay) && Number(lastDay) * dayMs <= now;
  return {
    uid: entry.uid,
    gid: entry.gid,
    isLocked: isLocked(secret?.hash),
    ...(isExpired ? { expired: new Date(Number(lastDay) * dayMs).toISOString().slice(0, 10) } : {}),
  };
}

async function typesOf(user: string, { passwd, group }: UserEntries, config: Config): Promise<readonly string[]> {
  const files = await readSessionFiles(join(config.directory, "to_container"));
  const { uid = 0, gid = 0 } = passwd.find(({ name }) => name === user) ?? {};
  const groups = group
    .filter((one) => one.gid === gid || one.members.includes(user))
    .map(({ name, gid: number }) => ({ name, gid: number }));
  const who = { name: user, uid, gid, home: "", shell: "", gecos: "", groups };
  return offeredTypes(who, sessionTypeEntries(files.sessionTypes).entries).map(({ name }) => name);
}

function readiness(pods: readonly V1Pod[]): { readonly ready: number; readonly problem?: string } {
  const sick = pods.find((pod) => !isReady(pod));
  const state = sick?.status?.containerStatuses?.find(({ ready }) => !ready);
  const reason = state?.state?.waiting?.reason ?? state?.state?.terminated?.reason ?? sick?.status?.reason;
  return {
    ready: pods.filter(isReady).length,
    ...(sick === undefined ? {} : { problem: `${[sick.metadata?.name, state?.name, reason].filter(Boolean).join(", ")}` }),
  };
}

async function podFact(pod: V1Pod, { transport, config, now, signal }: GatherOptions): Promise<PodFact> {
  const facts = podFacts(pod);
  const source = logSource(config, "session", facts.name);
  const list = await transport.json<{ items?: CoreV1Event[] }>({
    path: kubePath("api", "v1", "namespaces", config.namespace, "events"),
    query: { fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${facts.name}` },
    signal,
  });
  const events = (list.items ?? [])
    .filter(({ involvedObject, type }) => involvedObject.uid === facts.instance && type !== "Normal")
    .map((event) => ({
      time: moment(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp),
      reason: event.reason ?? "",
      message: redact(event.message ?? "", [facts.secret]),
    }))
    .sort((a, b) => (a.time < b.time ? -1 : 1));
  const last = events.at(-1);
  const { status, ...view } = podView(facts, last === undefined ? {} : { event: last }, now);
  const tail = status.state === "failed" ? await readLogs(transport, source, [pod], { tail: tailLines }, signal) : [];
  return {
    name: facts.name,
    time: new Date(facts.ended?.at || facts.createdAt).toISOString(),
    // Nothing that is only looked at needs the session's password.
    view: { ...view, status: status.state === "ready" ? { ...status, address: { ...status.address, secret: "" } } : status },
    tail: tail.map(({ text, event }) => text ?? JSON.stringify(event)).filter((text) => text.trim() !== ""),
    events,
  };
}

/** The raw JSON has texts where the types have dates; events have microseconds. */
function moment(value: unknown): string {
  const time = Date.parse(String(value));
  return Number.isNaN(time) ? "" : new Date(time).toISOString();
}
