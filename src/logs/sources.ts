import type { V1Pod } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { proxySelector } from "../manifests/deployment-names.ts";
import { sessionKeys, sessionSelector } from "../manifests/labels.ts";
import { sessionContainer } from "../manifests/session-pod.ts";
import { secretVariable } from "../session/session-settings.ts";

/** Whose logs are meant. */
export type LogTopic = "all" | "proxy" | "broker" | "session";

/** The pods and containers of a topic. */
export interface LogSource {
  readonly namespace: string;
  readonly labelSelector: string;
  /** Which of their containers. */
  readonly containers: readonly string[];
  has(pod: V1Pod): boolean;
}

/** Where the lines of a topic come from. `who`: name of a session or of a user. */
export function logSource(config: Pick<Config, "namespace" | "ingressNamespace" | "deployName">, topic: LogTopic, who: string): LogSource {
  if (topic === "session") {
    return {
      namespace: config.namespace,
      labelSelector: sessionSelector,
      containers: [sessionContainer],
      has: ({ metadata }) => who === "" || metadata?.name === who || metadata?.annotations?.[sessionKeys.owner] === who,
    };
  }
  const labelSelector = Object.entries(proxySelector(config))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  return {
    namespace: config.ingressNamespace,
    labelSelector,
    containers: topic === "all" ? ["proxy", "broker"] : [topic],
    has: () => true,
  };
}

/** What must not be shown of a pod: a session's own password stands in its environment. */
export function secretsOf(pod: V1Pod): readonly string[] {
  return (pod.spec?.containers ?? []).flatMap(({ env }) =>
    (env ?? []).flatMap(({ name, value }) => (name === secretVariable && value !== undefined ? [value] : [])),
  );
}
