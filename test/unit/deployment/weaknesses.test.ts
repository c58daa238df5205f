import { describe, expect, it } from "vitest";
import { parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { buildConfig } from "../../../src/config/build-config.ts";
import type { Config } from "../../../src/config/config.ts";
import { imageSkew, shortImage } from "../../../src/deployment/image-skew.ts";
import { possibleWeaknesses, type SafetyFacts, weaknesses } from "../../../src/deployment/weaknesses.ts";

const digest = `@sha256:${"a".repeat(64)}`;

function config(changes: Record<string, string> = {}): Config {
  const values: Record<string, string> = {
    NAMESPACE: "vdi",
    SSL: "on",
    XPRA_SESSION_PROFILE: "restricted",
    XPRA_VALIDATE_USER: "Y",
    XPRA_AUTH_METHOD: "pam:service=xpra",
    XPRA_TRAFFIC_POLICY: "Local",
    XPRA_MIN_UID: "1000",
    XPRA_SESSION_CPU_LIMIT: "2",
    XPRA_SESSION_MEMORY_LIMIT: "2Gi",
    XPRA_SESSION_EPHEMERAL_LIMIT: "2Gi",
    XPRA_HOOK: "",
    IMAGE_DEFAULT: "r/x",
    IMAGE_XPRA_PROXY: "r/p",
    ...changes,
  };
  return buildConfig("/data/vdi", new Map(Object.entries(values)), new Map());
}

const namespace = (level?: string) => ({
  metadata: { labels: level === undefined ? {} : { "pod-security.kubernetes.io/enforce": level } },
});
const broker = parseBrokerConfig(
  JSON.stringify({
    version: 1,
    namespace: "vdi",
    images: { default: `r/x${digest}` },
    resources: { cpuLimit: "2", memoryLimit: "2Gi", ephemeralLimit: "2Gi" },
    sessionTypes: [{ scope: "default", type: "desktop", script: "default/xpra_startup_desktop.sh" }],
  }),
  "test",
);
const deployment = (image: string) => ({ spec: { selector: {}, template: { spec: { containers: [{ name: "proxy", image }] } } } });

const strong: SafetyFacts = {
  namespaces: { sessions: namespace("restricted"), proxies: namespace("baseline") },
  policy: {},
  binding: { spec: { validationActions: ["Deny"] } },
  sessionPolicies: [{ metadata: { name: "sessions" } }],
  deployment: deployment(`r/p${digest}`),
  service: { spec: { externalTrafficPolicy: "Local" } },
  broker,
};

describe("what is weaker than the default", () => {
  it("is nothing of the defaults, whether the cluster is known or not", () => {
    expect(weaknesses(config(), strong)).toEqual([]);
    expect(weaknesses(config(), undefined)).toEqual([]);
    const unknown: SafetyFacts = { ...strong, policy: "unknown", binding: "unknown", sessionPolicies: "unknown", broker: "unknown" };
    expect(weaknesses(config(), unknown)).toEqual([]);
  });

  it.each([
    ["XPRA_SESSION_PROFILE", { XPRA_SESSION_PROFILE: "baseline" }],
    ["SSL", { SSL: "off" }],
    ["XPRA_VALIDATE_USER", { XPRA_VALIDATE_USER: "N" }],
    ["XPRA_TRAFFIC_POLICY", { XPRA_TRAFFIC_POLICY: "Cluster" }],
    ["XPRA_MIN_UID", { XPRA_MIN_UID: "100" }],
    ["XPRA_SESSION_CPU_LIMIT", { XPRA_SESSION_CPU_LIMIT: "" }],
    ["XPRA_SESSION_MEMORY_LIMIT", { XPRA_SESSION_MEMORY_LIMIT: "" }],
    ["XPRA_SESSION_EPHEMERAL_LIMIT", { XPRA_SESSION_EPHEMERAL_LIMIT: "" }],
    ["XPRA_HOOK", { XPRA_HOOK: "/srv/bin/hook" }],
  ])("%s, by the configuration", (what, changes) => {
    expect(weaknesses(config(changes), strong)).toMatchObject([{ what, where: "configuration" }]);
  });

  it.each<[string, string, Partial<SafetyFacts>]>([
    ["XPRA_SESSION_PROFILE", "privileged", { namespaces: { ...strong.namespaces, sessions: namespace("privileged") } }],
    ["XPRA_SESSION_PROFILE", "not enforced", { namespaces: { ...strong.namespaces, sessions: namespace() } }],
    ["Pod Security of the proxies", "privileged", { namespaces: { ...strong.namespaces, proxies: namespace("privileged") } }],
    ["XPRA_TRAFFIC_POLICY", "Cluster", { service: { spec: { externalTrafficPolicy: "Cluster" } } }],
    ["XPRA_MIN_UID", "100", { broker: { ...broker, minUid: 100 } }],
    ["XPRA_SESSION_MEMORY_LIMIT", "no limit", { broker: { ...broker, resources: { ...broker.resources, memoryLimit: "" } } }],
    ["image of the proxies", "by its tag: r/p", { deployment: deployment("r/p") }],
    ["images of the sessions", "by its tag: r/x:latest", { broker: { ...broker, images: { default: "r/x:latest" } } }],
    ["admission policy", "is not there", { policy: "absent" }],
    ["admission policy", "is not bound", { binding: "absent" }],
    ["admission policy", "does not deny", { binding: { spec: { validationActions: ["Audit"] } } }],
    ["network policy of the sessions", "is not there", { sessionPolicies: [] }],
    [
      "network policy of the sessions",
      "is widened by open",
      { sessionPolicies: [{ metadata: { name: "sessions" } }, { metadata: { name: "open" } }] },
    ],
  ])("%s: %s, on the cluster", (what, is, changes) => {
    expect(weaknesses(config(), { ...strong, ...changes })).toMatchObject([{ what, is, where: "cluster" }]);
  });

  it("has a consequence in a sentence for each", () => {
    for (const { what, consequence } of possibleWeaknesses) expect(consequence, what).toMatch(/^[^.]{30,}$/);
  });
});

describe("images on the cluster", () => {
  const pinned = new Map([
    ["r/p", `r/p${digest}`],
    ["r/x", `r/x${digest}`],
  ]);

  it("are told when a deploy would replace, add or drop one", () => {
    const own = { images: { default: "r/x", proxy: "r/p", byVariable: new Map([["OFFICE", "r/office"]]) } };
    const old = `r/p@sha256:${"b".repeat(64)}`;
    expect(imageSkew(own, pinned, { proxy: old, sessions: { default: `r/x${digest}`, GONE: "r/gone" } })).toEqual([
      { of: "proxies", deployed: old, newest: `r/p${digest}` },
      { of: "GONE", deployed: "r/gone", newest: "" },
      { of: "OFFICE", deployed: "", newest: "r/office" },
    ]);
    expect(imageSkew(own, pinned, { proxy: undefined, sessions: undefined })).toEqual([]);
  });

  it("are shown by the first digits of their digest", () => {
    expect(shortImage(`r/p${digest}`)).toBe("r/p@aaaaaaaaaaaa");
    expect(shortImage("r/p:1")).toBe("r/p:1");
  });
});
