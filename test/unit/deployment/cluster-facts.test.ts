import { describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { readClusterFacts } from "../../../src/deployment/cluster-facts.ts";
import { KubeError } from "../../../src/kube/kube-error.ts";
import type { KubeTransport } from "../../../src/kube/transport.ts";

/** A cluster that has these answers, by their paths. */
function facts(answers: Record<string, object>, clusterNetworks: readonly string[] = []) {
  const json = async ({ path }: { path: string }) => {
    const answer = answers[path];
    if (answer === undefined) throw new KubeError({ status: 404, reason: "NotFound", message: "not found", request: { path } } as never);
    return answer;
  };
  return readClusterFacts({ json } as unknown as KubeTransport, { namespace: "vdi-stp", clusterNetworks } as unknown as Config);
}

const pods = (...ips: string[]) => ({ items: ips.map((podIP) => ({ spec: {}, status: { podIP, phase: "Running" } })) });

describe("the networks that sessions are kept from", () => {
  it.each<[string, string, object, string]>([
    ["the nodes", "/api/v1/nodes", { items: [{ spec: { podCIDRs: ["10.1.0.0/24"] } }] }, "10.1.0.0/24"],
    ["Calico's pools", "/apis/crd.projectcalico.org/v1/ippools", { items: [{ spec: { cidr: "10.2.0.0/16" } }] }, "10.2.0.0/16"],
    ["Cilium's nodes", "/apis/cilium.io/v2/ciliumnodes", { items: [{ spec: { ipam: { podCIDRs: ["10.3.0.0/24"] } } }] }, "10.3.0.0/24"],
    [
      "OpenShift",
      "/apis/config.openshift.io/v1/networks/cluster",
      { status: { clusterNetwork: [{ cidr: "10.4.0.0/14" }] } },
      "10.4.0.0/14",
    ],
  ])("are those of %s", async (_who, path, answer, wanted) => {
    expect((await facts({ [path]: answer })).traits.insideRanges).toEqual([wanted]);
  });

  it("leave out a pod only with a warning that names it", async () => {
    const warningsOf = async (...args: Parameters<typeof facts>) =>
      (await facts(...args)).warnings.filter((line) => line.includes("XPRA_CLUSTER_NETWORKS"));
    const answers = { "/api/v1/pods": pods("10.9.0.7") };
    expect(await warningsOf(answers)).toEqual([expect.stringContaining("10.9.0.7")]);
    expect(await warningsOf(answers, ["10.9.0.0/24"])).toEqual([]);
    expect(
      await warningsOf({ "/api/v1/pods": { items: [{ spec: { hostNetwork: true }, status: { podIP: "192.0.2.1", phase: "Running" } }] } }),
    ).toEqual([]);
  });
});

describe("the networks in which no address of a site lies", () => {
  it("are those of pods and Services, not what may hold nodes", async () => {
    const found = await facts(
      {
        "/api/v1/nodes": {
          items: [{ metadata: { name: "n1" }, spec: { podCIDRs: ["10.1.0.0/24"] }, status: { addresses: [{ address: "192.0.2.1" }] } }],
        },
        "/apis/networking.k8s.io/v1/servicecidrs": { items: [{ spec: { cidrs: ["10.96.0.0/16"] } }] },
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices": {
          items: [{ metadata: { labels: { "kubernetes.io/service-name": "kubernetes" } }, endpoints: [{ addresses: ["192.0.2.1"] }] }],
        },
      },
      ["192.0.2.0/24"],
    );
    expect(found.podAndServiceRanges).toEqual(["10.1.0.0/24", "10.96.0.0/16"]);
    expect(found.nodeAddresses).toEqual([{ node: "n1", address: "192.0.2.1" }]);
    expect(found.traits.insideRanges).toEqual(["10.1.0.0/24", "10.96.0.0/16", "192.0.2.0/24", "192.0.2.1/32"]);
  });
});

describe("the cluster's DNS", () => {
  const path = "/api/v1/namespaces/kube-system/services/kube-dns";

  it("is known by its Service, if there is one with addresses", async () => {
    const dnsOf = async (...clusterIPs: string[]) => (await facts({ [path]: { spec: { clusterIPs } } })).traits.dnsAddresses;
    expect(await dnsOf("10.96.0.10", "fd00:1::a")).toEqual(["10.96.0.10/32", "fd00:1::a/128"]);
    expect(await dnsOf("None")).toEqual([]);
    expect((await facts({})).traits.dnsAddresses).toEqual([]);
  });
});

describe("the ports of living sessions", () => {
  const path = "/api/v1/namespaces/vdi-stp/pods";
  const session = (containerPort: number, phase: string) => ({
    spec: { containers: [{ name: "session", ports: [{ containerPort }] }] },
    status: { phase },
  });

  it("are each told once, and those of ended sessions not", async () => {
    const items = [session(14500, "Running"), session(14500, "Pending"), session(14600, "Running"), session(14700, "Succeeded")];
    expect((await facts({ [path]: { items } })).traits.sessionPorts).toEqual([14500, 14600]);
  });

  it("are missed with a warning where pods may not be read", async () => {
    const { traits, warnings } = await facts({});
    expect(traits.sessionPorts).toBeUndefined();
    expect(warnings).toContainEqual(expect.stringContaining("another PORT are cut off"));
  });
});
