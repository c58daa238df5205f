import type { RbacV1Subject, V1PolicyRule, V1RoleRef } from "@kubernetes/client-node";

/** A Role or ClusterRole, as far as it decides. */
export interface RoleFacts {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly rules?: readonly V1PolicyRule[] | null;
}

/** A RoleBinding or ClusterRoleBinding, as far as it decides. */
export interface BindingFacts {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly roleRef: V1RoleRef;
  readonly subjects?: readonly RbacV1Subject[] | null;
}

/** The bindings that count in some namespaces, and the roles that they give. */
export interface RbacFacts {
  readonly clusterRoles: readonly RoleFacts[];
  readonly clusterRoleBindings: readonly BindingFacts[];
  readonly roles: readonly RoleFacts[];
  readonly roleBindings: readonly BindingFacts[];
}

/** Something that can be done: `get` of `pods` in a namespace; `resource` may have a subresource: `pods/exec`. */
export interface Action {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Empty: the whole cluster. */
  readonly namespace: string;
}

/** Somebody who may, and through what. */
export interface Holder {
  /** `User alice`, `Group admins`, `ServiceAccount ns/name`. */
  readonly who: string;
  /** `rolebinding/readers`, `clusterrolebinding/cluster-admin`. */
  readonly via: string;
  /** True when the binding gives everything everywhere. */
  readonly isClusterAdmin: boolean;
}

/** Who may do one of these actions, by the bindings of RBAC. Other authorizers of a cluster are not seen. Pure. */
export function holdersOf(facts: RbacFacts, actions: readonly Action[]): readonly Holder[] {
  const found = new Map<string, Holder>();
  for (const { via, binding, rules, namespace } of grants(facts)) {
    const gives = actions.some(
      (action) => (namespace === undefined || namespace === action.namespace) && rules.some((rule) => allows(rule, action)),
    );
    if (!gives) continue;
    const isClusterAdmin = namespace === undefined && rules.some(isEverything);
    for (const subject of binding.subjects ?? []) {
      const who = nameOfSubject(subject, binding.metadata?.namespace);
      const known = found.get(who);
      if (known === undefined || (!known.isClusterAdmin && isClusterAdmin)) found.set(who, { who, via, isClusterAdmin });
    }
  }
  return [...found.values()].sort((a, b) => (a.who < b.who ? -1 : 1));
}

/** A rule that somebody has, in words: `pods: get, list (ns)`; and through what. */
export interface Right {
  readonly text: string;
  readonly via: string;
  /** True when the binding names the account itself, and not only groups that it is in with others. */
  readonly isOwn: boolean;
}

/** All rules that a service account has by bindings that name it or its groups. Pure. */
export function rightsOf(facts: RbacFacts, account: { readonly namespace: string; readonly name: string }): readonly Right[] {
  const names = [`ServiceAccount ${account.namespace}/${account.name}`, `User system:serviceaccount:${account.namespace}:${account.name}`];
  const groups = groupsOf(account).map((group) => `Group ${group}`);
  return grants(facts).flatMap(({ via, binding, rules, namespace }) => {
    const subjects = (binding.subjects ?? []).map((subject) => nameOfSubject(subject, binding.metadata?.namespace));
    const isOwn = subjects.some((who) => names.includes(who));
    if (!isOwn && !subjects.some((who) => groups.includes(who))) return [];
    return rules.map((rule) => ({ text: textOfRule(rule, namespace), via, isOwn }));
  });
}

/** The groups of a service account, each of them others' as well. */
export function groupsOf(account: { readonly namespace: string }): readonly string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`, "system:authenticated"];
}

interface Grant {
  readonly via: string;
  readonly binding: BindingFacts;
  readonly rules: readonly V1PolicyRule[];
  /** Undefined: the whole cluster. */
  readonly namespace: string | undefined;
}

function grants(facts: RbacFacts): readonly Grant[] {
  const clusterRoles = new Map(facts.clusterRoles.map((role) => [role.metadata?.name, role.rules ?? []]));
  const roles = new Map(facts.roles.map((role) => [`${role.metadata?.namespace}/${role.metadata?.name}`, role.rules ?? []]));
  const rulesOf = ({ roleRef, metadata }: BindingFacts): readonly V1PolicyRule[] =>
    (roleRef.kind === "ClusterRole" ? clusterRoles.get(roleRef.name) : roles.get(`${metadata?.namespace}/${roleRef.name}`)) ?? [];
  return [
    ...facts.clusterRoleBindings.map((binding) => ({
      via: `clusterrolebinding/${binding.metadata?.name ?? ""}`,
      binding,
      rules: rulesOf(binding),
      namespace: undefined,
    })),
    ...facts.roleBindings.map((binding) => ({
      via: `rolebinding/${binding.metadata?.name ?? ""} in ${binding.metadata?.namespace ?? ""}`,
      binding,
      rules: rulesOf(binding),
      namespace: binding.metadata?.namespace,
    })),
  ];
}

function allows(rule: V1PolicyRule, { verb, group, resource }: Action): boolean {
  // A rule for single objects by name counts: one desktop is enough.
  return has(rule.verbs, verb) && has(rule.apiGroups, group) && hasResource(rule.resources, resource);
}

function has(list: readonly string[] | undefined, wanted: string): boolean {
  return list?.some((entry) => entry === "*" || entry === wanted) === true;
}

function hasResource(list: readonly string[] | undefined, wanted: string): boolean {
  const sub = wanted.split("/")[1];
  return list?.some((entry) => entry === "*" || entry === wanted || (sub !== undefined && entry === `*/${sub}`)) === true;
}

function isEverything(rule: V1PolicyRule): boolean {
  return has(rule.verbs, "*") && rule.apiGroups?.includes("*") === true && rule.resources?.includes("*") === true;
}

function nameOfSubject({ kind, name, namespace }: RbacV1Subject, ofBinding: string | undefined): string {
  return kind === "ServiceAccount" ? `ServiceAccount ${namespace ?? ofBinding ?? ""}/${name}` : `${kind} ${name}`;
}

function textOfRule(rule: V1PolicyRule, namespace: string | undefined): string {
  const place = namespace === undefined ? "everywhere" : `in ${namespace}`;
  const names = rule.resourceNames === undefined || rule.resourceNames.length === 0 ? "" : ` (${rule.resourceNames.join(", ")})`;
  const things = rule.nonResourceURLs ?? (rule.resources ?? []).map((resource) => withGroup(resource, rule.apiGroups?.[0] ?? ""));
  return `${things.join(", ")}${names}: ${[...rule.verbs].sort().join(", ")} ${place}`;
}

function withGroup(resource: string, group: string): string {
  return group === "" ? resource : `${resource}.${group}`;
}

/**
 * True for a part of Kubernetes itself: users and groups of `system:` other than everybody's, and the accounts of `kube-system`.
 * Whoever controls those controls the cluster.
 */
export function isControlPlane(who: string): boolean {
  if (/^Group system:(authenticated|unauthenticated|serviceaccounts(:.*)?)$/.test(who) || who === "User system:anonymous") return false;
  if (/^User system:serviceaccount:/.test(who)) return who.startsWith("User system:serviceaccount:kube-system:");
  return /^(User|Group) system:/.test(who) || who.startsWith("ServiceAccount kube-system/");
}
