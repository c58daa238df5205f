import { fieldManager } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { directoryAnnotation, versionAnnotation } from "../manifests/deployment-names.ts";
import type { KubeObject } from "../manifests/kube-object.ts";

/** Annotation of a namespace that was there before the first deploy into it: a delete leaves it to whoever prepared it. */
const annotation = "vdi.xpra.org/prepared";

/** True for a namespace that a deploy found there. */
export function wasPrepared({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[annotation] !== undefined;
}

/** Marks the namespaces that somebody prepared, before a deploy makes them its own: later nothing else would tell them from those that it made. */
export async function markPrepared(
  transport: KubeTransport,
  live: readonly (KubeObject | undefined)[],
  signal?: AbortSignal,
): Promise<void> {
  for (const namespace of live) {
    if (namespace === undefined || wasPrepared(namespace) || namespace.metadata.annotations?.[directoryAnnotation] !== undefined) continue;
    await annotate(transport, namespace.metadata.name, { [annotation]: "yes" }, signal);
  }
}

/** Makes a prepared namespace free for any deployment directory. Its labels stay: some may have been there before. */
export async function releasePrepared(transport: KubeTransport, name: string, signal?: AbortSignal): Promise<void> {
  await annotate(transport, name, { [directoryAnnotation]: null, [versionAnnotation]: null, [annotation]: null }, signal);
}

async function annotate(
  transport: KubeTransport,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await transport.request({
      method: "PATCH",
      path: kubePath("api", "v1", "namespaces", name),
      contentType: "application/merge-patch+json",
      query: { fieldManager },
      body: { metadata: { annotations } },
      signal,
    });
  } catch (thrown) {
    throw explainKubeError(thrown, `the namespace ${name} could not be annotated`);
  }
}
