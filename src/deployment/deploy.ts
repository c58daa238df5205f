import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { type Applied, applyObjects, getObject } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { touchPods } from "../kube/touch-pods.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { waitForRollout } from "../kube/wait.ts";
import { waitUntilGone } from "../kube/wait-gone.ts";
import { brokerName, proxySelector } from "../manifests/deployment-names.ts";
import { type KubeObject, type ObjectRef, refOf, refText } from "../manifests/kube-object.ts";
import { secretNames } from "../manifests/secrets.ts";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { type ClusterFacts, checkOwnership, labelWorkers, readClusterFacts } from "./cluster-facts.ts";
import { inventoryObject, isOurs, obsolete, prune, readInventory, unionOf } from "./inventory.ts";
import { planDeployment } from "./plan.ts";
import type { PreparedDirectory } from "./prepare.ts";
import { keptCopy, renderedCopyFile, withoutSecrets } from "./rendered-copy.ts";

/** What a deploy needs besides the prepared directory. */
export interface DeployOptions {
  readonly transport: KubeTransport;
  readonly dryRun: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly pinnedImages: ReadonlyMap<string, string>;
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
  readonly warnings: readonly string[];
}

/**
 * Brings a deployment onto the cluster: ask, plan, apply, wait, remove what an earlier version made.
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

  const plan = planDeployment({ ...prepared.parts, pinnedImages: options.pinnedImages, cluster: facts.traits });
  const warnings = [...facts.warnings, ...plan.warnings];
  for (const warning of warnings) options.line(`warning: ${warning}`);
  const wanted = plan.objects.map(refOf);
  const recorded = live[0] === undefined ? [] : await readInventory(transport, config, signal);
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
  };
  const outdated = obsolete(recorded, wanted);
  if (dryRun) {
    await apply(plan.objects);
    return {
      applied,
      pruned: outdated,
      written: prepared.written,
      workers: facts.workers,
      warnings: [...facts.warnings, ...plan.warnings],
    };
  }

  await apply(plan.objects.filter(({ kind }) => kind === "Namespace"));
  await record(options, config, recorded, unionOf(wanted, recorded));
  await labelWorkers(transport, config.namespace, facts.workers, signal);
  await apply(plan.objects.filter(({ kind }) => kind !== "Namespace"));
  await refreshPods(options, config, applied);
  const written = [...prepared.written];
  const copyFile = join(config.directory, renderedCopyFile);
  const copy = keptCopy(plan.objects.map(withoutSecrets), await readTextIfThere(copyFile));
  if (await writeFileIfChanged(copyFile, copy)) written.push(renderedCopyFile);
  await waitForRollout(transport, {
    namespace: config.ingressNamespace,
    name: config.deployName,
    podSelector: podSelector(config),
    timeoutMs: options.timeoutMs,
    signal,
    onProgress: options.status,
  });
  const pruned = await prune(transport, config, outdated, signal);
  await record(options, config, unionOf(wanted, recorded), unionOf(wanted, []));
  return { applied, pruned, written, workers: facts.workers, warnings };
}

/** Running proxies read the broker's configuration and the users again; without this they would see a change up to a minute later. */
async function refreshPods(options: DeployOptions, config: Config, applied: readonly Applied[]): Promise<void> {
  const living = [
    refText({ apiVersion: "v1", kind: "ConfigMap", name: brokerName(config) }),
    refText({ apiVersion: "v1", kind: "Secret", name: secretNames(config).users }),
  ];
  if (!applied.some(({ ref, outcome }) => outcome === "changed" && living.includes(refText(ref)))) return;
  try {
    await touchPods(options.transport, { namespace: config.ingressNamespace, selector: podSelector(config) }, options.now, options.signal);
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
async function record(options: DeployOptions, config: Config, before: readonly ObjectRef[], after: readonly ObjectRef[]): Promise<void> {
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

function isEnding(object: KubeObject): boolean {
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
