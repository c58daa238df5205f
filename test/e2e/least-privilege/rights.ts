import type { Api } from "../support/api.ts";

/** A question to the API server's authorizer. */
export interface Question {
  readonly verb: string;
  readonly group?: string;
  /** With its subresource: `pods/log`. */
  readonly resource?: string;
  /** Absent: in all namespaces, or a resource that is in none. */
  readonly namespace?: string;
  readonly path?: string;
}

/** A resource that the API server has. */
export interface Resource {
  readonly group: string;
  readonly name: string;
  readonly namespaced: boolean;
}

/** What RBAC knows; the last ones count for some resources only, and are asked for all. */
export const verbs = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
  "bind",
  "escalate",
  "impersonate",
  "approve",
  "sign",
  "use",
  "*",
];

/** Every resource and subresource of the discovery, and those that are in no list. */
export async function resources(api: Api): Promise<readonly Resource[]> {
  type List = { readonly resources?: readonly { readonly name: string; readonly namespaced: boolean }[] };
  const groups = (await api.ask("GET", "/apis")).body as unknown as {
    groups: { name: string; versions: { groupVersion: string }[] }[];
  };
  const paths = groups.groups.flatMap(({ name, versions }) =>
    versions.map(({ groupVersion }) => ({ group: name, path: `/apis/${groupVersion}` })),
  );
  const found = new Map<string, Resource>();
  for (const { group, path } of [{ group: "", path: "/api/v1" }, ...paths]) {
    const { resources: list = [] } = (await api.ask("GET", path)).body as List;
    for (const { name, namespaced } of list) found.set(`${group}/${name}`, { group, name, namespaced });
  }
  // Asked for by the authorizer only, and `*` for what a later version may have.
  for (const name of ["users", "groups", "nodes/metrics", "nodes/log", "nodes/stats", "nodes/configz", "nodes/pods", "*"])
    found.set(`/${name}`, { group: "", name, namespaced: name === "*" });
  found.set("*/*", { group: "*", name: "*", namespaced: true });
  return [...found.values()];
}

/** Every verb on every resource, in every one of these namespaces and in all of them. */
export function questions(all: readonly Resource[], namespaces: readonly string[]): readonly Question[] {
  return all.flatMap(({ group, name, namespaced }) =>
    verbs.flatMap((verb): Question[] => [
      { verb, group, resource: name },
      ...(namespaced ? namespaces.map((namespace) => ({ verb, group, resource: name, namespace })) : []),
    ]),
  );
}

/** In words, as they stand in the lists of expected rights. */
export function words({ verb, group = "", resource = "", namespace, path }: Question): string {
  if (path !== undefined) return `${verb} ${path}`;
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}${namespace === undefined ? "" : ` in ${namespace}`}`;
}

/** The questions that are answered by yes, asked by whoever has the token. */
export async function allowed(api: Api, asked: readonly Question[]): Promise<readonly string[]> {
  const yes: string[] = [];
  const rest = [...asked];
  const worker = async (): Promise<void> => {
    for (let question = rest.pop(); question !== undefined; question = rest.pop()) if (await mayI(api, question)) yes.push(words(question));
  };
  await Promise.all(Array.from({ length: 24 }, worker));
  return yes.sort();
}

async function mayI(api: Api, { verb, group, resource, namespace, path }: Question): Promise<boolean> {
  const [name = "", subresource] = (resource ?? "").split("/");
  const attributes =
    path === undefined
      ? { resourceAttributes: { verb, group, resource: name, ...(subresource && { subresource }), ...(namespace && { namespace }) } }
      : { nonResourceAttributes: { verb, path } };
  const answer = await api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: attributes,
  });
  const status = answer.body["status"] as { allowed?: boolean } | undefined;
  if (answer.status !== 201 || typeof status?.allowed !== "boolean")
    throw new Error(`no review of ${words({ verb, ...(resource && { resource }), ...(path && { path }) })}: ${JSON.stringify(answer)}`);
  return status.allowed;
}

/** What SelfSubjectRulesReview says for a namespace, one line for each verb. */
export async function rules(api: Api, namespace: string): Promise<readonly string[]> {
  type Rule = { verbs: string[]; apiGroups?: string[]; resources?: string[]; resourceNames?: string[]; nonResourceURLs?: string[] };
  const { status, body } = await api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace },
  });
  const answer = body["status"] as { incomplete?: boolean; resourceRules?: Rule[]; nonResourceRules?: Rule[] } | undefined;
  if (status !== 201 || answer === undefined || answer.incomplete === true)
    throw new Error(`no rules of ${namespace}: ${JSON.stringify(body)}`);
  const lines = [...(answer.resourceRules ?? []), ...(answer.nonResourceRules ?? [])].flatMap((rule) =>
    rule.verbs.flatMap((verb) => [
      ...(rule.nonResourceURLs ?? []).map((path) => `${verb} ${path}`),
      ...(rule.apiGroups ?? []).flatMap((group) =>
        (rule.resources ?? []).map(
          (resource) => `${words({ verb, group, resource })}${rule.resourceNames === undefined ? "" : ` named ${rule.resourceNames}`}`,
        ),
      ),
    ]),
  );
  return [...new Set(lines)].sort();
}
