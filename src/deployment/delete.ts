import type { Config } from "../config/config.ts";
import { deleteObject, getObject } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { applyRank } from "../kube/resources.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { waitUntilGone } from "../kube/wait-gone.ts";
import { directoryAnnotation, workerLabel } from "../manifests/deployment-names.ts";
import { type KubeObject, type ObjectRef, refOf } from "../manifests/kube-object.ts";
import { labelWorkers } from "./cluster-facts.ts";
import { foreignObjects } from "./foreign-objects.ts";
import { emptyInventory, inventoryObject, isOurs, labelledObjects, prune, readInventory } from "./inventory.ts";
import { releasePrepared, wasPrepared } from "./prepared-namespaces.ts";
import { listSessions, stopSession } from "./session-list.ts";

/** Sessions and proxies have half a minute each to end. */
const endTimeoutMs = 180_000;

/** What a delete took away and what it left. */
export interface DeleteResult {
  readonly deleted: readonly ObjectRef[];
  readonly sessions: number;
  /** What stays, with the reason. */
  readonly kept: readonly string[];
}

/** How a delete is done. */
export interface DeleteOptions {
  readonly transport: KubeTransport;
  readonly signal?: AbortSignal | undefined;
  status(text: string): void;
}

/** Proxies serve for some seconds more: without its rights no broker makes a session that nobody would end. */
const first = new Set(["Deployment", "Service", "RoleBinding"]);

/**
 * Takes a deployment off the cluster: the door first, then the sessions, then the rest. Volumes, claims and their data stay,
 * and with them a namespace that holds any, or anything that is not ours, or was there before. Run again it goes on where it was interrupted.
 */
export async function deleteDeployment(config: Config, options: DeleteOptions): Promise<DeleteResult> {
  const { transport, signal, status } = options;
  const { objects: recorded } = await readInventory(transport, config, signal);
  // The record goes with the proxies' namespace, which somebody may have deleted by hand.
  const known = recorded.length > 0 ? recorded : await labelledObjects(transport, config, signal);
  const refs = known.filter(({ kind }) => kind !== "Namespace").sort((a, b) => applyRank(b.kind) - applyRank(a.kind));
  const deleted: ObjectRef[] = [];
  status("removing the proxies");
  deleted.push(
    ...(await prune(
      transport,
      config,
      refs.filter(({ kind }) => first.has(kind)),
      signal,
    )),
  );
  const sessions = await listSessions(transport, config.namespace, signal);
  for (const session of sessions) {
    status(`ending ${session.name}`);
    await stopSession(transport, config.namespace, session, signal);
  }
  status("removing the rest");
  deleted.push(
    ...(await prune(
      transport,
      config,
      refs.filter(({ kind }) => !first.has(kind)),
      signal,
    )),
  );
  await unlabelWorkers(transport, config.namespace, signal);
  const kept: string[] = [];
  const prepared: string[] = [];
  for (const name of [config.namespace, config.ingressNamespace]) {
    const why = await keptBecause(transport, config, name, signal);
    if (why === "absent") continue;
    if (why !== undefined) {
      kept.push(`namespace/${name}: ${why}`);
      if (why === thereBefore) prepared.push(name);
      continue;
    }
    const ref = { apiVersion: "v1", kind: "Namespace", name };
    if (await deleteObject(transport, ref, { signal })) deleted.push(ref);
  }
  for (const ref of deleted.filter(({ kind }) => kind === "Namespace")) {
    status(`waiting until ${ref.name} is gone`);
    await waitUntilGone(transport, ref, { timeoutMs: endTimeoutMs, signal });
  }
  // The record goes last of all, so that an interrupted delete can be run again; mostly its namespace has taken it along.
  await prune(transport, config, [refOf(inventoryObject(config, emptyInventory))], signal);
  for (const name of prepared) await releasePrepared(transport, name, signal);
  return { deleted, sessions: sessions.length, kept };
}

/** Why a namespace stays that vdi has only taken. */
const thereBefore = "somebody made it before the first deploy";

/** Why a namespace stays; undefined: it can go. */
async function keptBecause(transport: KubeTransport, config: Config, name: string, signal?: AbortSignal): Promise<string | undefined> {
  const namespace = await getObject(transport, { apiVersion: "v1", kind: "Namespace", name }, signal).catch((thrown: unknown) => {
    throw explainKubeError(thrown, `the namespace ${name} cannot be read`);
  });
  if (namespace === undefined) return "absent";
  if (!isOurs(config, namespace) || namespace.metadata.annotations?.[directoryAnnotation] === undefined) return "vdi did not make it";
  if (wasPrepared(namespace)) return thereBefore;
  const foreign = await foreignObjects(transport, config, name, signal);
  if (foreign.length > 0) return `holds ${foreign.slice(0, 5).join(", ")}${foreign.length > 5 ? " and more" : ""}`;
  return undefined;
}

async function unlabelWorkers(transport: KubeTransport, namespace: string, signal?: AbortSignal): Promise<void> {
  try {
    const nodes = await transport.json<{ items?: readonly KubeObject[] }>({
      path: kubePath("api", "v1", "nodes"),
      query: { labelSelector: workerLabel(namespace) },
      signal,
    });
    await labelWorkers(transport, namespace, { add: [], remove: (nodes.items ?? []).map(({ metadata }) => metadata.name) }, signal);
  } catch (thrown) {
    // Who may not read nodes has not labelled any.
    if (!isKubeStatus(thrown, 403)) throw explainKubeError(thrown, "the workers' labels could not be removed");
  }
}
