import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { buildConfig } from "../../../src/config/build-config.ts";
import { planDeployment } from "../../../src/deployment/plan.ts";
import { renderedCopy, withoutSecrets } from "../../../src/deployment/rendered-copy.ts";
import { refOf, refText } from "../../../src/manifests/kube-object.ts";

const values: Record<string, string> = {
  NAMESPACE: "vdi-stp",
  XPRA_REGISTRY_SRV: "registry.test:5000",
  EXTERNALIPS: "192.0.2.10 2001:db8::7",
  DOMNAME: "example.test",
  XPRA_WORKERS: "",
  XPRA_DEPLOYNAME: "xpra-proxy",
  XPRA_TOPDIR_INT: "/srv",
  IMAGE_DEFAULT: "registry.test:5000/vdi-xfce4",
  IMAGE_XPRA_PROXY: "registry.test:5000/vdi-proxy",
  SSL: "on",
  SSL_CERT: "/etc/xpra/ssl/server.crt",
  SSL_KEY: "/etc/xpra/ssl/server.key",
  REPLICAS: "1",
  PORT: "14500",
  XPRA_SERVICE_TYPE: "ClusterIP",
  XPRA_TRAFFIC_POLICY: "Local",
  XPRA_SESSION_PROFILE: "restricted",
  XPRA_SCREEN: "3840x2160",
  XPRA_KEEP_ENDED: "10m",
  XPRA_KEEP_FAILED: "24h",
  XPRA_KEEP_PENDING: "10m",
  XPRA_MIN_UID: "1000",
  XPRA_LOCAL_TIME: "/usr/share/zoneinfo/Europe/Amsterdam",
  XPRA_DEMO_USERS: "Y",
  XPRA_VALIDATE_USER: "Y",
  XPRA_AUTH_METHOD: "pam:service=xpra",
  XPRA_MAX_CONCURRENT_CONNECTIONS: "1024",
  XPRA_MAX_CLIENTS: "",
  XPRA_SOCKET_TIMEOUT: "180",
  XPRA_PING_TIMEOUT: "120",
  PRESTOP_CMD: "xpra stop",
  XPRA_HOOK: "",
  XPRA_STORAGE: "auto",
};

const digest = `sha256:${"a".repeat(64)}`;

function plan(changes: Record<string, string> = {}, hasAdmissionPolicies = true): ReturnType<typeof planDeployment> {
  const config = buildConfig("/data/srv/vdi-stp", new Map(Object.entries({ ...values, ...changes })), new Map());
  return planDeployment({
    config,
    files: {
      sessionTypes: [
        { path: "default/xpra_startup_desktop.sh", content: Buffer.from("#!/bin/bash\n# title: Desktop\n"), executable: true },
      ],
      etc: [{ path: "xpra-vars.sh", content: Buffer.from("export A='b'\n"), executable: false }],
      bin: [],
    },
    users: { passwd: "x", shadow: "geheim", group: "y" },
    certificate: "CERTIFICATE",
    certificateKey: "PRIV-8f3",
    ticketKey: "TCK-41a",
    pinnedImages: new Map([["registry.test:5000/vdi-proxy", `registry.test:5000/vdi-proxy@${digest}`]]),
    directoryName: "vdi-stp",
    version: "0.1.0",
    templates: join(import.meta.dirname, "../../../templates"),
    cluster: { hasAdmissionPolicies, insideRanges: ["10.96.0.0/16"] },
  });
}

interface Shape {
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly metadata: { readonly annotations: Record<string, string> }; readonly spec: Record<string, unknown> };
    readonly [key: string]: unknown;
  };
  readonly data?: Record<string, string>;
}

function object(result: ReturnType<typeof planDeployment>, text: string): Shape {
  const found = result.objects.find((each) => refText(refOf(each)) === text);
  if (found === undefined) throw new Error(`no ${text}`);
  return found as unknown as Shape;
}

describe("planDeployment", () => {
  it("consists of these objects", () => {
    expect(plan().objects.map((each) => `${refText(refOf(each))} ${each.metadata.namespace ?? ""}`.trim())).toEqual([
      "namespace/ingress-vdi-stp",
      "namespace/vdi-stp",
      "serviceaccount/xpra-proxy-broker ingress-vdi-stp",
      "serviceaccount/vdi-session vdi-stp",
      "configmap/xpra-proxy-broker ingress-vdi-stp",
      "configmap/xpra-env ingress-vdi-stp",
      "configmap/xpra-proxy-session-types vdi-stp",
      "configmap/xpra-proxy-etc vdi-stp",
      "secret/xpra-proxy-certs-crt ingress-vdi-stp",
      "secret/xpra-proxy-certs-key ingress-vdi-stp",
      "secret/xpra-proxy-ticket ingress-vdi-stp",
      "secret/xpra-proxy-users ingress-vdi-stp",
      "role/xpra-proxy-broker vdi-stp",
      "rolebinding/xpra-proxy-broker vdi-stp",
      "networkpolicy/sessions vdi-stp",
      "networkpolicy/proxies ingress-vdi-stp",
      "validatingadmissionpolicy/vdi-vdi-stp-sessions",
      "validatingadmissionpolicybinding/vdi-vdi-stp-sessions",
      "service/xpra-proxy ingress-vdi-stp",
      "deployment/xpra-proxy ingress-vdi-stp",
    ]);
  });

  it("mounts the broker's token in the broker only", () => {
    const { containers } = object(plan(), "deployment/xpra-proxy").spec.template.spec as {
      containers: { name: string; volumeMounts: { name: string }[] }[];
    };
    const withToken = containers.filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === "broker-token"));
    expect(withToken.map(({ name }) => name)).toEqual(["broker"]);
  });

  it("gives the broker a configuration that it understands", () => {
    const text = object(plan(), "configmap/xpra-proxy-broker").data?.["broker.json"] ?? "";
    expect(parseBrokerConfig(text, "broker.json")).toMatchObject({
      namespace: "vdi-stp",
      images: { default: "registry.test:5000/vdi-xfce4" },
      timeZone: "Europe/Amsterdam",
      sessionTypes: [{ scope: "default", type: "desktop", title: "Desktop" }],
      kubernetes: {
        configMaps: { session_types: [{ name: "xpra-proxy-session-types" }], etc: [{ name: "xpra-proxy-etc" }], bin: [] },
      },
    });
  });

  it("deploys digests where they are known", () => {
    const { containers } = object(plan(), "deployment/xpra-proxy").spec.template.spec as {
      containers: { image: string; imagePullPolicy: string }[];
    };
    expect(containers.map(({ image, imagePullPolicy }) => [image, imagePullPolicy])).toEqual([
      [`registry.test:5000/vdi-proxy@${digest}`, "IfNotPresent"],
      [`registry.test:5000/vdi-proxy@${digest}`, "IfNotPresent"],
    ]);
  });

  it("makes new pods for what pods read only once", () => {
    const annotations = (changes = {}): Record<string, string> =>
      object(plan(changes), "deployment/xpra-proxy").spec.template.metadata.annotations;
    expect(annotations()).toEqual(annotations());
    expect(annotations({ XPRA_SITE: "x" })["vdi.xpra.org/environment"]).not.toBe(annotations()["vdi.xpra.org/environment"]);
    // The broker reads its configuration again by itself.
    expect(annotations({ XPRA_SCREEN: "1920x1080" })).toEqual(annotations());
  });

  it("answers on the addresses, and asks for none with another type of Service", () => {
    expect(object(plan(), "service/xpra-proxy").spec).toMatchObject({
      type: "ClusterIP",
      externalIPs: ["192.0.2.10", "2001:db8::7"],
      externalTrafficPolicy: "Local",
      ports: [{ port: 443, targetPort: "https" }],
    });
    const balanced = object(plan({ XPRA_SERVICE_TYPE: "LoadBalancer", EXTERNALIPS: "" }), "service/xpra-proxy").spec;
    expect(balanced["externalIPs"]).toBeUndefined();
    expect(balanced["type"]).toBe("LoadBalancer");
  });

  it("hands an admin's own variables on: plain ones to all, secret ones to the proxies", () => {
    const result = plan({ XPRA_SITE: "$(date) 'x'", XPRA_DB_PASSWORD: "geheim" });
    expect(object(result, "configmap/xpra-env").data).toEqual({ XPRA_SITE: "$(date) 'x'" });
    expect(object(result, "secret/xpra-proxy-env").data).toEqual({ XPRA_DB_PASSWORD: Buffer.from("geheim").toString("base64") });
    const broker = object(result, "configmap/xpra-proxy-broker").data?.["broker.json"] ?? "";
    expect(broker).toContain("XPRA_SITE");
    expect(broker).not.toContain("XPRA_DB_PASSWORD");
  });

  it("asks for the workers' label only when workers are named", () => {
    const selector = (workers: string): unknown =>
      JSON.parse(object(plan({ XPRA_WORKERS: workers }), "configmap/xpra-proxy-broker").data?.["broker.json"] ?? "{}").kubernetes
        .nodeSelector;
    expect(selector("all")).toEqual({});
    expect(selector("node1 node2")).toEqual({ "xpra_run_vdi-stp": "true" });
  });

  it("does without the admission policy on an old cluster", () => {
    expect(plan({}, false).objects.some(({ kind }) => kind.startsWith("Validating"))).toBe(false);
  });

  it("shows no secret in the rendered copy", () => {
    const text = renderedCopy(plan({ XPRA_DB_PASSWORD: "geheim" }).objects.map(withoutSecrets));
    for (const secret of ["geheim", "PRIV-8f3", "TCK-41a"]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString("base64"));
    }
    expect(text).toContain("server.key: 8 bytes");
  });
});
