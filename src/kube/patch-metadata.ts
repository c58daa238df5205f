import { fieldManager } from "./apply.ts";
import type { KubeTransport } from "./transport.ts";

/** Labels or annotations by name; null takes one away. */
type Changes = Readonly<Record<string, string | null>>;

/** Changes labels or annotations of an object, and nothing else of it. Throws a `KubeError`. */
export async function patchMetadata(
  transport: KubeTransport,
  path: string,
  metadata: { readonly labels?: Changes; readonly annotations?: Changes },
  signal?: AbortSignal,
): Promise<void> {
  await transport.request({
    method: "PATCH",
    path,
    contentType: "application/merge-patch+json",
    query: { fieldManager },
    body: { metadata },
    signal,
  });
}
