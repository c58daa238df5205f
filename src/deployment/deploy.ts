import { join } from "node:path";
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { type Applied, applyObjects, getObject } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { touchPods } from "../kube/touch-pods.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { waitForRollout } from "../kube/wait.ts";
import { waitUntilGone } from "../kube/wait-gone.ts";
import { brokerName, proxySelector } from "../manifests/deployment-names.ts";
import { type KubeObject, type ObjectRef, refKey, refOf, refText } from "../manifests/kube-object.ts";
import { secretNames } from "../manifests/secrets.ts";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { pause } from "../util/pause.ts";
import { messageOf } from "../util/vdi-error.ts";
import { askQuietly } from "./ask-quietly.ts";
import { type ClusterFacts, checkOwnership, labelWorkers, readClusterFacts } from "./cluster-facts.ts";
import { doorAddresses } from "./door-addresses.ts";
import { shortImage } from "./image-skew.ts";
import { emptyInventory, type Inventory, inventoryObject, isOurs, obsolete, prune, readInventory, unionOf } from "./inventory.ts";
import { applyLatestUsers } from "./latest-users.ts";
import { configMapsInUse, portsInUse } from "./living-sessions.ts";
import { deadDoors, deadDoorText, type NodeAddress } from "./node-doors.ts";
import { withKeptDigests } from "./pinned-images.ts";
import { type ClusterTraits, type DeploymentPlan, planDeployment } from "./plan.ts";
import { readPodAdditions } from "./pod-additions.ts";
import type { PreparedDirectory } from "./prepare.ts";
import { markPrepared } from "./prepared-namespaces.ts";
import { keptCopy, renderedCopyFile, withoutSecrets } from "./rendered-copy.ts";
import { takenAddresses } from "./taken-addresses.ts";
import { isPolicyObject, widenedPolicy } from "./widened-policy.ts";

/** What a deploy needs besides the prepared directory. */
export interface DeployOptions {
  readonly transport: KubeTransport;
  readonly dryRun: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly pinnedImages: ReadonlyMap<string, string>;
  /** Those of them whose registry could not be asked. */
  readonly unknownImages?: readonly string[];
  line(text: string): void;
  status(text: string): void;
}

/** What a deploy did. */
export interface DeployResult {
  readonly applied: readonly Applied[];
  readonly pruned: readonly ObjectRef[];
  /** Files of the directory that were written, relative to it. */
  readonly written: readonly string[];
  readonly workers: ClusterFacts["workers"];
  /** Where users go: what the Service has got, or what is wanted of a dry run. */
  readonly addresses: readonly string[];
  readonly warnings: readonly string[];
}

/** Until a broker works by a changed configuration: the kubelet brings it within a second or two, and the broker looks every two. */
const brokersReadMs = 8_000;

/**
 * Brings a deployment onto the cluster: ask, plan, apply, wait, remove what an earlier version made.
 * Meanwhile the brokers may make the sessions of the deploy before as well as the new ones (decision 0057).
 * Whoever interrupts it anywhere and runs it again gets what an undisturbed run gives: every step looks at what is there,
 * and what may have been made is recorded before it is made.
 */
export async function deploy(prepared: PreparedDirectory, options: DeployOptions): Promise<DeployResult> {
  const { transport, signal, dryRun } = options;
  const { config, directoryName, version } = prepared.parts;
  const [facts, live] = await Promise.all([
    readClusterFacts(transport, config, signal),
    dryRun ? namespacesOf(transport, config, signal) : settledNamespaces(options, config),
  ]);
  checkOwnership(config, live, directoryName, version);

  const [recorded, taken] = await Promise.all([
    live[0] === undefined ? emptyInventory : readInventory(transport, config, signal),
    newlyTaken(options, config, facts.nodeAddresses),
  ]);
  const { unknownImages = [] } = options;
  const pinnedImages = withKeptDigests(options.pinnedImages, unknownImages, recorded.images);
  for (const reference of unknownImages.filter((each) => pinnedImages.get(each) !== options.pinnedImages.get(each)))
    options.line(`${reference} stays as it was deployed before: ${shortImage(pinnedImages.get(reference) ?? "")}`);
  const planFor = (cluster: ClusterTraits): DeploymentPlan => planDeployment({ ...prepared.parts, pinnedImages, cluster });
  const plan = planFor(facts.traits);
  const warnings: string[] = [];
  const warn = (text: string): void => {
    warnings.push(text);
    options.line(`warning: ${text}`);
  };
  for (const text of [...facts.warnings, ...plan.warnings, ...taken]) warn(text);
  const wanted = plan.objects.map(refOf);
  const images = Object.fromEntries([...pinnedImages].filter(([reference, image]) => image !== reference));
  const applied: Applied[] = [];
  const apply = async (objects: readonly KubeObject[]): Promise<void> => {
    const results = await applyObjects(transport, objects, {
      dryRun,
      signal,
      isOurs: (object) => isOurs(config, object),
      onApplied: ({ ref, outcome, notes }) => {
        if (outcome !== "unchanged") options.status(`${outcome} ${ref.kind} ${ref.name}`);
        for (const note of notes) options.line(`${ref.kind} ${ref.name}: ${note}`);
      },
    });
    applied.push(...results);
    if (results.some(({ replicas }) => replicas === 0)) warn("no proxy runs, so nobody can sign in: somebody set their number to 0");
  };
  const outdated = obsolete(recorded.objects, wanted);
  if (dryRun) {
    await apply(plan.objects);
    return {
      applied,
      pruned: outdated,
      written: prepared.written,
      workers: facts.workers,
      addresses: config.externalIps,
      warnings,
    };
  }

  const isNamespace = ({ kind }: KubeObject): boolean => kind === "Namespace";
  await markPrepared(transport, live, signal);
  await apply(plan.objects.filter(isNamespace));
  const during: Inventory = { objects: unionOf(wanted, recorded.objects), images };
  await record(options, config, recorded, during);
  await labelWorkers(transport, config.namespace, facts.workers, signal);
  const policies = plan.objects.filter(isPolicyObject);
  const wide = widenedPolicy(policies, ...(await livePolicies(options, config, policies)));
  const isWide = !isSame(wide, policies);
  // Before the rest, so that it is in force when the first broker reads the new configuration.
  if (isWide) await apply(wide);
  await applyLatestUsers(config, (secret) => apply([secret]));
  const isApplied = (object: KubeObject): boolean =>
    isNamespace(object) || isUsersSecret(object, config) || (isWide && isPolicyObject(object));
  await apply(plan.objects.filter((object) => !isApplied(object)));
  const isNews = await refreshPods(options, config, applied);
  const toldAt = performance.now();
  const written = new Set(prepared.written);
  const keepCopy = async (objects: readonly KubeObject[]): Promise<void> => {
    const file = join(config.directory, renderedCopyFile);
    const copy = keptCopy(objects.map(withoutSecrets), await readTextIfThere(file));
    if (await writeFileIfChanged(file, copy)) written.add(renderedCopyFile);
  };
  await keepCopy(plan.objects);
  await waitForRollout(transport, {
    namespace: config.ingressNamespace,
    name: config.deployName,
    podSelector: podSelector(config),
    timeoutMs: options.timeoutMs,
    signal,
    onProgress: options.status,
  });
  for (const text of await shutDoors(options, config, facts.nodeAddresses)) warn(text);
  const losesConfigMaps = outdated.some(({ kind, namespace }) => kind === "ConfigMap" && namespace === config.namespace);
  if (isWide || (isNews && losesConfigMaps)) await untilBrokersHaveRead(options, toldAt);
  // What the cluster adds is asked again after a change: OpenShift gives a new service account its pull secret a moment later.
  const isChanged = applied.some(({ outcome }) => outcome !== "unchanged");
  const last = isChanged || isWide ? planFor({ ...facts.traits, ...(await readLatest(options, config)) }) : plan;
  const narrow = last.objects.filter(isPolicyObject);
  if (isWide || !isSame(narrow, policies)) await apply(narrow);
  if (last !== plan) await keepCopy(last.objects);
  const inUse = await configMapsInUse(transport, config, outdated, signal);
  for (const ref of inUse) options.line(`${refText(ref)} stays while sessions use it: a later vdi deploy removes it`);
  const pruned = await prune(transport, config, obsolete(outdated, inUse), signal);
  await record(options, config, during, { objects: unionOf(wanted, inUse), images });
  const addresses = await addressesOnCluster(options, config);
  if (addresses.length === 0 && config.serviceType === "LoadBalancer")
    options.line("the cluster has given the proxies no address yet: vdi status shows it as soon as it has");
  return { applied: onceEach(applied), pruned, written: [...written], workers: facts.workers, addresses, warnings };
}

/** Where users go by the Service: the cluster itself gives the address of a load balancer. */
async function addressesOnCluster(options: DeployOptions, config: Config): Promise<readonly string[]> {
  return doorAddresses(await doorService(options, config));
}

function doorService({ transport, signal }: DeployOptions, config: Config): Promise<V1Service | undefined> {
  const path = kubePath("api", "v1", "namespaces", config.ingressNamespace, "services", config.deployName);
  return askQuietly<V1Service>(transport, path, {}, signal);
}

/** Says who else has addresses that the proxies do not have yet: a large cluster is not looked through at every deploy. */
async function newlyTaken(options: DeployOptions, config: Config, nodes: readonly NodeAddress[]): Promise<readonly string[]> {
  try {
    const has = (await doorService(options, config))?.spec?.externalIPs ?? [];
    const externalIps = config.externalIps.filter((address) => !has.includes(address));
    const { taken } = await takenAddresses(options.transport, { ...config, externalIps }, nodes, options.signal);
    return taken.map((text) => `${text}: one of the two is not reached there; try other addresses in EXTERNALIPS`);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    return [`whether somebody else has the proxies' addresses could not be found out: ${messageOf(thrown)}`];
  }
}

/** Says of each address that is a node's own whether nobody gets in there, now that the proxies have found their nodes. */
async function shutDoors(
  { transport, signal }: DeployOptions,
  config: Config,
  addresses: readonly NodeAddress[],
): Promise<readonly string[]> {
  // Without any proxy all of them would be shut: only then the proxies' pods matter.
  if (deadDoors(config, addresses, []).length === 0) return [];
  const path = kubePath("api", "v1", "namespaces", config.ingressNamespace, "pods");
  const proxies = await askQuietly<{ items?: V1Pod[] }>(transport, path, { labelSelector: podSelector(config) }, signal);
  return proxies === undefined ? [] : deadDoors(config, addresses, proxies.items ?? []).map(deadDoorText);
}

function isSame(some: readonly KubeObject[], others: readonly KubeObject[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}

function isUsersSecret({ kind, metadata }: KubeObject, config: Config): boolean {
  return kind === "Secret" && metadata.name === secretNames(config).users;
}

/** What may have become different while a deploy was on: the brokers of before have started sessions until they knew. */
async function readLatest({ transport, signal }: DeployOptions, config: Config): Promise<Pick<ClusterTraits, "added" | "sessionPorts">> {
  const [added, sessionPorts] = await Promise.all([readPodAdditions(transport, config, signal), portsInUse(transport, config, signal)]);
  return { added, sessionPorts };
}

/** The policies on the cluster that this deployment made. */
async function livePolicies(
  { transport, signal }: DeployOptions,
  config: Config,
  policies: readonly KubeObject[],
): Promise<readonly (KubeObject | undefined)[]> {
  try {
    const live = await Promise.all(policies.map((policy) => getObject(transport, refOf(policy), signal)));
    return live.filter((object) => object !== undefined && isOurs(config, object));
  } catch (thrown) {
    throw explainKubeError(thrown, "the policies of the deploy before cannot be read");
  }
}

/** Waits for what is left of their time. */
async function untilBrokersHaveRead({ signal, status }: DeployOptions, toldAt: number): Promise<void> {
  const leftMs = toldAt + brokersReadMs - performance.now();
  if (leftMs <= 0) return;
  status("waiting until the brokers work by what is new");
  await pause(leftMs, signal ?? new AbortController().signal);
  signal?.throwIfAborted();
}

/** An object that was applied twice counts as one, which is as it was when both left it so. */
function onceEach(applied: readonly Applied[]): readonly Applied[] {
  const byKey = new Map<string, Applied>();
  for (const each of applied) {
    const before = byKey.get(refKey(each.ref));
    const outcome = before === undefined || before.outcome === "unchanged" ? each.outcome : before.outcome;
    byKey.set(refKey(each.ref), { ...each, outcome, notes: [...(before?.notes ?? []), ...each.notes] });
  }
  return [...byKey.values()];
}

/**
 * Makes running proxies read the broker's configuration and the users; without this they would see a change up to a minute later.
 * Their pods are marked with the versions that they were told of, so that one whom an interrupted deploy has not told is told now.
 * False when all knew already.
 */
async function refreshPods(options: DeployOptions, config: Config, applied: readonly Applied[]): Promise<boolean> {
  const living = [
    refText({ apiVersion: "v1", kind: "ConfigMap", name: brokerName(config) }),
    refText({ apiVersion: "v1", kind: "Secret", name: secretNames(config).users }),
  ];
  const versions = living.map((text) => applied.find(({ ref }) => refText(ref) === text)?.version ?? "");
  const place = { namespace: config.ingressNamespace, selector: podSelector(config) };
  try {
    return (await touchPods(options.transport, place, versions.join("-"), options.signal)).length > 0;
  } catch (thrown) {
    throw explainKubeError(thrown, "the running proxies could not be told of the change");
  }
}

function podSelector(config: Config): string {
  return Object.entries(proxySelector(config))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** Writes the record when it differs from what is known to be there. */
async function record(options: DeployOptions, config: Config, before: Inventory, after: Inventory): Promise<void> {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  await applyObjects(options.transport, [inventoryObject(config, after)], {
    signal: options.signal,
    isOurs: (object) => isOurs(config, object),
  });
}

/** The pair of namespaces, after one that a delete is still taking away is gone. */
async function settledNamespaces(options: DeployOptions, config: Config): Promise<Awaited<ReturnType<typeof namespacesOf>>> {
  const { transport, timeoutMs, signal } = options;
  const live = await namespacesOf(transport, config, signal);
  const ending = live.filter((namespace) => namespace !== undefined && isEnding(namespace));
  if (ending.length === 0) return live;
  for (const namespace of ending) {
    if (namespace === undefined) continue;
    options.status(`waiting until the old namespace ${namespace.metadata.name} is gone`);
    await waitUntilGone(transport, refOf(namespace), { timeoutMs, signal });
  }
  return namespacesOf(transport, config, signal);
}

/** True for an object that is being deleted. */
export function isEnding(object: KubeObject): boolean {
  return (object.metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined;
}

/** The pair of namespaces as they are now: the proxies' and the sessions'. */
export async function namespacesOf(
  transport: KubeTransport,
  config: Config,
  signal?: AbortSignal,
): Promise<readonly [KubeObject | undefined, KubeObject | undefined]> {
  const read = (name: string): Promise<KubeObject | undefined> =>
    getObject(transport, { apiVersion: "v1", kind: "Namespace", name }, signal);
  try {
    return await Promise.all([read(config.ingressNamespace), read(config.namespace)]);
  } catch (thrown) {
    throw explainKubeError(thrown, "the namespaces cannot be read");
  }
}
