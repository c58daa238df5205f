import type { CoreV1Event, V1Node, V1Pod, V1Service } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { whyImplausible } from "../../../src/checks/addresses.ts";
import { isOldRuntime } from "../../../src/checks/cluster.ts";
import { userDifferences } from "../../../src/checks/deployment.ts";
import { warningsOf } from "../../../src/checks/events.ts";
import { isNewEnough } from "../../../src/checks/machine.ts";
import { roomOn, whyNoSessions } from "../../../src/checks/nodes.ts";
import { needsOfDeploy } from "../../../src/checks/permissions.ts";
import { needsOfSession, quotaRoom } from "../../../src/checks/quota.ts";
import { endOf } from "../../../src/checks/sessions.ts";
import { takenByPods, takenByServices } from "../../../src/deployment/taken-addresses.ts";
import { amountOf } from "../../../src/util/quantity.ts";
import { wrapped } from "../../../src/util/wrap.ts";

describe("an address", () => {
  it.each([
    ["127.0.0.1", /itself/],
    ["0.0.0.0", /no address/],
    ["169.254.3.4", /one link/],
    ["224.0.0.5", /multicast/],
    ["::1", /itself/],
    ["fe80::1", /one link/],
    ["10.96.4.5", /10\.96\.0\.0\/12/],
    ["fd00:1::5", /fd00:1::\/64/],
  ])("%s cannot be one of the proxies'", (address, why) => {
    expect(whyImplausible(address, ["10.96.0.0/12", "fd00:1::/64"])).toMatch(why);
  });

  it.each(["192.0.2.10", "10.1.2.3", "2001:db8::7"])("%s can", (address) => {
    expect(whyImplausible(address, ["10.96.0.0/12", "fd00:1::/64"])).toBeUndefined();
  });

  it("is taken when another Service answers on it on the same port, be it given or balanced", () => {
    const service = (namespace: string, name: string, port: number, more: object): V1Service =>
      ({ metadata: { namespace, name }, spec: { ports: [{ port }], ...more } }) as V1Service;
    const services = [
      service("ingress-vdi", "xpra-proxy", 443, { externalIPs: ["192.0.2.10"] }),
      service("web", "shop", 443, { externalIPs: ["192.0.2.10"] }),
      service("web", "other-port", 80, { externalIPs: ["192.0.2.10"] }),
      service("web", "quic", 443, { externalIPs: ["192.0.2.10"], ports: [{ port: 443, protocol: "UDP" }] }),
      { ...service("web", "balanced", 443, {}), status: { loadBalancer: { ingress: [{ ip: "192.0.2.10" }] } } },
    ];
    expect(takenByServices(services, { namespace: "ingress-vdi", name: "xpra-proxy" }, ["192.0.2.10", "192.0.2.11"])).toEqual([
      "192.0.2.10 port 443 is that of the service web/shop",
      "192.0.2.10 port 443 is that of the service web/balanced",
    ]);
  });

  it("is taken when a pod has the port of the node that has it", () => {
    const pod = (name: string, nodeName: string, port: object, phase = "Running"): V1Pod =>
      ({ metadata: { namespace: "web", name }, spec: { nodeName, containers: [{ ports: [port] }] }, status: { phase } }) as V1Pod;
    const pods = [
      pod("ingress", "n1", { hostPort: 443, containerPort: 8443, protocol: "TCP" }),
      pod("one-address", "n1", { hostPort: 443, hostIP: "192.0.2.99" }),
      pod("quic", "n1", { hostPort: 443, protocol: "UDP" }),
      pod("inside", "n1", { containerPort: 443 }),
      pod("over", "n1", { hostPort: 443 }, "Succeeded"),
      pod("elsewhere", "n2", { hostPort: 443 }),
    ];
    const balancer = pod("svclb-xpra-proxy", "n1", { hostPort: 443 });
    Object.assign(balancer.metadata as object, {
      labels: { "svccontroller.k8s.cattle.io/svcname": "xpra-proxy", "svccontroller.k8s.cattle.io/svcnamespace": "ingress-vdi" },
    });
    expect(
      takenByPods([...pods, balancer], { namespace: "ingress-vdi", name: "xpra-proxy" }, [{ node: "n1", address: "192.0.2.10" }]),
    ).toEqual(["192.0.2.10 port 443 is that of the pod web/ingress on node n1"]);
  });
});

function node(more: { ready?: boolean; spec?: object; allocatable?: Record<string, string> } = {}): V1Node {
  return {
    metadata: { name: "n1" },
    spec: more.spec ?? {},
    status: {
      conditions: [{ type: "Ready", status: more.ready === false ? "False" : "True" }],
      allocatable: more.allocatable ?? { cpu: "2", memory: "4Gi", pods: "110" },
    },
  } as V1Node;
}

describe("a node", () => {
  it("takes sessions unless it is not ready, cordoned, or tainted against them", () => {
    expect(whyNoSessions(node())).toBeUndefined();
    expect(whyNoSessions(node({ ready: false }))).toBe("is not ready");
    expect(whyNoSessions(node({ spec: { unschedulable: true } }))).toMatch(/cordoned/);
    expect(whyNoSessions(node({ spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] } }))).toBe("has the taint gpu:NoSchedule");
    expect(whyNoSessions(node({ spec: { taints: [{ key: "soft", effect: "PreferNoSchedule" }] } }))).toBeUndefined();
  });

  it("has room by what its pods ask for", () => {
    const pod = (cpu: string, memory: string, nodeName = "n1", phase = "Running"): V1Pod =>
      ({ spec: { nodeName, containers: [{ resources: { requests: { cpu, memory } } }] }, status: { phase } }) as unknown as V1Pod;
    const needs = needsOfSession({ cpuRequest: "25m", memoryRequest: "128Mi" });
    expect(roomOn(node(), [], needs)).toEqual({ sessions: 32, limit: "memory" });
    expect(roomOn(node(), [pod("1900m", "1Gi"), pod("1", "3Gi", "n2"), pod("1", "3Gi", "n1", "Succeeded")], needs)).toEqual({
      sessions: 4,
      limit: "cpu",
    });
    expect(roomOn(node({ allocatable: { cpu: "64", memory: "512Gi", pods: "3" } }), [pod("0", "0")], needs)).toEqual({
      sessions: 2,
      limit: "pods",
    });
    expect(roomOn(node(), [pod("3", "1Gi")], needs).sessions).toBe(0);
  });

  it("counts a limit as a request where there is none", () => {
    expect(needsOfSession({ cpuRequest: "", cpuLimit: "2", memoryLimit: "1Gi" })).toEqual({ cpu: 2, memory: 2 ** 30 });
  });

  it("has a runtime that somebody tried", () => {
    expect(["containerd://1.6.20", "containerd://2.1.0", "cri-o://1.30.1", "docker://20.10.24"].map(isOldRuntime)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(["containerd://1.5.9", "cri-o://1.22.0"].map(isOldRuntime)).toEqual([true, true]);
  });
});

describe("a quota", () => {
  it("says for each of its limits how many more sessions it lets in", () => {
    const quota = {
      metadata: { name: "small" },
      status: { hard: { pods: "10", "requests.memory": "1Gi", services: "5" }, used: { pods: "8", "requests.memory": "768Mi" } },
    };
    expect(quotaRoom(quota, { memoryRequest: "128Mi" })).toEqual([
      { sessions: 2, text: "resourcequota/small: 8 of 10 pods are used, room for 2 more" },
      { sessions: 2, text: "resourcequota/small: 768Mi of 1Gi requests.memory are used, room for 2 more" },
    ]);
  });
});

describe("a quantity", () => {
  it.each([
    ["500m", 0.5],
    ["2", 2],
    ["2Gi", 2 ** 31],
    ["1e3", 1000],
    ["12345Ki", 12345 * 1024],
  ])("%s is %d", (text, amount) => expect(amountOf(text)).toBe(amount));

  it("is none of some unknown unit", () => expect(amountOf("2Zi")).toBeNaN());
});

describe("warnings of the cluster", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  const event = (name: string, reason: string, minutes: number, more: object = {}): CoreV1Event =>
    ({
      type: "Warning",
      reason,
      message: "why\nmore",
      involvedObject: { kind: "Pod", name, namespace: "vdi" },
      metadata: {},
      lastTimestamp: new Date(now - minutes * 60_000).toISOString(),
      ...more,
    }) as unknown as CoreV1Event;

  it("are those of the last hour, the newest first, pods of one set together", () => {
    expect(
      warningsOf(
        [
          event("xpra-proxy-7d9c5-abcde", "BackOff", 10, { count: 3 }),
          event("xpra-proxy-7d9c5-fghij", "BackOff", 2),
          event("alice-desktop", "FailedScheduling", 1),
          event("bob-desktop", "FailedScheduling", 61),
          event("bob-desktop", "Pulled", 1, { type: "Normal" }),
        ],
        now,
      ),
    ).toEqual([
      "pod/alice-desktop in vdi: FailedScheduling: why (1 min ago)",
      "pod/xpra-proxy-7d9c5-fghij in vdi: BackOff: why (4 times, 2 min ago)",
    ]);
  });

  it("are not those that every start brings", () => {
    expect(warningsOf([event("x", "MissingClusterDNS", 1, { count: 90 }), event("x", "Unhealthy", 1, { count: 3 })], now)).toEqual([]);
    expect(warningsOf([event("x", "Unhealthy", 1, { count: 30 })], now)).toHaveLength(1);
  });
});

describe("users on the cluster", () => {
  const user = (name: string, uid: number) => ({ name, uid, gid: uid, gecos: "", home: `/home/${name}`, shell: "/bin/sh" });
  const entries = (...names: string[]) => ({
    passwd: names.map((name, at) => user(name, 20_001 + at)),
    shadow: names.map((name) => ({ name, hash: "$6$x", rest: [] })),
    group: [],
  });

  it("differ by name, by entry and by password", () => {
    expect(userDifferences(entries("a", "b"), entries("a", "b"))).toEqual([]);
    const other = entries("a", "c");
    const changed = { ...other, shadow: other.shadow.map((line) => ({ ...line, hash: "$6$y" })) };
    expect(userDifferences(entries("a", "b"), changed)).toEqual([
      "the proxies do not know b",
      "the proxies still know c",
      "the proxies know other entries or passwords of a",
    ]);
  });
});

it("a deploy needs to write what it makes, and has to have what it gives to the broker", () => {
  const needs = needsOfDeploy({ namespace: "vdi", ingressNamespace: "ingress-vdi", deployName: "xpra-proxy", workers: ["n1"] });
  const has = (verb: string, resource: string, namespace?: string): boolean =>
    needs.some((need) => need.verb === verb && need.resource === resource && need.namespace === namespace);
  expect(has("create", "pods", "vdi")).toBe(true);
  expect(has("get", "pods/log", "vdi")).toBe(true);
  expect(has("patch", "validatingadmissionpolicies")).toBe(true);
  expect(has("patch", "nodes")).toBe(true);
  expect(has("watch", "namespaces")).toBe(true);
  expect(has("create", "secrets", "vdi")).toBe(false);
  expect(
    needsOfDeploy({ namespace: "vdi", ingressNamespace: "ingress-vdi", deployName: "x", workers: undefined }).some(
      ({ resource }) => resource === "nodes",
    ),
  ).toBe(false);
});

it("a session that ended says when, by its container or else by its conditions", () => {
  const at = "2026-01-01T12:00:00Z";
  const ended = { status: { phase: "Succeeded", containerStatuses: [{ state: { terminated: { finishedAt: at } } }] } } as unknown as V1Pod;
  const evicted = { status: { phase: "Failed", conditions: [{ lastTransitionTime: at }] } } as unknown as V1Pod;
  expect([ended, evicted, { status: { phase: "Running" } } as V1Pod].map(endOf)).toEqual([Date.parse(at), Date.parse(at), undefined]);
});

it("Node is compared by numbers", () => {
  expect(["20.19.0", "20.20.2", "24.0.0", "20.18.3", "18.20.0"].map((version) => isNewEnough(version))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

describe("a long text", () => {
  it("is broken at spaces, and a word that is too long stands alone", () => {
    expect(wrapped("one two three", "  ", 9)).toBe("  one two\n  three");
    expect(wrapped("a averyverylongword b", " ", 6)).toBe(" a\n averyverylongword\n b");
    expect(wrapped("x\ny z", "", 80)).toBe("x\ny z");
  });
});
