import { existsSync } from "node:fs";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { ExitCode } from "../util/exit-code.ts";
import type { ClusterChoice } from "../util/ports.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { type KubeTls, type KubeTransport, kubeTransport } from "./transport.ts";

/** How long an answer of the credentials (a token of an exec plugin) is used before it is asked for again. */
const credentialsMaxAgeMs = 30_000;

/**
 * A connection with the credentials of a kubeconfig: the file that was named, else `$KUBECONFIG`, else `~/.kube/config`;
 * the context that was named, else the current one. The reader is loaded only here: it takes longer than most commands.
 */
export async function connectKubeconfig(
  choice: ClusterChoice,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<KubeTransport> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const config = new KubeConfig();
  const files = kubeconfigFiles(choice, env);
  for (const file of files) {
    const part = new KubeConfig();
    try {
      part.loadFromFile(file);
    } catch (thrown) {
      throw new VdiError({
        what: `the kubeconfig ${file} cannot be read`,
        why: messageOf(thrown),
        exitCode: ExitCode.usage,
        cause: thrown,
      });
    }
    // As kubectl does it: what an earlier file says holds.
    if (!config.currentContext) config.setCurrentContext(part.currentContext);
    for (const cluster of part.clusters) if (config.getCluster(cluster.name) === null) config.addCluster(cluster);
    for (const user of part.users) if (config.getUser(user.name) === null) config.addUser(user);
    for (const context of part.contexts) if (config.getContextObject(context.name) === null) config.addContext(context);
  }
  if (choice.context !== undefined) {
    if (config.getContextObject(choice.context) === null) {
      const names = config.getContexts().map(({ name }) => name);
      throw new VdiError({
        what: `the kubeconfig has no context '${choice.context}'`,
        why: names.length === 0 ? "it has none at all" : `it has ${names.join(", ")}`,
        exitCode: ExitCode.usage,
      });
    }
    config.setCurrentContext(choice.context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new VdiError({
      what: `the kubeconfig ${files.join(", ")} chooses no cluster`,
      why: "its current-context is not set or names no cluster",
      try: "--context NAME",
      exitCode: ExitCode.usage,
    });
  }

  if (!/^https?:\/\//i.test(cluster.server) || !URL.canParse(cluster.server)) {
    throw new VdiError({
      what: `the kubeconfig's server '${cluster.server}' is no address`,
      why: "one is like https://HOST:PORT",
      try: `look at the cluster '${cluster.name}' in ${files.join(", ")}`,
      exitCode: ExitCode.usage,
    });
  }

  let known: { readonly options: RequestOptions; readonly at: number } | undefined;
  const credentials = async (): Promise<RequestOptions> => {
    if (known !== undefined && performance.now() - known.at < credentialsMaxAgeMs) return known.options;
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (thrown) {
      throw new VdiError({
        what: "the kubeconfig gives no credentials",
        why: messageOf(thrown),
        exitCode: ExitCode.unreachable,
        cause: thrown,
      });
    }
    known = { options, at: performance.now() };
    return options;
  };
  const agent = proxyAgent((await credentials()).agent, cluster.proxyUrl);
  return kubeTransport({
    server: cluster.server,
    tls: async () => tlsOf(await credentials(), cluster),
    headers: async () => headersOf(await credentials()),
    ...(agent === undefined ? {} : { agent }),
  });
}

function tlsOf(options: RequestOptions, cluster: { readonly tlsServerName?: string; readonly skipTLSVerify: boolean }): KubeTls {
  const { ca, cert, key, passphrase, pfx } = options;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(pfx === undefined ? {} : { pfx }),
    ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  } as KubeTls;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === "string") headers[name.toLowerCase()] = value;
  }
  if (typeof options.auth === "string") headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  return headers;
}

/** The reader makes an agent of its own for every request; only one that goes through a proxy is needed here. */
function proxyAgent(agent: RequestOptions["agent"], proxyUrl: string | undefined): Agent | undefined {
  return proxyUrl === undefined || typeof agent !== "object" ? undefined : agent;
}

/** The files that are there of those that were named. */
function kubeconfigFiles(choice: ClusterChoice, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (choice.kubeconfig !== undefined) {
    if (existsSync(choice.kubeconfig)) return [choice.kubeconfig];
    throw noKubeconfig(`there is no file ${choice.kubeconfig}`);
  }
  const named = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  const files = (named.length > 0 ? named : [join(env["HOME"] ?? homedir(), ".kube", "config")]).filter((file) => existsSync(file));
  if (files.length > 0) return files;
  throw noKubeconfig(
    named.length > 0
      ? `KUBECONFIG is ${named.join(delimiter)}, which is not there`
      : "KUBECONFIG is not set and ~/.kube/config is not there",
  );
}

function noKubeconfig(why: string): VdiError {
  return new VdiError({
    what: "no cluster is chosen",
    why,
    try: ["--kubeconfig FILE", "export KUBECONFIG=FILE"],
    exitCode: ExitCode.usage,
  });
}
