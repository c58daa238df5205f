import type { V1ValidatingAdmissionPolicy } from "@kubernetes/client-node";
import { type KubeObject, refKey, refOf } from "../manifests/kube-object.ts";
import type { NetworkPolicy } from "../manifests/network-policies.ts";

type Policy = KubeObject & Pick<V1ValidatingAdmissionPolicy, "spec">;

/** The variable of a widened policy that is true for what was let through before. */
const earlier = "earlier";
const prefix = `variables.${earlier} || `;

/** True for the objects that say what the broker may create, and by which ports sessions are reached. */
export function isPolicyObject({ kind }: KubeObject): boolean {
  return kind.startsWith("ValidatingAdmissionPolicy") || kind === "NetworkPolicy";
}

/**
 * The objects of the policies as they may stand while brokers still work by the configuration of the deploy before: what those on
 * the cluster let through is let through as well, and nothing else. Gives the wanted ones where both are the same. Pure.
 */
export function widenedPolicy(wanted: readonly KubeObject[], ...live: readonly (KubeObject | undefined)[]): readonly KubeObject[] {
  const before = new Map(live.flatMap((object) => (object === undefined ? [] : [[refKey(refOf(object)), object] as const])));
  return wanted.map((object) => {
    const own = before.get(refKey(refOf(object)));
    if (object.kind === "ValidatingAdmissionPolicy") return widened(object, own);
    return object.kind === "NetworkPolicy" ? withPorts(object as NetworkPolicy, own as NetworkPolicy | undefined) : object;
  });
}

/** A session that starts with the port of before is reached. */
function withPorts(wanted: NetworkPolicy, live: NetworkPolicy | undefined): NetworkPolicy {
  const [rule, ...others] = wanted.spec.ingress ?? [];
  const numbers = [rule, ...(live?.spec.ingress ?? [])].flatMap((each) => (each?.ports ?? []).map(({ port }) => port));
  const ports = [...new Set(numbers.filter((port) => typeof port === "number"))].sort((a, b) => a - b);
  if (rule === undefined || ports.length === (rule.ports ?? []).length) return wanted;
  return {
    ...wanted,
    spec: { ...wanted.spec, ingress: [{ ...rule, ports: ports.map((port) => ({ protocol: "TCP", port })) }, ...others] },
  };
}

function widened(wanted: Policy, live: Policy | undefined): Policy {
  const before = live === undefined ? undefined : rulesOf(live);
  if (before === undefined || wanted.spec === undefined) return wanted;
  const own = conjunction(wanted.spec.validations ?? []);
  // Interrupted deploys leave one alternative each; the next complete one ends them all.
  const alternatives = [...before.alternatives, before.own].filter((each, at, all) => each !== own && all.indexOf(each) === at);
  if (alternatives.length === 0) return wanted;
  return {
    ...wanted,
    spec: {
      ...wanted.spec,
      variables: [{ name: earlier, expression: alternatives.join(separator) }],
      validations: (wanted.spec.validations ?? []).map((rule) => ({ ...rule, expression: `${prefix}(${rule.expression})` })),
    },
  };
}

/** No rule has a line break outside of a literal, and in a literal it is written as `\n`. */
const separator = "\n|| ";

/** What a policy lets through: by its own rules, and by those that it was widened by. Undefined: by rules that are not `vdi`'s. */
function rulesOf({ spec }: Policy): { readonly own: string; readonly alternatives: readonly string[] } | undefined {
  const { variables = [], validations = [] } = spec ?? {};
  if (validations.length === 0) return undefined;
  const [variable, ...others] = variables;
  if (variable === undefined) return { own: conjunction(validations), alternatives: [] };
  if (others.length > 0 || variable.name !== earlier) return undefined;
  const plain = validations.map(({ expression }) =>
    expression.startsWith(prefix) ? { expression: expression.slice(prefix.length + 1, -1) } : undefined,
  );
  const rules = plain.filter((rule) => rule !== undefined);
  if (rules.length < plain.length) return undefined;
  return { own: conjunction(rules), alternatives: variable.expression.split(separator) };
}

function conjunction(rules: readonly { readonly expression: string }[]): string {
  return `(${rules.map(({ expression }) => `(${expression})`).join(" && ")})`;
}
