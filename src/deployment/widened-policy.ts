import type { V1ValidatingAdmissionPolicy } from "@kubernetes/client-node";
import type { KubeObject } from "../manifests/kube-object.ts";

type Policy = KubeObject & Pick<V1ValidatingAdmissionPolicy, "spec">;

/** The variable of a widened policy that is true for what was let through before. */
const earlier = "earlier";
const prefix = `variables.${earlier} || `;

/** True for the objects that say what the broker may create. */
export function isPolicyObject({ kind }: KubeObject): boolean {
  return kind.startsWith("ValidatingAdmissionPolicy");
}

/**
 * The objects of a policy as they may stand while brokers still work by the configuration of the deploy before: what the policy on
 * the cluster lets through is let through as well, and nothing else. Gives the wanted ones where both are the same. Pure.
 */
export function widenedPolicy(wanted: readonly KubeObject[], live: KubeObject | undefined): readonly KubeObject[] {
  return wanted.map((object) => (object.kind === "ValidatingAdmissionPolicy" ? widened(object, live) : object));
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
