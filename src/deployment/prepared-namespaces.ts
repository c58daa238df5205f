import { explainKubeError } from "../kube/errors.ts";
import { patchMetadata } from "../kube/patch-metadata.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { directoryAnnotation, preparedAnnotation, versionAnnotation } from "../manifests/deployment-names.ts";
import type { KubeObject } from "../manifests/kube-object.ts";

/** True for a namespace that a deploy found there. */
export function wasPrepared({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[preparedAnnotation] !== undefined;
}

/** Marks the namespaces that somebody prepared, before a deploy makes them its own: later nothing else would tell them from those that it made. */
export async function markPrepared(
  transport: KubeTransport,
  live: readonly (KubeObject | undefined)[],
  signal?: AbortSignal,
): Promise<void> {
  for (const namespace of live) {
    if (namespace === undefined || wasPrepared(namespace) || namespace.metadata.annotations?.[directoryAnnotation] !== undefined) continue;
    await annotate(transport, namespace.metadata.name, { [preparedAnnotation]: "yes" }, signal);
  }
}

/** Makes a prepared namespace free for any deployment directory. Its labels stay: some may have been there before. */
export async function releasePrepared(transport: KubeTransport, name: string, signal?: AbortSignal): Promise<void> {
  await annotate(transport, name, { [directoryAnnotation]: null, [versionAnnotation]: null, [preparedAnnotation]: null }, signal);
}

async function annotate(
  transport: KubeTransport,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await patchMetadata(transport, kubePath("api", "v1", "namespaces", name), { annotations }, signal);
  } catch (thrown) {
    throw explainKubeError(thrown, `the namespace ${name} could not be annotated`);
  }
}
