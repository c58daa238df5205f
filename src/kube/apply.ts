import { type KubeObject, type ObjectRef, refOf, refText } from "../manifests/kube-object.ts";
import { labelDifference } from "../manifests/namespaces.ts";
import { ExitCode } from "../util/exit-code.ts";
import { mapLimited } from "../util/map-limited.ts";
import { VdiError } from "../util/vdi-error.ts";
import { explainKubeError } from "./errors.ts";
import { isKubeStatus, type KubeError } from "./kube-error.ts";
import { applyRank, objectPath } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";

/** Under this name the API server keeps which fields are ours. */
export const fieldManager = "vdi";

const contentType = "application/apply-patch+yaml";
const maxAtOnce = 8;

/** What became of an object. `unchecked`: a dry run could not ask, because its namespace is not there yet. */
export type Outcome = "created" | "changed" | "unchanged" | "unchecked";

/** The result for one object. */
export interface Applied {
  readonly ref: ObjectRef;
  readonly outcome: Outcome;
  /** Its version on the cluster; empty where a dry run made none. */
  readonly version: string;
  /** What the admin should know: fields taken back from somebody, or left to somebody; the API server's warnings. */
  readonly notes: readonly string[];
  /** Of a Deployment: how many pods it has from now on. */
  readonly replicas?: number | undefined;
}

/** How to apply. */
export interface ApplyOptions {
  /** The API server checks everything and keeps nothing. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** True when the object that is there was made by this deployment; only then fields are taken back from others. */
  isOurs(live: KubeObject): boolean;
  onApplied?(result: Applied): void;
}

/** What is read back of any object. */
export interface LiveObject extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly resourceVersion?: string; readonly uid?: string };
}

/**
 * Applies objects on the server's side, each field checked strictly: kind by kind in their order, several at once within one.
 * Throws a `VdiError` that names the object; what was applied before it stays, and applying again goes on from there.
 */
export async function applyObjects(
  transport: KubeTransport,
  objects: readonly KubeObject[],
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const results: Applied[] = [];
  const newNamespaces = new Set<string>();
  const ranks = [...new Set(objects.map(({ kind }) => applyRank(kind)))].sort((a, b) => a - b);
  for (const rank of ranks) {
    const group = objects.filter(({ kind }) => applyRank(kind) === rank);
    const applied = await mapLimited(group, maxAtOnce, async (object) => {
      const ref = refOf(object);
      const isInNewNamespace = options.dryRun === true && newNamespaces.has(ref.namespace ?? "");
      const result: Applied = isInNewNamespace
        ? { ref, outcome: "unchecked", version: "", notes: [] }
        : await applyObject(transport, object, options);
      if (ref.kind === "Namespace" && result.outcome === "created") newNamespaces.add(ref.name);
      options.onApplied?.(result);
      return result;
    });
    results.push(...applied);
  }
  return results;
}

async function applyObject(transport: KubeTransport, object: KubeObject, options: ApplyOptions): Promise<Applied> {
  const ref = refOf(object);
  try {
    const before = await getObject(transport, ref, options.signal);
    const { live, notes } = await patch(transport, object, before, options);
    const outcome = before === undefined ? "created" : contentOf(before) === contentOf(live) ? "unchanged" : "changed";
    return { ref, outcome, version: live.metadata.resourceVersion ?? "", notes, replicas: replicasOf(live) };
  } catch (thrown) {
    const place = ref.namespace === undefined ? "" : ` in ${ref.namespace}`;
    throw explainKubeError(thrown, `${refText(ref)}${place} could not be applied`);
  }
}

/** Gives the object, or undefined when there is none. */
export async function getObject(transport: KubeTransport, ref: ObjectRef, signal?: AbortSignal): Promise<LiveObject | undefined> {
  try {
    return await transport.json<LiveObject>({ path: objectPath(ref), signal });
  } catch (thrown) {
    if (isKubeStatus(thrown, 404)) return undefined;
    throw thrown;
  }
}

/** Deletes an object and, behind it, what it owns; false when there was none. With a uid: only that very one. */
export async function deleteObject(
  transport: KubeTransport,
  ref: ObjectRef,
  options: { readonly uid?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  try {
    await transport.request({
      method: "DELETE",
      path: objectPath(ref),
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: "Background",
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
      },
      signal: options.signal,
    });
    return true;
  } catch (thrown) {
    if (isKubeStatus(thrown, 404)) return false;
    // With a uid: it is another one by now. Without: a namespace that is being deleted already.
    if (isKubeStatus(thrown, 409)) return options.uid === undefined;
    throw thrown;
  }
}

async function patch(
  transport: KubeTransport,
  object: KubeObject,
  before: LiveObject | undefined,
  options: ApplyOptions,
): Promise<{ live: LiveObject; notes: readonly string[] }> {
  try {
    return await send(transport, object, false, options);
  } catch (thrown) {
    if (!isKubeStatus(thrown, 409) || before === undefined) throw thrown;
    const fields = conflicts(thrown);
    // Somebody scales the proxies by hand or by an autoscaler: their number is kept.
    if (fields.some(({ field }) => field === ".spec.replicas") && object.kind === "Deployment") {
      const { live, notes } = await patch(transport, withoutReplicas(object), before, options);
      return {
        live,
        notes: [
          `${replicasOf(before) ?? "the number of"} replicas, as ${managerOf(fields, ".spec.replicas")} set it, are kept; for the configuration's: ${scaleLine(object)}`,
          ...notes,
        ],
      };
    }
    if (!options.isOurs(before)) throw foreignObject(object, before, thrown);
    const { live, notes } = await send(transport, object, true, options);
    const taken = fields.map(({ field, manager }) => `${field} (${manager})`);
    return { live, notes: [...(taken.length === 0 ? [] : [`set back what somebody else had changed: ${taken.join(", ")}`]), ...notes] };
  }
}

async function send(
  transport: KubeTransport,
  object: KubeObject,
  force: boolean,
  options: ApplyOptions,
): Promise<{ live: LiveObject; notes: readonly string[] }> {
  const { body, warnings } = await transport.request({
    method: "PATCH",
    path: objectPath(refOf(object)),
    query: {
      fieldManager,
      fieldValidation: "Strict",
      force: force ? true : undefined,
      dryRun: options.dryRun === true ? "All" : undefined,
    },
    contentType,
    body: object,
    signal: options.signal,
  });
  return { live: JSON.parse(body) as LiveObject, notes: warnings };
}

interface FieldConflict {
  readonly field: string;
  readonly manager: string;
}

/** Which fields belong to whom, as the API server says it: `conflict with "kubectl" using apps/v1`. */
function conflicts(error: KubeError): readonly FieldConflict[] {
  return error.causes.map(({ field, message }) => ({ field, manager: /conflict with "([^"]+)"/.exec(message)?.[1] ?? "somebody else" }));
}

function managerOf(fields: readonly FieldConflict[], wanted: string): string {
  return fields.find(({ field }) => field === wanted)?.manager ?? "somebody else";
}

function replicasOf(object: KubeObject): number | undefined {
  return (object as { spec?: { replicas?: number } }).spec?.replicas;
}

/** What sets the number of a Deployment's pods to that of the object, whoever set it before. */
function scaleLine(object: KubeObject): string {
  const place = object.metadata.namespace === undefined ? "" : ` -n ${object.metadata.namespace}`;
  return `kubectl scale${place} deployment/${object.metadata.name} --replicas=${replicasOf(object) ?? 1}`;
}

function withoutReplicas(object: KubeObject): KubeObject {
  const { spec } = object as unknown as { spec?: Record<string, unknown> };
  if (spec === undefined) return object;
  const { replicas: _, ...rest } = spec;
  return { ...object, spec: rest } as KubeObject;
}

function foreignObject(object: KubeObject, live: KubeObject, error: KubeError): VdiError {
  // A prepared namespace is somebody else's by intention: it is taken as soon as its labels are right.
  const labels = object.kind === "Namespace" ? labelDifference(object, live) : undefined;
  if (labels !== undefined) {
    return new VdiError({
      what: `the namespace ${object.metadata.name} was prepared with other labels than a deployment needs`,
      why: labels.problems.join("\n"),
      try: labels.command,
      exitCode: ExitCode.failed,
    });
  }
  return new VdiError({
    what: `${refText(refOf(object))} in ${object.metadata.namespace ?? "the cluster"} belongs to somebody else`,
    why: conflicts(error)
      .map(({ field, manager }) => `${field} is ${manager}'s`)
      .join("\n"),
    try: "remove it, or choose another XPRA_DEPLOYNAME or namespace",
    exitCode: ExitCode.failed,
  });
}

/** The version is no help: a controller may have written the status in between, and a dry run gives no new one. */
function contentOf(object: LiveObject): string {
  const {
    managedFields: _fields,
    resourceVersion: _version,
    generation: _generation,
    ...metadata
  } = object.metadata as unknown as Record<string, unknown>;
  return JSON.stringify({ ...object, metadata, status: undefined });
}
