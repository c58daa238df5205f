import type { Config } from "../config/config.ts";
import type { ConfigReading } from "../config/read-config.ts";
import { explainKubeError } from "../kube/errors.ts";
import { isKubeStatus } from "../kube/kube-error.ts";
import { type KubeTransport, kubePath } from "../kube/transport.ts";
import { proxySelector } from "../manifests/deployment-names.ts";
import type { Context } from "../util/context.ts";
import type { ClusterChoice } from "../util/ports.ts";

/** What the checks know the world by: a configuration that was read, a cluster that is asked once for each thing, this machine. */
export interface World {
  readonly ctx: Pick<Context, "env" | "now" | "signal" | "version" | "distribution" | "ports">;
  readonly reading: ConfigReading;
  /** True: a pod may be made for some seconds, to try what the network lets through. */
  readonly probeNetwork: boolean;
  /** The configuration; only for checks that need `configuration`. */
  config(): Config;
  /** The connection to the cluster, made once. */
  cluster(): Promise<KubeTransport>;
  /** An object or a document of the API, asked for once; undefined when there is none. */
  get<T>(path: string): Promise<T | undefined>;
  /** All objects of a collection, asked for once. */
  list<T>(path: string, query?: Readonly<Record<string, string>>): Promise<readonly T[]>;
  /** Whatever takes work and is wanted by several checks, done once. */
  once<T>(key: string, make: () => Promise<T>): Promise<T>;
  /** Ends what was opened; what is still being opened is ended when it is there, and nobody waits for it. */
  close(): void;
}

const requestTimeoutMs = 10_000;
const pageSize = 500;

/** Makes the world of one run of checks; nothing is asked of anybody before a check wants it. */
export function checkWorld(
  ctx: World["ctx"],
  reading: ConfigReading,
  choice: ClusterChoice,
  options: { readonly probeNetwork?: boolean } = {},
): World {
  const made = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const known = made.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const promise = make();
    made.set(key, promise);
    return promise;
  };
  const cluster = (): Promise<KubeTransport> => once("cluster", () => ctx.ports.connectKube(choice));
  return {
    ctx,
    reading,
    probeNetwork: options.probeNetwork === true,
    once,
    cluster,
    config() {
      if (reading.config === undefined) throw new Error("a check that wants the configuration must need 'configuration'");
      return reading.config;
    },
    get: <T>(path: string) =>
      once(`get ${path}`, async () => {
        try {
          return await (await cluster()).json<T>({ path, signal: ctx.signal, timeoutMs: requestTimeoutMs });
        } catch (thrown) {
          if (isKubeStatus(thrown, 404)) return undefined;
          throw thrown;
        }
      }),
    list: <T>(path: string, query: Readonly<Record<string, string>> = {}) =>
      once(`list ${path} ${JSON.stringify(query)}`, async () => {
        const items: T[] = [];
        let next: string | undefined;
        do {
          const page: Page<T> = await (await cluster()).json<Page<T>>({
            path,
            query: { ...query, limit: pageSize, continue: next },
            signal: ctx.signal,
            timeoutMs: requestTimeoutMs,
          });
          items.push(...(page.items ?? []));
          next = page.metadata?.continue === "" ? undefined : page.metadata?.continue;
        } while (next !== undefined);
        return items;
      }),
    close() {
      // A credentials program that hangs would hold up the results.
      (made.get("cluster") as Promise<KubeTransport> | undefined)?.then(
        (connection) => connection.close(),
        () => undefined,
      );
    },
  };
}

interface Page<T> {
  readonly items?: readonly T[] | null;
  readonly metadata?: { readonly continue?: string };
}

/** The collection of a namespace: `core` or `GROUP/VERSION`. */
export function namespaced(api: string, namespace: string, plural: string): string {
  return api === "core"
    ? kubePath("api", "v1", "namespaces", namespace, plural)
    : `${clusterWide(api)}${kubePath("namespaces", namespace, plural)}`;
}

/** A collection of the whole cluster, or with no plural the API group itself. */
export function clusterWide(api: string, ...plural: readonly string[]): string {
  const base = api === "core" ? ["api", "v1"] : ["apis", ...api.split("/")];
  return kubePath(...base, ...plural);
}

/** Label selector of the proxies' pods. */
export function proxyPods(config: Pick<Config, "deployName">): { readonly labelSelector: string } {
  const pairs = Object.entries(proxySelector(config)).map(([name, value]) => `${name}=${value}`);
  return { labelSelector: pairs.join(",") };
}

/** Undefined for what this admin may not read; any other failure is thrown in words. */
export async function readable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (isKubeStatus(thrown, 403)) return undefined;
    throw explainKubeError(thrown, "the cluster could not be asked");
  }
}

/** True for an answer that says that these credentials may not do it. */
export function isForbidden(thrown: unknown): boolean {
  return isKubeStatus(thrown, 403);
}
