import type {
  V1Deployment,
  V1Namespace,
  V1NetworkPolicy,
  V1Pod,
  V1ReplicaSet,
  V1Service,
  V1ValidatingAdmissionPolicyBinding,
} from "@kubernetes/client-node";
import { type BrokerConfig, parseBrokerConfig } from "../broker-config/broker-config.ts";
import type { Config } from "../config/config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { isReady } from "../kube/ready.ts";
import { rolloutState } from "../kube/rollout.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { brokerName, policyName, versionAnnotation } from "../manifests/deployment-names.ts";
import { secretNames, textsOf } from "../manifests/secrets.ts";
import { VdiError } from "../util/vdi-error.ts";
import { type CertificateFacts, certificateFacts } from "./certificate-facts.ts";
import { doorAddresses } from "./door-addresses.ts";
import { listSessions, type SessionRow } from "./session-list.ts";
import type { SafetyFacts, Seen } from "./weaknesses.ts";

/** A proxy's pod. */
export interface ProxyRow {
  readonly name: string;
  readonly ready: boolean;
  readonly node: string;
  /** Of all its containers. */
  readonly restarts: number;
  readonly startedAt: string;
  /** The broker in it. */
  readonly broker: { readonly ready: boolean; readonly restarts: number };
  /** True: it has the image that the Deployment has now. */
  readonly current: boolean;
}

/** The sessions of one type. */
export interface SessionTypeRow {
  readonly type: string;
  readonly states: Readonly<Partial<Record<SessionRow["state"], number>>>;
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
  /** Version of the `vdi` that deployed last. */
  readonly version?: string;
  readonly image: string;
  readonly proxies: readonly ProxyRow[];
  readonly addresses: readonly string[];
  readonly certificate?: CertificateFacts;
  /** Number of sessions by state. */
  readonly sessions: Readonly<Partial<Record<SessionRow["state"], number>>>;
  readonly sessionTypes: readonly SessionTypeRow[];
  /** Running sessions that have another image than new ones of the deployment get. */
  readonly sessionsOnOldImages: number;
  readonly at: string;
}

/** How a deployment is, and what its safety rests on. */
export interface DeploymentView {
  readonly status: DeploymentStatus;
  readonly safety: SafetyFacts;
  /** What the brokers are told; undefined: there is nothing, or it cannot be read. */
  readonly broker: BrokerConfig | undefined;
}

/** Asks the cluster how a deployment is. What the admin may not read of its safety is left open; all else must be readable. */
export async function deploymentStatus(
  transport: KubeTransport,
  config: Config,
  now: number,
  signal?: AbortSignal,
): Promise<DeploymentView> {
  const { namespace, ingressNamespace: ingress, deployName } = config;
  const see = async <T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<Seen<T>> => {
    try {
      return await transport.json<T>({ path, query, signal });
    } catch (thrown) {
      if (isKubeStatus(thrown, 404)) return "absent";
      if (isKubeStatus(thrown, 403)) return "unknown";
      throw explainKubeError(thrown, `the deployment ${namespace} cannot be looked at`);
    }
  };
  const ask = async <T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T | undefined> => {
    try {
      return await transport.json<T>({ path, query, signal });
    } catch (thrown) {
      if (isKubeStatus(thrown, 404)) return undefined;
      throw explainKubeError(thrown, `the deployment ${namespace} cannot be looked at`);
    }
  };
  const core = (...segments: string[]): string => kubePath("api", "v1", "namespaces", ...segments);
  const apps = (...segments: string[]): string => kubePath("apis", "apps", "v1", "namespaces", ingress, ...segments);
  const admission = (plural: string): string => kubePath("apis", "admissionregistration.k8s.io", "v1", plural, policyName(config));
  const labelSelector = `app=${deployName}`;
  const [deployment, replicaSets, pods, service, certificate, sessions, map, sessionSpace, proxySpace, policy, binding, policies] =
    await Promise.all([
      ask<V1Deployment>(apps("deployments", deployName)),
      ask<{ items?: V1ReplicaSet[] }>(apps("replicasets"), { labelSelector }),
      ask<{ items?: V1Pod[] }>(core(ingress, "pods"), { labelSelector }),
      ask<V1Service>(core(ingress, "services", deployName)),
      ask<{ data?: Record<string, string> }>(core(ingress, "secrets", secretNames(config).certificate)),
      listSessions(transport, namespace, signal),
      see<{ data?: Record<string, string> }>(core(ingress, "configmaps", brokerName(config))),
      see<V1Namespace>(core(namespace)),
      see<V1Namespace>(core(ingress)),
      see<object>(admission("validatingadmissionpolicies")),
      see<V1ValidatingAdmissionPolicyBinding>(admission("validatingadmissionpolicybindings")),
      see<{ items?: V1NetworkPolicy[] }>(kubePath("apis", "networking.k8s.io", "v1", "namespaces", namespace, "networkpolicies")),
    ]);
  const rollout = rolloutState({ deployment, replicaSets: replicaSets?.items ?? [], pods: pods?.items ?? [], events: [] });
  const crt = textsOf(certificate ?? {})["server.crt"] ?? "";
  const image = deployment?.spec?.template.spec?.containers[0]?.image ?? "";
  const broker = brokerOf(map);
  const version = typeof proxySpace === "string" ? undefined : proxySpace.metadata?.annotations?.[versionAnnotation];
  const facts = crt === "" ? undefined : certificateFacts(crt, now);
  const status: DeploymentStatus = {
    namespace,
    server: transport.server,
    deployed: deployment !== undefined,
    ready: rollout.done,
    rollout: [rollout.progress, rollout.problem?.text].filter(Boolean).join("; "),
    ...(version === undefined ? {} : { version }),
    image,
    proxies: (pods?.items ?? []).map((pod) => proxyRow(pod, image)),
    addresses: doorAddresses(service),
    ...(facts === undefined ? {} : { certificate: facts }),
    sessions: countByState(sessions),
    sessionTypes: countByType(sessions),
    sessionsOnOldImages: broker === undefined ? 0 : onOldImages(sessions, broker),
    at: new Date(now).toISOString(),
  };
  return {
    status,
    broker,
    safety: {
      namespaces: { sessions: sessionSpace, proxies: proxySpace },
      policy,
      binding,
      sessionPolicies: typeof policies === "string" ? policies : (policies.items ?? []),
      deployment: deployment ?? "absent",
      service: service ?? "absent",
      broker: broker ?? (map === "absent" ? "absent" : "unknown"),
    },
  };
}

/** What the brokers are told; undefined for what cannot be read, or is of another version. */
function brokerOf(map: Seen<{ data?: Record<string, string> }>): BrokerConfig | undefined {
  if (typeof map === "string") return undefined;
  try {
    return parseBrokerConfig(map.data?.["broker.json"] ?? "", "the brokers' ConfigMap");
  } catch (thrown) {
    if (thrown instanceof VdiError) return undefined;
    throw thrown;
  }
}

function proxyRow(pod: V1Pod, image: string): ProxyRow {
  const { metadata, spec, status } = pod;
  const containers = status?.containerStatuses ?? [];
  const broker = containers.find(({ name }) => name === "broker");
  return {
    name: metadata?.name ?? "",
    ready: isReady(pod),
    node: spec?.nodeName ?? "",
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    startedAt: String(metadata?.creationTimestamp ?? ""),
    broker: { ready: broker?.ready === true, restarts: broker?.restartCount ?? 0 },
    current: spec?.containers.every((container) => container.image === image) === true,
  };
}

function countByState(sessions: readonly SessionRow[]): DeploymentStatus["sessions"] {
  const counts: Partial<Record<SessionRow["state"], number>> = {};
  for (const { state } of sessions) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function countByType(sessions: readonly SessionRow[]): readonly SessionTypeRow[] {
  const types = [...new Set(sessions.map(({ type }) => type))].sort();
  return types.map((type) => ({ type, states: countByState(sessions.filter((session) => session.type === type)) }));
}

function onOldImages(sessions: readonly SessionRow[], broker: BrokerConfig): number {
  const current = new Set(Object.values(broker.images));
  return sessions.filter(({ state, image }) => state === "running" && !current.has(image)).length;
}
