import { KubeError } from "../kube/transport.ts";
import { brokerRole } from "../manifests/broker-access.ts";
import { brokerName, brokerUser } from "../manifests/deployment-names.ts";
import { type Check, type Finding, failed, ok, skipped, warning } from "./check.ts";
import { rbacOf } from "./deployed-facts.ts";
import { type Action, groupsOf, type Holder, holdersOf, isControlPlane, type RbacFacts, rightsOf } from "./rbac.ts";
import { dryRunSession } from "./session-probe.ts";
import { clusterWide, isForbidden, readable, type World } from "./world.ts";

const brokerHints = {
  deploy: "vdi deploy gives it its own rights again",
  unbind: "take the binding that is named away from it",
  narrow: "whoever administers the cluster can narrow what all accounts may do",
};

/** What has to hold of who may do what in the deployment's namespaces. */
export const rightsChecks: readonly Check<World>[] = [
  {
    id: "broker-rights",
    category: "rights",
    description: "the broker has exactly its eight rights",
    looksAt:
      "All roles that are bound to the broker's service account or to its groups, less those that Kubernetes gives to everybody; and SubjectAccessReviews for what it must never be able to do, which see other authorizers as well. What all accounts of a cluster or namespace may do, as some distributions have it, is only named unless it is one of those things.",
    hint: [brokerHints.deploy, brokerHints.unbind, brokerHints.narrow],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const facts = await readable(rbacOf(world));
      if (facts === undefined) return skipped("you may not read the cluster's roles and bindings");
      const config = world.config();
      const account = { namespace: config.ingressNamespace, name: brokerName(config) };
      const role = brokerRole(config);
      const own = {
        clusterRoles: [],
        clusterRoleBindings: [],
        roles: [role],
        roleBindings: [
          {
            metadata: { name: "wanted", namespace: config.namespace },
            roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: brokerName(config) },
            subjects: [{ kind: "ServiceAccount", ...account }],
          },
        ],
      };
      const wanted = rightsOf(own, account).map(({ text }) => text);
      // Kubernetes itself lets everybody discover the API and look at himself.
      const has = rightsOf(facts, account).filter(({ via }) => !via.startsWith("clusterrolebinding/system:"));
      const missing = wanted.filter((text) => !has.some((right) => right.text === text));
      const surplus = has.filter(({ text }) => !wanted.includes(text));
      const bound = surplus.filter(({ isOwn }) => isOwn);
      const forbidden = bound.length > 0 ? [] : await forbiddenThings(world, facts);
      const inWords = (rights: typeof surplus): readonly string[] => rights.map(({ text, via }) => `it also has ${text} (${via})`);
      const problems = [...missing.map((text) => `it lacks ${text}`), ...inWords(bound), ...forbidden];
      if (problems.length > 0) {
        return failed(problems, [
          ...(missing.length + bound.length > 0 ? [brokerHints.deploy] : []),
          ...(bound.length > 0 ? [brokerHints.unbind] : []),
          ...(forbidden.length > 0 ? [brokerHints.narrow] : []),
        ]);
      }
      // Distributions give something to all accounts, as OpenShift does.
      return surplus.length === 0
        ? ok()
        : warning(inWords(surplus), ["nothing needs to be done where these are the distribution's own", brokerHints.narrow]);
    },
  },
  {
    id: "admission-policy-works",
    category: "rights",
    description: "a pod that is no session is refused to the broker",
    looksAt:
      "A session's pod with a foreign image is offered in the broker's name as a dry run, which keeps nothing; the admission policy has to refuse it. Needs the right to impersonate.",
    hint: ["vdi deploy brings policy and binding back", "kubectl describe validatingadmissionpolicy vdi-NAMESPACE-sessions"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed", "admission-policies"],
    async run(world) {
      const foreign = "registry.invalid/foreign@sha256:0000000000000000000000000000000000000000000000000000000000000000";
      try {
        await dryRunSession(world, { as: brokerUser(world.config()), image: foreign });
      } catch (thrown) {
        if (!(thrown instanceof KubeError)) throw thrown;
        if (/impersonate/.test(thrown.message)) return skipped("you may not impersonate the broker");
        if (thrown.message.includes("vdi: ")) return ok();
        if (thrown.status === 403 || thrown.status === 422) return warning(["it was refused, but not by the policy:", thrown.message]);
        throw thrown;
      }
      return failed("the API server would have taken it: whoever takes over a broker may run any image with any Secret of the namespace");
    },
  },
  {
    id: "desktop-readers",
    category: "rights",
    description: "nobody else may enter the desktops",
    looksAt:
      "Who may read pods in the sessions' namespace: each pod holds its session's password, so whoever reads it may enter that desktop. And who may run or attach something in it. Taken from all roles and bindings of RBAC; the cluster's own parts and those who may do everything everywhere are counted, everybody else is named. Other authorizers, such as a cloud's, cannot be listed.",
    hint: ["kubectl -n NAMESPACE get rolebindings -o wide", "take the binding away, or accept that these may look over users' shoulders"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const { namespace } = world.config();
      const action = (verb: string, resource: string): Action => ({ verb, group: "", resource, namespace });
      const actions = [
        ...["get", "list", "watch"].map((verb) => action(verb, "pods")),
        ...["exec", "attach"].flatMap((sub) => [action("create", `pods/${sub}`), action("get", `pods/${sub}`)]),
        ...["update", "patch"].map((verb) => action(verb, "pods/ephemeralcontainers")),
      ];
      return readersOf(world, actions, true);
    },
  },
  {
    id: "secret-readers",
    category: "rights",
    description: "nobody else may read the deployment's Secrets",
    looksAt:
      "Who may read Secrets in the proxies' namespace: the certificate's key, the key that signs tickets (with it anybody is signed in as anybody), and the users' password hashes.",
    hint: ["kubectl -n ingress-NAMESPACE get rolebindings -o wide", "take the binding away"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const namespace = world.config().ingressNamespace;
      return readersOf(
        world,
        ["get", "list", "watch"].map((verb) => ({ verb, group: "", resource: "secrets", namespace })),
        false,
      );
    },
  },
];

async function readersOf(world: World, actions: readonly Action[], brokerToo: boolean): Promise<Finding> {
  const facts = await readable(rbacOf(world));
  if (facts === undefined) return skipped("you may not read the cluster's roles and bindings");
  const config = world.config();
  const broker = `ServiceAccount ${config.ingressNamespace}/${brokerName(config)}`;
  return readersFinding(holdersOf(facts, actions), brokerToo ? broker : undefined);
}

/** What a list of readers means: those who are expected are counted, the others named. Pure. */
export function readersFinding(holders: readonly Holder[], expected: string | undefined): Finding {
  const others = holders.filter(({ who, isClusterAdmin }) => who !== expected && !isControlPlane(who) && !isClusterAdmin);
  if (others.length > 0) return warning(others.map(({ who, via }) => `${who} (${via})`));
  const admins = holders.filter(({ who, isClusterAdmin }) => isClusterAdmin && (!isControlPlane(who) || who === "Group system:masters"));
  const names = admins.map(({ who }) => who);
  const shown = names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
  return ok(names.length === 0 ? undefined : `besides those who may do everything: ${shown}`);
}

/**
 * What the broker may do and must not: what bindings give its groups, and by the word of the API server itself, so that authorizers
 * beside RBAC are heard.
 */
async function forbiddenThings(world: World, facts: RbacFacts): Promise<readonly string[]> {
  const config = world.config();
  const user = brokerUser(config);
  const groups = groupsOf({ namespace: config.ingressNamespace });
  const things = [
    { verb: "get", resource: "secrets", namespace: config.namespace },
    { verb: "get", resource: "secrets", namespace: config.ingressNamespace },
    { verb: "create", resource: "pods", namespace: config.ingressNamespace },
    { verb: "create", resource: "pods", subresource: "exec", namespace: config.namespace },
    { verb: "create", resource: "rolebindings", group: "rbac.authorization.k8s.io", namespace: config.namespace },
    { verb: "list", resource: "pods" },
    { verb: "get", resource: "nodes" },
  ];
  const transport = await world.cluster();
  const answers = await Promise.all(
    things.map(async (resourceAttributes): Promise<readonly string[]> => {
      const { verb, group, resource, subresource, namespace } = { group: "", subresource: "", namespace: "", ...resourceAttributes };
      const thing = subresource === "" ? resource : `${resource}/${subresource}`;
      const text = `it may ${verb} ${thing} ${namespace === "" ? "everywhere" : `in ${namespace}`}`;
      const holder = holdersOf(facts, [{ verb, group, resource: thing, namespace }]).find(({ who }) =>
        groups.some((each) => who === `Group ${each}`),
      );
      if (holder !== undefined) return [`${text} (${holder.via}, as ${holder.who})`];
      try {
        const { body } = await transport.request({
          method: "POST",
          path: clusterWide("authorization.k8s.io/v1", "subjectaccessreviews"),
          body: { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: { user, groups, resourceAttributes } },
        });
        const { allowed } = (JSON.parse(body) as { status?: { allowed?: boolean } }).status ?? {};
        return allowed === true ? [text] : [];
      } catch (thrown) {
        // Who may not ask for others still has what the bindings say.
        if (isForbidden(thrown)) return [];
        throw thrown;
      }
    }),
  );
  return answers.flat();
}
