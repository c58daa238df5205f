import { createHash } from "node:crypto";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { type DeploymentNames, deploymentLabels } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";
import type { ConfigMapFiles } from "./session-pod.ts";

type ConfigMap = V1ConfigMap & KubeObject;

/** A file that travels to pods. */
export interface CarriedFile {
  /** Below its directory, with `/`: `default/xpra_startup_desktop.sh`. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** What the API server takes in one ConfigMap: 1 MiB of content. */
const maxBytes = 1024 * 1024;
/** Where a further file begins a new ConfigMap: keys and metadata need room as well. */
const fullBytes = 900 * 1024;

/** A ConfigMap with texts under fixed keys. */
export function textConfigMap(names: DeploymentNames, namespace: string, name: string, data: Readonly<Record<string, string>>): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels: deploymentLabels(names) }, data: { ...data } };
}

/**
 * The ConfigMaps, in the sessions' namespace, that carry a directory to pods, and how a volume puts the files back in their places.
 * As many as it takes. Throws for a file that no ConfigMap can hold.
 */
export function directoryConfigMaps(
  names: DeploymentNames,
  directory: string,
  files: readonly CarriedFile[],
): { readonly objects: readonly ConfigMap[]; readonly mounts: readonly ConfigMapFiles[] } {
  const base = `${names.deployName}-${directory.replace(/[^a-z0-9]+/g, "-")}`;
  const objects: ConfigMap[] = [];
  const mounts: ConfigMapFiles[] = [];
  for (const [index, part] of split(directory, files).entries()) {
    const name = index === 0 ? base : `${base}-${index + 1}`;
    const data: Record<string, string> = {};
    const binaryData: Record<string, string> = {};
    const items: { key: string; path: string }[] = [];
    const keys = new Set<string>();
    for (const file of part) {
      const key = keyOf(file.path, keys);
      const text = textOf(file.content);
      if (text === undefined) binaryData[key] = Buffer.from(file.content).toString("base64");
      else data[key] = text;
      items.push({ key, path: file.path });
    }
    objects.push({
      ...textConfigMap(names, names.namespace, name, data),
      ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
    });
    mounts.push({ name, items });
  }
  return { objects, mounts };
}

function split(directory: string, files: readonly CarriedFile[]): CarriedFile[][] {
  const parts: CarriedFile[][] = [];
  let bytes = fullBytes;
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const size = file.content.byteLength;
    if (size > maxBytes - 16 * 1024) {
      throw new VdiError({
        what: `to_container/${directory}/${file.path} is too large for a ConfigMap`,
        why: `it has ${size} bytes; a ConfigMap holds 1 MiB`,
        try: ["put it into an image: a directory of images/ that copies it"],
        see: "doc/images.md",
        exitCode: ExitCode.usage,
      });
    }
    if (bytes + size > fullBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(file);
    bytes += size + 2 * file.path.length;
  }
  return parts;
}

/** A key may only hold letters, digits, `-`, `_` and `.`, and two paths must not share one. */
function keyOf(path: string, taken: Set<string>): string {
  const plain = path.replaceAll("/", ".").replace(/[^A-Za-z0-9_.-]/g, "_");
  const key =
    taken.has(plain) || plain.length > 240 || /^\.{1,2}$/.test(plain) ? `${plain.slice(0, 200)}-${digest(path).slice(0, 10)}` : plain;
  taken.add(key);
  return key;
}

function textOf(content: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
