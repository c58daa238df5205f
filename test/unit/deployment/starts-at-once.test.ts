import type { V1Node } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { startsOfEach } from "../../../src/deployment/broker-configuration.ts";
import { sessionProcessors } from "../../../src/deployment/session-nodes.ts";

const node = (name: string, cpu: string, spec: V1Node["spec"] = {}): V1Node => ({
  metadata: { name },
  spec,
  status: { allocatable: { cpu } },
});
const nodes = [
  node("one", "2"),
  node("two", "3500m"),
  node("control", "8", { taints: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }] }),
  node("gone", "16", { unschedulable: true }),
];

describe("how many sessions each broker starts at a time", () => {
  it.each([
    [undefined, 2, 4],
    [2, 2, 1],
    [5.5, 2, 3],
    [0, 2, 1],
    [320, 2, 64],
    [8, 0, 8],
  ])("is for %s processors and %i brokers %i", (processors, brokers, starts) => {
    expect(startsOfEach(processors, brokers)).toBe(starts);
  });

  it("counts the processors of nodes that take session pods", () => {
    expect(sessionProcessors(nodes, undefined)).toBe(5.5);
    expect(sessionProcessors(nodes, ["two", "gone"])).toBe(3.5);
  });
});
