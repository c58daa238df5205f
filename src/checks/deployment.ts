import type { CoreV1Event, V1Namespace, V1NetworkPolicy } from "@kubernetes/client-node";
import { isOurs } from "../deployment/inventory.ts";
import { rolloutState } from "../kube/rollout.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { namespaces as namespaceObjects } from "../manifests/namespaces.ts";
import { secretNames } from "../manifests/secrets.ts";
import { formatUserTexts, parseUserTexts, type UserEntries } from "../users/entries.ts";
import { readUsers } from "../users/user-store.ts";
import { counted } from "../util/counted.ts";
import { type Check, failed, ok, unless, warning } from "./check.ts";
import { deploymentOf, driftOf, driftOfKinds, driftText, proxiesOf, replicaSetsOf, secretTexts } from "./deployed-facts.ts";
import { warningsOf } from "./events.ts";
import { clusterWide, namespaced, type World } from "./world.ts";

/** What has to hold of the objects of a deployment that is on the cluster. */
export const deploymentChecks: readonly Check<World>[] = [
  {
    id: "deployed",
    category: "deployment",
    description: "it is on the cluster",
    looksAt: "The proxies' Deployment in `ingress-NAMESPACE`.",
    hint: ["vdi deploy", "vdi check --pre looks only at what a deploy needs"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["namespaces"],
    async run(world) {
      const deployment = await deploymentOf(world);
      if (deployment === undefined)
        return failed(`there is no deployment ${world.config().deployName} in ${world.config().ingressNamespace}`);
      return ok();
    },
  },
  {
    id: "rollout",
    category: "deployment",
    description: "all proxies are up",
    looksAt:
      "Whether the Deployment has rolled out, and what stands in its way: an image that cannot be pulled, no room, a container that ends.",
    hint: ["kubectl -n ingress-NAMESPACE describe pods", "vdi deploy waits and says why not"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const [deployment, replicaSets, pods] = await Promise.all([deploymentOf(world), replicaSetsOf(world), proxiesOf(world)]);
      const state = rolloutState({ deployment, replicaSets, pods, events: [] });
      if (!state.done) return failed([state.progress, ...(state.problem === undefined ? [] : [state.problem.text])]);
      return deployment?.spec?.replicas === 0
        ? warning("there are none: nobody gets in", ["set REPLICAS, then vdi deploy"])
        : ok(state.progress);
    },
  },
  {
    id: "in-step",
    category: "deployment",
    description: "what is on the cluster is what the directory says",
    looksAt: "Every object that a deploy would apply, offered to the API server as a dry run: what it would create or change differs.",
    hint: ["vdi deploy --dry-run=server shows it; vdi deploy brings it in step"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed", "templates", "permissions"],
    async run(world) {
      const drift = await driftOf(world);
      const other = drift.filter(({ outcome }) => outcome !== "unchanged");
      return unless(other.map(driftText), `${drift.length} objects`);
    },
  },
  {
    id: "pod-security-labels",
    category: "deployment",
    description: "both namespaces enforce Pod Security",
    looksAt:
      "The label `pod-security.kubernetes.io/enforce` of both namespaces: *baseline* for the proxies, `XPRA_SESSION_PROFILE` for the sessions.",
    hint: ["vdi deploy sets the labels again"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const config = world.config();
      const wanted = namespaceObjects(config, { sessionProfile: config.sessionProfile, directory: "", version: "" });
      const label = "pod-security.kubernetes.io/enforce";
      const facts = await Promise.all(
        wanted.map(async ({ metadata }) => ({
          name: metadata.name,
          want: metadata.labels?.[label] ?? "",
          have: (await world.get<V1Namespace>(clusterWide("core", "namespaces", metadata.name)))?.metadata?.labels?.[label] ?? "",
        })),
      );
      return unless(
        facts
          .filter(({ have, want }) => have !== want)
          .map(({ name, have, want }) => `${name} enforces ${have === "" ? "nothing" : have} instead of ${want}`),
        facts.map(({ have }) => have).join(", "),
      );
    },
  },
  {
    id: "admission-policy",
    category: "deployment",
    description: "the admission policy is there and bound",
    looksAt:
      "The ValidatingAdmissionPolicy `vdi-NAMESPACE-sessions` and its binding: there, denying, and with the rules and images that a deploy would give it now (a difference is a warning: a newer image or a newer `vdi` makes one as well as somebody's hand). Without it whoever takes over a broker could mount the namespace's Secrets into a pod, or ask for the node itself. `admission-policy-works` tries it.",
    hint: ["vdi deploy brings it back"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["in-step", "admission-policies"],
    async run(world) {
      const [policy, binding] = await Promise.all([
        driftOfKinds(world, ["ValidatingAdmissionPolicy"]),
        driftOfKinds(world, ["ValidatingAdmissionPolicyBinding"]),
      ]);
      const broken = [...policy.missing, ...binding.missing, ...binding.changed];
      if (broken.length > 0) return failed(broken);
      // It names the images, so that newer ones or a newer vdi change it as well as somebody's hand.
      return policy.changed.length === 0 ? ok() : warning(policy.changed);
    },
  },
  {
    id: "network-policies",
    category: "deployment",
    description: "the network policies are there",
    looksAt:
      "The NetworkPolicies `sessions` and `proxies`: there, and as a deploy makes them; and others in the sessions' namespace: policies add up, so another one can only let more through. `network-reach` says what all of them together do.",
    hint: ["vdi deploy brings them back", "kubectl -n NAMESPACE describe networkpolicies"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["in-step"],
    async run(world) {
      const { missing, changed } = await driftOfKinds(world, ["NetworkPolicy"]);
      if (missing.length > 0) return failed([...missing, ...changed]);
      const config = world.config();
      const all = await world.list<V1NetworkPolicy>(namespaced("networking.k8s.io/v1", config.namespace, "networkpolicies"));
      const others = all.filter((policy) => !isOurs(config, policy as KubeObject)).map(({ metadata }) => metadata?.name ?? "");
      const foreign = others.length === 0 ? [] : [`somebody else's policies let more through: ${others.join(", ")}`];
      return changed.length + foreign.length === 0 ? ok() : warning([...changed, ...foreign]);
    },
  },
  {
    id: "users-in-step",
    category: "deployment",
    description: "the proxies know the users of the directory",
    looksAt: "The Secret with the users against `protected/users`: users that only one of them has, and those whose entries differ.",
    hint: ["vdi deploy gives the proxies the users of the directory"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed", "users"],
    async run(world) {
      const config = world.config();
      const texts = await secretTexts(world, secretNames(config).users);
      if (texts === undefined) return failed("the Secret with the users is not there, or you may not read it");
      const there = parseUserTexts(
        { passwd: texts["passwd"] ?? "", shadow: texts["shadow"] ?? "", group: texts["group"] ?? "" },
        "the Secret",
      );
      const here = config.demoUsers ? await readUsers(config.directory) : { passwd: [], shadow: [], group: [] };
      return unless(userDifferences(here, there), counted(there.passwd.length, "user"));
    },
  },
  {
    id: "recent-warnings",
    category: "deployment",
    description: "the cluster has warned of nothing in the last hour",
    looksAt:
      "Events of the type Warning in both namespaces, of the last hour, counted by object and reason; without those that come with every start of a pod.",
    hint: ["kubectl -n NAMESPACE get events --field-selector type=Warning"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const { ingressNamespace, namespace } = world.config();
      const lists = await Promise.all(
        [ingressNamespace, namespace].map((each) =>
          world.list<CoreV1Event>(namespaced("core", each, "events"), { fieldSelector: "type=Warning" }),
        ),
      );
      return unless(warningsOf(lists.flat(), world.ctx.now()));
    },
  },
];

/** Which users two sets do not have in common, or have with other entries. Pure. */
export function userDifferences(here: UserEntries, there: UserEntries): readonly string[] {
  const only = (a: UserEntries, b: UserEntries): readonly string[] =>
    a.passwd.filter(({ name }) => !b.passwd.some((user) => user.name === name)).map(({ name }) => name);
  const entryOf = (entries: UserEntries, name: string): string =>
    JSON.stringify(
      formatUserTexts({
        passwd: entries.passwd.filter((user) => user.name === name),
        shadow: entries.shadow.filter((user) => user.name === name),
        group: entries.group.filter((group) => group.name === name || group.members.includes(name)),
      }),
    );
  const missing = only(here, there);
  const surplus = only(there, here);
  const other = here.passwd
    .map(({ name }) => name)
    .filter((name) => !missing.includes(name) && entryOf(here, name) !== entryOf(there, name));
  return [
    ...(missing.length === 0 ? [] : [`the proxies do not know ${missing.join(", ")}`]),
    ...(surplus.length === 0 ? [] : [`the proxies still know ${surplus.join(", ")}`]),
    ...(other.length === 0 ? [] : [`the proxies know other entries or passwords of ${other.join(", ")}`]),
  ];
}
