import { readFile } from "node:fs/promises";
import path from "node:path";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import type { CredentialsProgram } from "./credentials-program.ts";

/** What client-node's reader does not know of a user, or does not do as kubectl does. */
export interface UserExtras {
  readonly tokenFile?: string;
  readonly exec?: CredentialsProgram | null;
  readonly "as-uid"?: string;
  readonly "as-groups"?: readonly string[];
  readonly "as-user-extra"?: Readonly<Record<string, readonly string[]>>;
  /** Where the kubeconfig lies that has the user. */
  readonly directory: string;
}

/** A file of `KUBECONFIG`: what client-node's reader makes of it, and what that leaves out, by name. */
export interface KubeconfigFile {
  readonly config: KubeConfig;
  readonly users: ReadonlyMap<string, UserExtras>;
  /** What a credentials program may be told of a cluster. */
  readonly clusterConfigs: ReadonlyMap<string, unknown>;
}

interface RawUser {
  readonly name?: string;
  readonly user?: Omit<UserExtras, "directory"> | null;
}
interface RawCluster {
  readonly name?: string;
  readonly cluster?: { readonly extensions?: readonly { readonly name?: string; readonly extension?: unknown }[] | null } | null;
}
interface Raw {
  readonly users?: readonly RawUser[] | null;
  readonly clusters?: readonly RawCluster[] | null;
}

/** Under this name a cluster has what its credentials programs are to know. */
const programExtension = "client.authentication.k8s.io/exec";

/** Reads one file; undefined when nothing stands in it, which kubectl takes for a kubeconfig without entries. */
export async function readKubeconfigFile(file: string, empty: KubeConfig): Promise<KubeconfigFile | undefined> {
  try {
    const { parse } = await import("yaml");
    const text = await readFile(file, "utf8");
    const raw = parse(text, { logLevel: "error" }) as Raw | string | null;
    if (raw === null) return undefined;
    if (typeof raw !== "object") throw new Error("it is no kubeconfig");
    empty.loadFromString(text);
    const directory = path.dirname(file);
    empty.makePathsAbsolute(directory);
    return {
      config: empty,
      users: new Map((raw.users ?? []).map(({ name = "", user }) => [name, { ...user, directory }])),
      clusterConfigs: new Map(
        (raw.clusters ?? []).map(({ name = "", cluster }) => [
          name,
          cluster?.extensions?.find((each) => each.name === programExtension)?.extension,
        ]),
      ),
    };
  } catch (thrown) {
    throw new VdiError({
      what: `the kubeconfig ${file} cannot be read`,
      why: messageOf(thrown),
      exitCode: ExitCode.usage,
      cause: thrown,
    });
  }
}

/** The headers that `as` of a user needs beside its name; they belong to that name and go with no other. */
export function impersonationHeaders(user: UserExtras): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (user["as-uid"] !== undefined) headers["impersonate-uid"] = user["as-uid"];
  if (user["as-groups"] !== undefined) headers["impersonate-group"] = [...user["as-groups"]];
  for (const [key, values] of Object.entries(user["as-user-extra"] ?? {})) {
    headers[`impersonate-extra-${encodeURIComponent(key).replace(/[()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}`] = [...values];
  }
  return headers;
}

/** The bearer token of a `tokenFile`, read anew each time: whoever wrote it may write another. */
export async function tokenOf(file: string, directory: string): Promise<string> {
  const place = path.resolve(directory, file);
  try {
    return (await readFile(place, "utf8")).trim();
  } catch (thrown) {
    throw new VdiError({
      what: "the kubeconfig gives no credentials",
      why: `its tokenFile cannot be read: ${messageOf(thrown)}`,
      exitCode: ExitCode.unreachable,
      cause: thrown,
    });
  }
}
