import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import type { KubeTransport } from "../kube/transport.ts";

/** Asks for what not every cluster has, and for which nobody needs to have a right: then undefined. */
export async function askQuietly<T>(
  transport: KubeTransport,
  path: string,
  query: Record<string, string>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  try {
    return await transport.json<T>({ path, query, signal });
  } catch (thrown) {
    if (isKubeStatus(thrown, 404) || isKubeStatus(thrown, 403)) return undefined;
    throw explainKubeError(thrown, "the cluster cannot be asked");
  }
}
