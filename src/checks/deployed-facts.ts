import type { V1Deployment, V1Pod, V1ReplicaSet, V1Secret, V1Service } from "@kubernetes/client-node";
import { type KubernetesBrokerConfig, parseBrokerConfig } from "../broker-config/broker-config.ts";
import { readClusterFacts } from "../deployment/cluster-facts.ts";
import { isOurs, readInventory } from "../deployment/inventory.ts";
import { withKeptDigests } from "../deployment/pinned-images.ts";
import { planDeployment } from "../deployment/plan.ts";
import { type Applied, applyObjects } from "../kube/apply.ts";
import { brokerName } from "../manifests/deployment-names.ts";
import { sessionSelector } from "../manifests/labels.ts";
import { textsOf } from "../manifests/secrets.ts";
import { VdiError } from "../util/vdi-error.ts";
import { imagesOf, pinnedOf, preparedOf } from "./prepared.ts";
import type { RbacFacts } from "./rbac.ts";
import { clusterWide, isForbidden, namespaced, proxyPods, type World } from "./world.ts";

/** The proxies' Deployment; undefined: nothing is deployed. */
export function deploymentOf(world: World): Promise<V1Deployment | undefined> {
  const { ingressNamespace, deployName } = world.config();
  return world.get(`${namespaced("apps/v1", ingressNamespace, "deployments")}/${deployName}`);
}

/** The sets of the proxies' pods. */
export function replicaSetsOf(world: World): Promise<readonly V1ReplicaSet[]> {
  return world.list(namespaced("apps/v1", world.config().ingressNamespace, "replicasets"), proxyPods(world.config()));
}

/** The proxies' pods. */
export function proxiesOf(world: World): Promise<readonly V1Pod[]> {
  return world.list(namespaced("core", world.config().ingressNamespace, "pods"), proxyPods(world.config()));
}

/** The sessions' pods. */
export function sessionPodsOf(world: World): Promise<readonly V1Pod[]> {
  return world.list(namespaced("core", world.config().namespace, "pods"), { labelSelector: sessionSelector });
}

/** The proxies' Service. */
export function serviceOf(world: World): Promise<V1Service | undefined> {
  const { ingressNamespace, deployName } = world.config();
  return world.get(`${namespaced("core", ingressNamespace, "services")}/${deployName}`);
}

/** A Secret of the proxies' namespace with its values as texts; undefined: not there, or not to be read by this admin. */
export async function secretTexts(world: World, name: string): Promise<Readonly<Record<string, string>> | undefined> {
  const path = `${namespaced("core", world.config().ingressNamespace, "secrets")}/${name}`;
  const secret = await world.get<V1Secret>(path).catch((thrown: unknown) => {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  });
  return secret === undefined ? undefined : textsOf(secret);
}

/** The configuration that the running brokers have. */
export async function brokerConfigOf(world: World): Promise<KubernetesBrokerConfig> {
  const config = world.config();
  const name = brokerName(config);
  const map = await world.get<{ data?: Record<string, string> }>(`${namespaced("core", config.ingressNamespace, "configmaps")}/${name}`);
  const text = map?.data?.["broker.json"];
  if (text === undefined) {
    throw new VdiError({ what: `the ConfigMap ${name} of the brokers is not there`, why: "they have no configuration", try: "vdi deploy" });
  }
  const broker = parseBrokerConfig(text, `configmap/${name}`);
  if (broker.kubernetes === undefined) {
    throw new VdiError({ what: `the ConfigMap ${name} is for a container engine`, why: "its brokers make no pods", try: "vdi deploy" });
  }
  return broker;
}

/** What a deploy would do to each object of the deployment now; the cluster checks it and keeps nothing. */
export function driftOf(world: World): Promise<readonly Applied[]> {
  return world.once("drift", async () => {
    const config = world.config();
    const transport = await world.cluster();
    const { signal } = world.ctx;
    const [prepared, images, pinned, facts, recorded] = await Promise.all([
      preparedOf(world),
      imagesOf(world),
      pinnedOf(world),
      readClusterFacts(transport, config, signal),
      readInventory(transport, config, signal),
    ]);
    const unknown = images.filter(({ digest }) => digest.digest === undefined && !digest.missing).map(({ reference }) => reference);
    const pinnedImages = withKeptDigests(pinned, unknown, recorded.images);
    const plan = planDeployment({ ...prepared.parts, pinnedImages, cluster: facts.traits });
    return applyObjects(transport, plan.objects, { dryRun: true, signal, isOurs: (object) => isOurs(config, object) });
  });
}

/** How the objects of some kinds differ from what a deploy would make of them, a line each. */
export async function driftOfKinds(
  world: World,
  kinds: readonly string[],
): Promise<{ readonly missing: readonly string[]; readonly changed: readonly string[] }> {
  const drift = (await driftOf(world)).filter(({ ref }) => kinds.includes(ref.kind));
  return {
    missing: drift.filter(({ outcome }) => outcome === "created" || outcome === "unchecked").map(driftText),
    changed: drift.filter(({ outcome }) => outcome === "changed").map(driftText),
  };
}

/** One object's difference in words. */
export function driftText({ ref, outcome, notes }: Applied): string {
  const place = ref.namespace === undefined ? "" : ` in ${ref.namespace}`;
  const what = outcome === "changed" ? "is not as the directory says" : "is not there";
  return `${ref.kind.toLowerCase()}/${ref.name}${place} ${what}${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`;
}

/** Every role and binding that this admin may see. */
export function rbacOf(world: World): Promise<RbacFacts> {
  return world.once("rbac", async () => {
    const api = "rbac.authorization.k8s.io/v1";
    const everywhere = <T>(plural: string): Promise<readonly T[]> => world.list<T>(clusterWide(api, plural));
    const config = world.config();
    // Who may not see the whole cluster's sees at least those of the two namespaces.
    const inNamespaces = <T>(plural: string): Promise<readonly T[]> =>
      everywhere<T>(plural).catch(async (thrown: unknown) => {
        if (!isForbidden(thrown)) throw thrown;
        const lists = await Promise.all(
          [config.namespace, config.ingressNamespace].map((each) => world.list<T>(namespaced(api, each, plural))),
        );
        return lists.flat();
      });
    const [clusterRoles, clusterRoleBindings, roles, roleBindings] = await Promise.all([
      everywhere<RbacFacts["clusterRoles"][number]>("clusterroles"),
      everywhere<RbacFacts["clusterRoleBindings"][number]>("clusterrolebindings"),
      inNamespaces<RbacFacts["roles"][number]>("roles"),
      inNamespaces<RbacFacts["roleBindings"][number]>("rolebindings"),
    ]);
    return { clusterRoles, clusterRoleBindings, roles, roleBindings };
  });
}
