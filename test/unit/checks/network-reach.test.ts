import { describe, expect, it } from "vitest";
import { type Endpoint, isReachable, selectingPolicies } from "../../../src/checks/network-reach.ts";
import { type NetworkPolicy, networkPolicies } from "../../../src/manifests/network-policies.ts";

const names = { namespace: "vdi-a", ingressNamespace: "ingress-vdi-a", deployName: "xpra-proxy" };
const own = networkPolicies(names, [14500], 8443, {
  inside: ["10.96.0.0/16", "10.244.0.0/16", "192.0.2.1/32"],
  dns: ["10.96.0.10/32"],
});

function pod(ip: string, namespace: string, labels: Record<string, string> = {}): Endpoint & { pod: NonNullable<Endpoint["pod"]> } {
  return { ip, pod: { namespace, labels, namespaceLabels: { "kubernetes.io/metadata.name": namespace }, ports: { https: 8443 } } };
}

const proxy = pod("10.244.0.2", "ingress-vdi-a", { app: "xpra-proxy" });
const stranger = pod("10.244.0.3", "ingress-vdi-a", { app: "other" });
const alice = pod("10.244.0.4", "vdi-a");
const bob = pod("10.244.0.5", "vdi-a");
const elsewhere = pod("10.244.0.6", "other", { app: "xpra-proxy" });
const dns = pod("10.244.0.7", "kube-system");
const world = { ip: "198.51.100.7" };

describe("what the policies of a deployment let through", () => {
  it.each<[string, Endpoint, Endpoint, number, boolean]>([
    ["a proxy to a session", proxy, alice, 14500, true],
    ["a proxy to another port of a session", proxy, alice, 22, false],
    ["another pod of the proxies' namespace to a session", stranger, alice, 14500, false],
    ["a pod that calls itself a proxy, elsewhere, to a session", elsewhere, alice, 14500, false],
    ["a session to a session", alice, bob, 14500, false],
    ["the world to a session", world, alice, 14500, false],
    ["the world to a proxy", world, proxy, 8443, true],
    ["the world to a proxy's broker", world, proxy, 9090, false],
    ["a session to a proxy", alice, proxy, 8443, false],
    ["a session to the API server", alice, { ip: "192.0.2.1" }, 443, false],
    ["a session to a Service", alice, { ip: "10.96.0.1" }, 443, false],
    ["a session to the metadata address", alice, { ip: "169.254.169.254" }, 80, false],
    ["a session to Amazon's credentials for containers", alice, { ip: "169.254.170.2" }, 80, false],
    ["a session to Alibaba's metadata", alice, { ip: "100.100.100.200" }, 80, false],
    ["a session to Azure's WireServer", alice, { ip: "168.63.129.16" }, 32526, false],
    ["a session to the node's DNS cache", alice, { ip: "169.254.20.10" }, 53, true],
    ["a session to the node's DNS cache by kubespray", alice, { ip: "169.254.25.10" }, 53, true],
    ["a session to another port there", alice, { ip: "169.254.25.10" }, 80, false],
    ["a session to the metadata address as DNS", alice, { ip: "169.254.169.254" }, 53, false],
    ["a session to the cluster's DNS at its Service's address", alice, { ip: "10.96.0.10" }, 53, true],
    ["a session to another port of it", alice, { ip: "10.96.0.10" }, 443, false],
    ["a session to the world", alice, world, 443, true],
    ["a session to the world by IPv6", alice, { ip: "2001:db8::1" }, 443, true],
    ["a session to the metadata address by IPv6", alice, { ip: "fd00:ec2::254" }, 80, false],
    ["a session to DNS", alice, dns, 53, true],
    ["a session to another port of a DNS pod", alice, dns, 8080, false],
    ["a proxy to the API server", proxy, { ip: "192.0.2.1" }, 443, true],
  ])("%s", (_what, from, to, port, wanted) => {
    expect(isReachable(own, from, to, { port })).toBe(wanted);
  });

  it("asks for the protocol", () => {
    expect(isReachable(own, alice, dns, { port: 53, protocol: "UDP" })).toBe(true);
    expect(isReachable(own, proxy, alice, { port: 14500, protocol: "UDP" })).toBe(false);
  });

  it("names the policy that counts", () => {
    expect(selectingPolicies(own, alice.pod, "Egress").map(({ metadata }) => metadata.name)).toEqual(["sessions"]);
    expect(selectingPolicies(own, proxy.pod, "Egress")).toEqual([]);
    expect(selectingPolicies(own, elsewhere.pod, "Ingress")).toEqual([]);
  });
});

describe("other policies", () => {
  const policy = (spec: NetworkPolicy["spec"]): NetworkPolicy => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "x", namespace: "other" },
    spec,
  });
  const target = pod("10.244.0.9", "other", { tier: "back" });

  it.each<[string, NetworkPolicy["spec"], boolean]>([
    ["without a rule let nobody in", { podSelector: {} }, false],
    ["with an empty rule let everybody in", { podSelector: {}, ingress: [{}] }, true],
    ["for other labels do not count", { podSelector: { matchLabels: { tier: "front" } } }, true],
    ["may be selected by NotIn", { podSelector: { matchExpressions: [{ key: "tier", operator: "NotIn", values: ["back"] }] } }, true],
    ["may be selected by DoesNotExist", { podSelector: { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] } }, true],
    ["may be selected by Exists", { podSelector: { matchExpressions: [{ key: "tier", operator: "Exists" }] } }, false],
    ["for egress only leave ingress free", { podSelector: {}, policyTypes: ["Egress"] }, true],
    ["may name a port", { podSelector: {}, ingress: [{ ports: [{ port: "https" }] }] }, true],
    ["may name a range of ports", { podSelector: {}, ingress: [{ ports: [{ port: 8000, endPort: 8500 }] }] }, true],
    ["may end before the port", { podSelector: {}, ingress: [{ ports: [{ port: 8000, endPort: 8100 }] }] }, false],
    ["may let in pods of their own namespace only", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }, false],
    ["add up", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }, { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }, true],
  ])("%s", (_what, spec, wanted) => {
    expect(isReachable([policy(spec)], alice, target, { port: 8443 })).toBe(wanted);
  });
});
