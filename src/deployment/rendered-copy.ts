import { createHash } from "node:crypto";
import type { V1Secret } from "@kubernetes/client-node";
import { stringify } from "yaml";
import { type KubeObject, refOf, refText } from "../manifests/kube-object.ts";

/** File of the copy, below the deployment directory; the shell system wrote the same one. */
export const renderedCopyFile = "yaml/xpra-proxy.yaml";

const head = "# What `vdi deploy` applies, for reading. Secrets are shown as names and digests only, so this file cannot be applied.\n";

/** Objects as YAML text; those that hold secrets have gone through `withoutSecrets`. */
export function renderedCopy(objects: readonly KubeObject[]): string {
  return head + objects.map((object) => `---\n# ${placeOf(object)}\n${yamlOf(object)}`).join("");
}

/**
 * The copy as it is kept. Writing the YAML takes longer than anything else of a deploy that changes nothing, so the last line says
 * what it was made of: an earlier copy that was made of the same objects, and that nobody has touched, is given back.
 */
export function keptCopy(objects: readonly KubeObject[], before: string | undefined): string {
  const source = sha256(JSON.stringify(objects));
  if (before !== undefined) {
    const text = before.slice(0, before.lastIndexOf(sealStart));
    if (before === text + sealOf(source, text)) return before;
  }
  const text = renderedCopy(objects);
  return text + sealOf(source, text);
}

const sealStart = "# Made of ";

function sealOf(source: string, text: string): string {
  return `${sealStart}${source}; the text above: ${sha256(text)}\n`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function placeOf(object: KubeObject): string {
  const { namespace } = object.metadata;
  return namespace === undefined ? refText(refOf(object)) : `${refText(refOf(object))} in ${namespace}`;
}

function yamlOf(object: KubeObject): string {
  return stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" });
}

/** The object as it may be shown: each value of a Secret is replaced by its length and a digest. */
export function withoutSecrets(object: KubeObject): KubeObject {
  if (object.kind !== "Secret") return object;
  const { data = {} } = object as V1Secret;
  const shown: Record<string, string> = {};
  for (const [key, value] of Object.entries(data)) shown[key] = describe(Buffer.from(value, "base64"));
  return { ...object, data: shown } as KubeObject;
}

/** A digest of a short value could be turned back by trying, so it is left out there. */
function describe(value: Buffer): string {
  if (value.byteLength < 40) return `${value.byteLength} bytes`;
  return `${value.byteLength} bytes, sha256 ${createHash("sha256").update(value).digest("hex").slice(0, 16)}`;
}
