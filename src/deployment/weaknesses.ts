import type { V1Deployment, V1Namespace, V1NetworkPolicy, V1Service, V1ValidatingAdmissionPolicyBinding } from "@kubernetes/client-node";
import type { BrokerConfig } from "../broker-config/broker-config.ts";
import type { Config } from "../config/config.ts";

/** What the cluster says of an object; `unknown`: it may not be read. */
export type Seen<T> = T | "absent" | "unknown";

/** The objects of a deployment on which its safety rests. */
export interface SafetyFacts {
  readonly namespaces: { readonly sessions: Seen<V1Namespace>; readonly proxies: Seen<V1Namespace> };
  readonly policy: Seen<object>;
  readonly binding: Seen<V1ValidatingAdmissionPolicyBinding>;
  /** Those of the sessions' namespace. */
  readonly sessionPolicies: Seen<readonly V1NetworkPolicy[]>;
  readonly deployment: Seen<V1Deployment>;
  readonly service: Seen<V1Service>;
  /** What the running brokers are told. */
  readonly broker: Seen<BrokerConfig>;
}

/** Something that is weaker than the default. */
export interface Weakness {
  /** The variable, or the object of the cluster. */
  readonly what: string;
  /** How it is: `XPRA_SESSION_PROFILE=baseline`, "is not there". */
  readonly is: string;
  readonly consequence: string;
  /** `configuration`: the directory says so. `cluster`: it is so there, and the directory says something else. */
  readonly where: "configuration" | "cluster";
}

interface Rule {
  readonly what: string;
  readonly consequence: string;
  /** How the configuration weakens it; undefined: it does not. */
  configured?(config: Config): string | undefined;
  /** How it is weaker on the cluster; asked only where the configuration does not say so itself. */
  onCluster?(facts: SafetyFacts, config: Config): string | undefined;
}

const levels = ["privileged", "baseline", "restricted"];
const enforceLabel = "pod-security.kubernetes.io/enforce";

/** Every setting that can be weaker than the default, and what that means. A new one belongs here. */
const rules: readonly Rule[] = [
  {
    what: "XPRA_SESSION_PROFILE",
    consequence: "whoever may make pods in the sessions' namespace may make such that run as root; sessions themselves stay restricted",
    configured: ({ sessionProfile }) => (sessionProfile === "baseline" ? "baseline" : undefined),
    onCluster: ({ namespaces }, { sessionProfile }) => weakerLevel(namespaces.sessions, sessionProfile),
  },
  {
    what: "Pod Security of the proxies",
    consequence: "whoever may make pods beside the proxies may make privileged ones",
    onCluster: ({ namespaces }) => weakerLevel(namespaces.proxies, "baseline"),
  },
  {
    what: "SSL",
    consequence: "the configuration asks for a door without encryption; the proxies of this version answer by TLS all the same",
    configured: ({ ssl }) => (ssl ? undefined : "off"),
  },
  {
    what: "XPRA_VALIDATE_USER",
    consequence: "the configuration asks for a door without passwords; the proxies of this version want one all the same",
    configured: ({ validateUser }) => (validateUser ? undefined : "N"),
  },
  {
    what: "XPRA_TRAFFIC_POLICY",
    consequence:
      "the proxies see the nodes' addresses instead of the clients': a stranger's wrong passwords for a user keep that user out as well, those for many users are not limited by address, and the log does not say where they come from",
    configured: ({ trafficPolicy }) => (trafficPolicy === "Cluster" ? "Cluster" : undefined),
    onCluster: ({ service }) => (isSeen(service) && service.spec?.externalTrafficPolicy === "Cluster" ? "Cluster" : undefined),
  },
  {
    what: "XPRA_MIN_UID",
    consequence: "sessions may run as accounts of the system, whose files other pods and nodes may trust",
    configured: ({ minUid }) => (minUid < 1000 ? String(minUid) : undefined),
    onCluster: ({ broker }) => (isSeen(broker) && broker.minUid < 1000 ? String(broker.minUid) : undefined),
  },
  ...(
    [
      ["XPRA_SESSION_CPU_LIMIT", "cpuLimit", "processor of its node"],
      ["XPRA_SESSION_MEMORY_LIMIT", "memoryLimit", "memory of its node"],
      ["XPRA_SESSION_EPHEMERAL_LIMIT", "ephemeralLimit", "disk of its node"],
    ] as const
  ).map(
    ([what, key, thing]): Rule => ({
      what,
      consequence: `one session may take all the ${thing}, and with it everybody else's there`,
      configured: ({ sessionResources }) => (sessionResources[key] === "" ? "no limit" : undefined),
      onCluster: ({ broker }) => (isSeen(broker) && (broker.resources[key] ?? "") === "" ? "no limit" : undefined),
    }),
  ),
  {
    what: "XPRA_HOOK",
    consequence: "a site's own program decides about sessions; this version does not use it yet",
    configured: ({ hook }) => (hook === "" ? undefined : hook),
  },
  {
    what: "image of the proxies",
    consequence: "whoever may push to the registry decides what the next proxy runs, and nodes may run different ones under the same name",
    onCluster: ({ deployment }) => {
      if (!isSeen(deployment)) return undefined;
      return byTag((deployment.spec?.template.spec?.containers ?? []).map(({ image }) => image ?? ""));
    },
  },
  {
    what: "images of the sessions",
    consequence:
      "whoever may push to the registry decides what the next session runs, and nodes may run different ones under the same name",
    onCluster: ({ broker }) => (isSeen(broker) ? byTag(Object.values(broker.images)) : undefined),
  },
  {
    what: "admission policy",
    consequence: "whoever takes over a broker may start any image with any Secret of the sessions' namespace",
    onCluster: ({ policy, binding }) => {
      if (policy === "absent") return "is not there";
      if (binding === "absent") return "is not bound";
      if (!isSeen(binding)) return undefined;
      return binding.spec?.validationActions?.includes("Deny") === true ? undefined : "does not deny";
    },
  },
  {
    what: "network policy of the sessions",
    consequence: "sessions reach each other, other pods and the API server, as far as the network lets them",
    onCluster: ({ sessionPolicies }) => {
      if (!isSeen(sessionPolicies)) return sessionPolicies === "absent" ? "is not there" : undefined;
      const ours = sessionPolicies.find(({ metadata }) => metadata?.name === "sessions");
      if (ours === undefined) return "is not there";
      const others = sessionPolicies.filter((policy) => policy !== ours).map(({ metadata }) => metadata?.name ?? "");
      return others.length === 0 ? undefined : `is widened by ${others.join(", ")}`;
    },
  },
];

/** What is weaker than the default, by the configuration and by what the cluster really has. Pure. */
export function weaknesses(config: Config, facts: SafetyFacts | undefined): readonly Weakness[] {
  return rules.flatMap(({ what, consequence, configured, onCluster }): readonly Weakness[] => {
    const own = configured?.(config);
    if (own !== undefined) return [{ what, is: own, consequence, where: "configuration" }];
    const there = facts === undefined ? undefined : onCluster?.(facts, config);
    return there === undefined ? [] : [{ what, is: there, consequence, where: "cluster" }];
  });
}

/** What can be weaker than the default, and what that means, for the documentation. */
export const possibleWeaknesses: readonly { readonly what: string; readonly consequence: string }[] = rules;

function isSeen<T>(seen: Seen<T>): seen is T {
  return seen !== "absent" && seen !== "unknown";
}

function weakerLevel(namespace: Seen<V1Namespace>, wanted: string): string | undefined {
  if (!isSeen(namespace)) return undefined;
  const has = namespace.metadata?.labels?.[enforceLabel];
  if (has === undefined) return "not enforced";
  return levels.indexOf(has) < levels.indexOf(wanted) ? has : undefined;
}

function byTag(images: readonly string[]): string | undefined {
  const plain = [...new Set(images.filter((image) => !image.includes("@sha256:")))];
  return plain.length === 0 ? undefined : `by its tag: ${plain.join(", ")}`;
}
