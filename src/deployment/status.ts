import { X509Certificate } from "node:crypto";
import type { V1Deployment, V1Pod, V1ReplicaSet, V1Service } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { rolloutState } from "../kube/rollout.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { secretNames } from "../manifests/secrets.ts";
import { listSessions, type SessionRow } from "./session-list.ts";

/** A proxy's pod. */
export interface ProxyRow {
  readonly name: string;
  readonly ready: boolean;
  readonly node: string;
  readonly restarts: number;
  readonly startedAt: string;
}

/** How a deployment is. */
export interface DeploymentStatus {
  readonly namespace: string;
  readonly server: string;
  /** False: there is nothing on the cluster. */
  readonly deployed: boolean;
  readonly ready: boolean;
  /** "1 of 2 proxies ready", and what stands in the way. */
  readonly rollout: string;
  readonly image: string;
  readonly proxies: readonly ProxyRow[];
  readonly addresses: readonly string[];
  readonly certificate?: { readonly subject: string; readonly names: string; readonly validTo: string; readonly daysLeft: number };
  /** Number of sessions by state. */
  readonly sessions: Readonly<Partial<Record<SessionRow["state"], number>>>;
  readonly at: string;
}

/** Asks the cluster how a deployment is. */
export async function deploymentStatus(
  transport: KubeTransport,
  config: Config,
  now: number,
  signal?: AbortSignal,
): Promise<DeploymentStatus> {
  const place = kubePath("api", "v1", "namespaces", config.ingressNamespace);
  const ask = async <T>(path: string, query?: Record<string, string>): Promise<T | undefined> => {
    try {
      return await transport.json<T>({ path, ...(query === undefined ? {} : { query }), signal });
    } catch (thrown) {
      if (isKubeStatus(thrown, 404)) return undefined;
      throw explainKubeError(thrown, `the deployment ${config.namespace} cannot be looked at`);
    }
  };
  const [deployment, replicaSets, pods, service, certificate, sessions] = await Promise.all([
    ask<V1Deployment>(kubePath("apis", "apps", "v1", "namespaces", config.ingressNamespace, "deployments", config.deployName)),
    ask<{ items?: V1ReplicaSet[] }>(kubePath("apis", "apps", "v1", "namespaces", config.ingressNamespace, "replicasets"), {
      labelSelector: `app=${config.deployName}`,
    }),
    ask<{ items?: V1Pod[] }>(`${place}/pods`, { labelSelector: `app=${config.deployName}` }),
    ask<V1Service>(`${place}${kubePath("services", config.deployName)}`),
    ask<{ data?: Record<string, string> }>(`${place}${kubePath("secrets", secretNames(config).certificate)}`),
    listSessions(transport, config.namespace, signal),
  ]);
  const rollout = rolloutState({ deployment, replicaSets: replicaSets?.items ?? [], pods: pods?.items ?? [], events: [] });
  const crt = Buffer.from(certificate?.data?.["server.crt"] ?? "", "base64").toString("utf8");
  return {
    namespace: config.namespace,
    server: transport.server,
    deployed: deployment !== undefined,
    ready: rollout.done,
    rollout: [rollout.progress, rollout.problem?.text].filter(Boolean).join("; "),
    image: deployment?.spec?.template.spec?.containers[0]?.image ?? "",
    proxies: (pods?.items ?? []).map(proxyRow),
    addresses: addressesOf(service),
    ...(crt === "" ? {} : { certificate: certificateFacts(crt, now) }),
    sessions: countByState(sessions),
    at: new Date(now).toISOString(),
  };
}

function proxyRow({ metadata, spec, status }: V1Pod): ProxyRow {
  return {
    name: metadata?.name ?? "",
    ready: status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true,
    node: spec?.nodeName ?? "",
    restarts: (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    startedAt: String(metadata?.creationTimestamp ?? ""),
  };
}

/** Where users reach the proxies. Pure. */
export function addressesOf(service: V1Service | undefined): readonly string[] {
  const balanced = (service?.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  const nodePorts =
    service?.spec?.type === "NodePort" ? (service.spec.ports ?? []).map(({ nodePort }) => `any node:${nodePort ?? ""}`) : [];
  return [...(service?.spec?.externalIPs ?? []), ...balanced, ...nodePorts];
}

function certificateFacts(pem: string, now: number): NonNullable<DeploymentStatus["certificate"]> {
  const { subject, subjectAltName, validTo } = new X509Certificate(pem);
  const end = Date.parse(validTo);
  return { subject, names: subjectAltName ?? "", validTo: new Date(end).toISOString(), daysLeft: Math.floor((end - now) / 86_400_000) };
}

function countByState(sessions: readonly SessionRow[]): DeploymentStatus["sessions"] {
  const counts: Partial<Record<SessionRow["state"], number>> = {};
  for (const { state } of sessions) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
