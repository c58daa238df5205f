import type { CommonBrokerConfig, KubernetesBrokerConfig } from "../broker-config/broker-config.ts";
import type { Config } from "../config/config.ts";
import { sessionServiceAccount, workerLabel } from "../manifests/deployment-names.ts";
import type { ConfigMapFiles } from "../manifests/session-pod.ts";
import type { SessionTypeEntry } from "../session/sessions-config.ts";

/** Saving and ending a session takes no longer. */
export const gracePeriodSeconds = 30;

/** For processors that cannot be counted. */
const someStarts = 4;
/** More at a time make no session come sooner, whatever the number of nodes: registries and the control plane have their limits. */
const mostStarts = 64;

/**
 * What the broker has to know of a deployment on a cluster. `pinned` gives the reference that is deployed for an image;
 * `processors` are those of the nodes that sessions run on.
 */
export function brokerConfiguration(
  config: Config,
  sessionTypes: readonly SessionTypeEntry[],
  configMaps: Readonly<Record<string, readonly ConfigMapFiles[]>>,
  pinned: (image: string) => string,
  processors?: number,
): KubernetesBrokerConfig {
  return {
    ...commonBrokerConfiguration(config, sessionTypes, pinned, startsOfEach(processors, config.replicas)),
    kubernetes: { nodeSelector: nodeSelector(config), imagePullSecrets: [], configMaps, serviceAccountName: sessionServiceAccount },
  };
}

/**
 * How many sessions each broker starts at a time where the configuration leaves it open: together as many as there are processors.
 * More would make all of them late, the first one too, and leave nothing for the logins of those whose sessions run.
 */
export function startsOfEach(processors: number | undefined, brokers: number): number {
  if (processors === undefined) return someStarts;
  return Math.min(mostStarts, Math.max(1, Math.round(processors / Math.max(1, brokers))));
}

/** The part of it that holds wherever sessions run; `startsAtOnce` is for a configuration that leaves it open. */
export function commonBrokerConfiguration(
  config: Config,
  sessionTypes: readonly SessionTypeEntry[],
  pinned: (image: string) => string,
  startsAtOnce: number,
): CommonBrokerConfig {
  const byType = [...config.images.byVariable].map(([variable, image]) => [variable, pinned(image)] as const);
  return {
    version: 2,
    namespace: config.namespace,
    deployName: config.deployName,
    port: config.port,
    topdirInt: config.topdirInt,
    images: { default: pinned(config.images.default), ...Object.fromEntries(byType) },
    resources: { ...config.sessionResources },
    screen: config.screen,
    keepEndedSeconds: config.keepEndedSeconds,
    keepFailedSeconds: config.keepFailedSeconds,
    keepPendingSeconds: config.keepPendingSeconds,
    startsAtOnce: config.startsAtOnce ?? startsAtOnce,
    minUid: config.minUid,
    timeZone: config.timeZone,
    sessionEnv: sessionEnvironment(config),
    preStop: config.preStop,
    gracePeriodSeconds,
    sessionTypes,
  };
}

/** The labels of the nodes that sessions may run on; empty: any node. */
export function nodeSelector(config: Pick<Config, "workers" | "namespace">): Record<string, string> {
  return config.workers === undefined ? {} : { [workerLabel(config.namespace)]: "true" };
}

/** The admin's own variables, and those of the table that session scripts may look at. */
function sessionEnvironment(config: Config): Record<string, string> {
  const domain = config.values.get("IDM_DOMAIN") ?? "";
  return {
    ...Object.fromEntries(config.own.public),
    ...(domain === "" ? {} : { IDM_DOMAIN: domain }),
    // A session's Xpra reads it by this name.
    XPRA_PING_TIMEOUT: String(config.pingTimeoutSeconds),
  };
}
