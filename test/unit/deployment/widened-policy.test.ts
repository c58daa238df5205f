import { describe, expect, it } from "vitest";
import { widenedPolicy } from "../../../src/deployment/widened-policy.ts";
import type { KubeObject } from "../../../src/manifests/kube-object.ts";
import { networkPolicies } from "../../../src/manifests/network-policies.ts";

interface Spec {
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly { readonly message: string; readonly expression: string }[];
}

const binding: KubeObject = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: "sessions" },
};

function policy(...expressions: string[]): KubeObject {
  const validations = expressions.map((expression, at) => ({ message: `rule ${at}`, expression }));
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "sessions" },
    spec: { validations },
  } as KubeObject;
}

function widened(wanted: KubeObject, live: KubeObject | undefined): KubeObject {
  return widenedPolicy([wanted, binding], live)[0] ?? wanted;
}

const specOf = (object: KubeObject): Spec => (object as unknown as { spec: Spec }).spec;

describe("widenedPolicy", () => {
  it("is the wanted policy where there is none yet, or the same", () => {
    expect(widenedPolicy([policy("a", "b"), binding], undefined)).toEqual([policy("a", "b"), binding]);
    expect(widenedPolicy([policy("a", "b"), binding], policy("a", "b"))).toEqual([policy("a", "b"), binding]);
  });

  it("lets through what keeps all rules of the one or all rules of the other", () => {
    expect(specOf(widened(policy("c", "d", "e"), policy("a", "b")))).toEqual({
      variables: [{ name: "earlier", expression: "((a) && (b))" }],
      validations: [
        { message: "rule 0", expression: "variables.earlier || (c)" },
        { message: "rule 1", expression: "variables.earlier || (d)" },
        { message: "rule 2", expression: "variables.earlier || (e)" },
      ],
    });
  });

  it("stays as it is when an interrupted deploy is run again", () => {
    const wide = widened(policy("b"), policy("a"));
    expect(widened(policy("b"), wide)).toEqual(wide);
  });

  it("keeps what several interrupted deploys have let through, each once", () => {
    const expression = (object: KubeObject): string | undefined => specOf(object).variables?.[0]?.expression;
    const second = widened(policy("c"), widened(policy("b"), policy("a")));
    expect(expression(second)).toBe("((a))\n|| ((b))");
    const back = widened(policy("b"), second);
    expect(expression(back)).toBe("((a))\n|| ((c))");
    expect(expression(widened(policy("a"), back))).toBe("((c))\n|| ((b))");
  });

  it("takes nothing of a policy that somebody else has written", () => {
    const foreign = policy("variables.mine") as KubeObject & { spec: object };
    const live = { ...foreign, spec: { ...foreign.spec, variables: [{ name: "mine", expression: "true" }] } };
    expect(widened(policy("a"), live)).toEqual(policy("a"));
    expect(widened(policy("a"), policy())).toEqual(policy("a"));
  });

  it("lets in the ports of the policy before, and no other addresses", () => {
    const names = { namespace: "vdi-a", ingressNamespace: "ingress-vdi-a", deployName: "xpra-proxy" };
    const network = (ports: number[], ...inside: string[]) => networkPolicies(names, ports, 8443, { inside });
    const wide = widenedPolicy(network([14600], "10.2.0.0/16"), ...network([14500], "10.1.0.0/16"));
    expect(wide).toEqual(network([14600, 14500], "10.2.0.0/16"));
    expect(widenedPolicy(network([14600]), ...network([14600]))).toEqual(network([14600]));
    expect(widenedPolicy(network([14600]))).toEqual(network([14600]));
  });
});
