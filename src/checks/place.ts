import { basename } from "node:path";
import { checkOwnership, readClusterFacts } from "../deployment/cluster-facts.ts";
import { takenAddresses } from "../deployment/taken-addresses.ts";
import { directoryAnnotation } from "../manifests/deployment-names.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { labelDifference, namespaces } from "../manifests/namespaces.ts";
import { whyImplausible } from "./addresses.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { type Need, needsOfDeploy } from "./permissions.ts";
import { clusterWide, type World } from "./world.ts";

/** What has to hold of the place where the deployment is or will be. */
export const placeChecks: readonly Check<World>[] = [
  {
    id: "namespaces",
    category: "place",
    description: "both namespaces are free, or this directory's",
    looksAt:
      "The namespace of the sessions and `ingress-` of the proxies: not there, or with the annotation of this deployment directory, written by no newer `vdi`, and not on their way out. One that somebody prepared has the labels that a deployment needs, among them Pod Security's, or none of that name.",
    hint: ["go into the directory that made them, or choose another NAMESPACE"],
    severity: "fatal",
    needs: ["configuration", "cluster-answers"],
    async run(world) {
      const config = world.config();
      const names = [config.ingressNamespace, config.namespace];
      const live = await Promise.all(names.map((name) => world.get<KubeObject>(clusterWide("core", "namespaces", name))));
      checkOwnership(config, live, basename(config.directory), world.ctx.version);
      const ending = live.filter(
        (namespace) => (namespace?.metadata as { deletionTimestamp?: string } | undefined)?.deletionTimestamp !== undefined,
      );
      if (ending.length > 0) {
        return warning(
          ending.map((namespace) => `${namespace?.metadata.name ?? ""} is being deleted; vdi deploy waits until it is gone`),
          [`kubectl get namespace ${ending[0]?.metadata.name ?? ""} -o yaml says what it waits for`],
        );
      }
      const there = live.filter((namespace) => namespace !== undefined);
      if (there.length === 0) return ok("free");
      const foreign = there.filter((namespace) => namespace.metadata.annotations?.[directoryAnnotation] === undefined);
      const wanted = namespaces(config, { sessionProfile: config.sessionProfile, directory: "", version: "" });
      const labels = foreign.flatMap((live) => {
        const own = wanted.find(({ metadata }) => metadata.name === live.metadata.name);
        return (own === undefined ? undefined : labelDifference(own, live)) ?? [];
      });
      if (labels.length > 0)
        return failed(
          labels.flatMap(({ problems }) => problems),
          labels.map(({ command }) => command),
        );
      return foreign.length === 0
        ? ok(names.join(", "))
        : ok(`somebody prepared ${foreign.map(({ metadata }) => metadata.name).join(", ")}`);
    },
  },
  {
    id: "permissions",
    category: "place",
    description: "you may do what a deploy does",
    looksAt:
      "A SelfSubjectAccessReview for each kind of object that `vdi deploy` makes, reads and removes, in its namespace; and the rights of the broker, which nobody can give who does not have them.",
    hint: ["ask whoever administers the cluster for these rights"],
    severity: "fatal",
    needs: ["configuration", "cluster-answers"],
    async run(world) {
      const transport = await world.cluster();
      const may = async ({ verb, group, resource, namespace }: Need, wanted = verb): Promise<boolean> => {
        const [plain = "", subresource] = resource.split("/");
        const review = await transport.request({
          method: "POST",
          path: clusterWide("authorization.k8s.io/v1", "selfsubjectaccessreviews"),
          body: {
            apiVersion: "authorization.k8s.io/v1",
            kind: "SelfSubjectAccessReview",
            spec: {
              resourceAttributes: {
                verb: wanted,
                group,
                resource: plain,
                ...(subresource === undefined ? {} : { subresource }),
                ...(namespace === undefined ? {} : { namespace }),
              },
            },
          },
        });
        return (JSON.parse(review.body) as { status?: { allowed?: boolean } }).status?.allowed === true;
      };
      // Whoever may do everything is asked about once.
      if (await may({ verb: "*", group: "*", resource: "*", namespace: undefined, for: "" })) return ok("you may do everything");
      const needs = needsOfDeploy(world.config());
      const answers = await Promise.all(needs.map(async (need) => ({ need, allowed: await may(need) })));
      const missing = answers.filter(({ allowed }) => !allowed).map(({ need }) => need);
      return unless(inWords(missing), `${needs.length} rights`);
    },
  },
  {
    id: "external-addresses",
    category: "place",
    description: "the proxies' addresses can be theirs",
    looksAt:
      "`EXTERNALIPS`: no loopback, link-local, multicast or reserved address, none of the pods' or the Services' networks unless it is a node's own, and none on which another Service, or a pod that has this port of the node, answers on port 443. Whether the network brings them to a node is seen by `doors-answer`.",
    hint: [
      "choose other addresses in EXTERNALIPS",
      "kubectl get services -A -o wide",
      "an ingress controller on the same node may have another port or address",
    ],
    severity: "fatal",
    needs: ["configuration", "cluster-answers"],
    async run(world) {
      const config = world.config();
      const { externalIps } = config;
      if (externalIps.length === 0) return skipped(`EXTERNALIPS is empty; the cluster gives addresses (${config.serviceType})`);
      const transport = await world.cluster();
      const facts = await world.once("cluster-facts", () =>
        readClusterFacts(transport, { ...config, workers: undefined }, world.ctx.signal),
      );
      const { taken, unread } = await takenAddresses(transport, config, facts.nodeAddresses, world.ctx.signal);
      const odd = externalIps.flatMap((address) => {
        const isOfNode = facts.nodeAddresses.some((each) => each.address === address);
        const why = whyImplausible(address, isOfNode ? [] : facts.podAndServiceRanges);
        return why === undefined ? [] : [`${address}: ${why}`];
      });
      const problems = [...odd, ...taken];
      if (problems.length > 0) return failed(problems);
      return unread.length > 0
        ? warning(`you may not read ${unread.join(", ")}, so whether somebody else has these addresses is not known`)
        : ok(externalIps.join(", "));
    },
  },
];

/** `deployments.apps in ingress-x: create, patch`, a line for each kind and place. */
function inWords(needs: readonly Need[]): readonly string[] {
  const lines = new Map<string, string[]>();
  for (const { verb, group, resource, namespace, for: purpose } of needs) {
    const thing = `${resource}${group === "" ? "" : `.${group}`} ${namespace === undefined ? "of the cluster" : `in ${namespace}`}`;
    const key = `${thing}\0${purpose}`;
    lines.set(key, [...(lines.get(key) ?? []), verb]);
  }
  return [...lines].map(([key, verbs]) => {
    const [thing, purpose] = key.split("\0");
    return `you may not ${verbs.join(", ")} ${thing}${purpose === "" ? "" : ` (${purpose})`}`;
  });
}
