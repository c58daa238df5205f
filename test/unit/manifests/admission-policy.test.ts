import { describe, expect, it } from "vitest";
import { admissionPolicy, noAdditions, type PodAdditions, type SessionLimits } from "../../../src/manifests/admission-policy.ts";

const names = { namespace: "vdi-stp", ingressNamespace: "ingress-vdi-stp", deployName: "xpra-proxy" };
const limits: SessionLimits = {
  images: ["registry.test/vdi-xfce4"],
  configMaps: { etc: ["xpra-proxy-etc"] },
  topdirInt: "/srv",
  pullSecrets: [],
  minUid: 1000,
  nodeSelector: {},
  added: noAdditions,
};

/** The expression of a rule, by the words that it refuses with. */
function rule(words: string, added: Partial<PodAdditions>, more: Partial<SessionLimits> = {}): string {
  const [policy] = admissionPolicy(names, { ...limits, ...more, added: { ...noAdditions, ...added } });
  const found = policy.spec?.validations?.find(({ message }) => message === `vdi: ${words}`);
  if (found === undefined) throw new Error(`no rule ${words}`);
  return found.expression;
}

describe("the admission policy", () => {
  it("lets through the cluster's default class by its name, and no other", () => {
    const priority = "no priority of its own";
    expect(rule(priority, {})).toBe('(!has(object.spec.priorityClassName) || object.spec.priorityClassName in [""])');
    expect(rule(priority, { priorityClasses: ["usual"] })).toBe(
      '(!has(object.spec.priorityClassName) || object.spec.priorityClassName in ["", "usual"])',
    );
  });

  it("lets through the pull secrets of the account beside the deployment's", () => {
    const secrets = rule("only the deployment's pull secrets", { pullSecrets: ["registry"] }, { pullSecrets: ["own"] });
    expect(secrets).toContain('s.name in ["own", "registry"]');
    expect(rule("only the deployment's pull secrets", {})).toContain("s.name in []");
  });

  it("lets the namespace add labels of nodes, and still asks for the deployment's", () => {
    const node = "no choice of the node";
    const worker = { "xpra_run_vdi-stp": "true" };
    expect(rule(node, {})).toMatch(/ && \(!has\(object\.spec\.nodeSelector\)\)$/);
    const asked = `has(object.spec.nodeSelector) && "xpra_run_vdi-stp" in object.spec.nodeSelector && object.spec.nodeSelector["xpra_run_vdi-stp"] == "true"`;
    expect(rule(node, {}, { nodeSelector: worker })).toContain(`(${asked})`);
    const both = rule(node, { nodeSelector: { room: "desktops", "xpra_run_vdi-stp": "false" } }, { nodeSelector: worker });
    expect(both).toContain(`(${asked})`);
    expect(both).toContain('(k == "room" && object.spec.nodeSelector[k] == "desktops")');
    // A namespace's annotation cannot take the deployment's own label back.
    expect(both).not.toContain('"false"');
  });

  it("lets through the level that OpenShift gives the namespace, and no other", () => {
    const profile = "not root, with the runtime's seccomp profile";
    const options = "object.spec.securityContext.seLinuxOptions";
    expect(rule(profile, {})).toMatch(/ && \(!has\(object\.spec\.securityContext\.seLinuxOptions\)\)$/);
    expect(rule(profile, { seLinuxLevel: "s0:c27,c4" })).toContain(`dyn(${options}).all(k, k in ["level"])`);
    expect(rule(profile, { seLinuxLevel: "s0:c27,c4" })).toContain(`${options}.level == "s0:c27,c4"`);
  });
});
