import { readFile } from "node:fs/promises";
import { VdiError } from "../util/vdi-error.ts";
import { type KubeTransport, kubeTransport } from "./transport.ts";

/** Where the kubelet mounts a pod's service account. */
export const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The kubelet renews a token at four fifths of its life, at the earliest after 48 minutes; a minute is early enough. */
const tokenMaxAgeMs = 60_000;

/**
 * The transport of a pod, as its service account: token and CA from the mounted volume, the token read again as it rotates.
 * Throws a `VdiError` when this process is not in a pod.
 */
export function inClusterTransport(env: Readonly<Record<string, string | undefined>>, dir: string = serviceAccountDir): KubeTransport {
  const host = env.KUBERNETES_SERVICE_HOST ?? "";
  const port = env.KUBERNETES_SERVICE_PORT ?? "443";
  if (host === "") {
    throw new VdiError({
      what: "no cluster to talk to",
      why: "KUBERNETES_SERVICE_HOST is not set: this is not a pod",
      try: "set KUBECONFIG",
    });
  }
  const token = cachedFile(`${dir}/token`);
  const ca = cachedFile(`${dir}/ca.crt`);
  return kubeTransport({
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tls: async () => ({ ca: await ca() }),
    headers: async () => ({ authorization: `Bearer ${(await token()).trim()}` }),
  });
}

/** Reads a file at most once a minute; while it cannot be read the last text goes on to serve. */
function cachedFile(path: string): () => Promise<string> {
  let text: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (text !== undefined && performance.now() - readAt < tokenMaxAgeMs) return text;
    try {
      text = await readFile(path, "utf8");
    } catch (thrown) {
      if (text === undefined)
        throw new VdiError({ what: "the service account's files cannot be read", why: String(thrown), cause: thrown });
    }
    readAt = performance.now();
    return text;
  };
}
