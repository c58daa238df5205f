import { existsSync, readFileSync } from "node:fs";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { Cluster } from "@kubernetes/client-node/dist/config_types.js";
import { ExitCode } from "../util/exit-code.ts";
import type { ClusterChoice } from "../util/ports.ts";
import { unlessAborted } from "../util/unless-aborted.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { type ProgramOptions, runCredentialsProgram } from "./credentials-program.ts";
import { impersonationHeaders, readKubeconfigFile, tokenOf, type UserExtras } from "./kubeconfig-file.ts";
import { type KubeTls, type KubeTransport, kubeTransport } from "./transport.ts";

/** How long credentials that do not say how long they hold are used before they are asked for again. */
const credentialsMaxAgeMs = 30_000;

/** What a connection needs beside the choice of a cluster. */
export interface KubeconfigOptions {
  /** Ends a credentials program that is running. */
  readonly signal?: AbortSignal | undefined;
  /** Where a person reads what a credentials program asks; without it nobody is there. */
  readonly terminal?: ProgramOptions["terminal"];
  /** How long a credentials program may take. Default: one minute, five where there is a terminal. */
  readonly programDeadlineMs?: number | undefined;
}

/**
 * A connection with the credentials of a kubeconfig: the file that was named, else `$KUBECONFIG`, else `~/.kube/config`;
 * the context that was named, else the current one. The reader is loaded only here: it takes longer than most commands.
 */
export async function connectKubeconfig(
  choice: ClusterChoice,
  env: Readonly<Record<string, string | undefined>> = process.env,
  options: KubeconfigOptions = {},
): Promise<KubeTransport> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const config = new KubeConfig();
  const files = kubeconfigFiles(choice, env);
  const extras = new Map<string, UserExtras>();
  const clusterConfigs = new Map<string, unknown>();
  for (const file of files) {
    const part = await readKubeconfigFile(file, new KubeConfig());
    if (part === undefined) continue;
    // As kubectl does it: what an earlier file says holds.
    if (!config.currentContext) config.setCurrentContext(part.config.currentContext);
    for (const context of part.config.contexts) if (config.getContextObject(context.name) === null) config.addContext(context);
    for (const cluster of part.config.clusters) {
      if (config.getCluster(cluster.name) !== null) continue;
      // Without TLS there is nothing to verify; the reader would refuse the server of a `kubectl proxy`.
      config.addCluster({ ...cluster, skipTLSVerify: cluster.skipTLSVerify || /^http:/i.test(cluster.server) });
      clusterConfigs.set(cluster.name, part.clusterConfigs.get(cluster.name));
    }
    for (const user of part.config.users) {
      if (config.getUser(user.name) !== null) continue;
      const more = part.users.get(user.name);
      // A tokenFile takes the token's place, and programs are run here: the reader knows neither deadline nor prompt.
      const { exec: _exec, token, ...others } = user;
      config.addUser({ ...others, ...(token === undefined || more?.tokenFile !== undefined ? {} : { token }) });
      if (more !== undefined) extras.set(user.name, more);
    }
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

  const user = extras.get(config.getCurrentUser()?.name ?? "");
  const make = async (): Promise<Known> => {
    const made: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(made);
    } catch (thrown) {
      throw new VdiError({
        what: "the kubeconfig gives no credentials",
        why: messageOf(thrown),
        exitCode: ExitCode.unreachable,
        cause: thrown,
      });
    }
    const headers = headersOf(made);
    if (user?.tokenFile !== undefined) headers["authorization"] = `Bearer ${await tokenOf(user.tokenFile, user.directory)}`;
    let until = Date.now() + credentialsMaxAgeMs;
    if (user?.exec) {
      const given = await runCredentialsProgram(user.exec, {
        directory: user.directory,
        cluster: programCluster(cluster, clusterConfigs.get(cluster.name)),
        terminal: options.terminal,
        signal: options.signal,
        deadlineMs: options.programDeadlineMs,
      });
      if (given.token) headers["authorization"] ??= `Bearer ${given.token}`;
      if (given.clientCertificateData) made.cert = given.clientCertificateData;
      if (given.clientKeyData) made.key = given.clientKeyData;
      const end = Date.parse(given.expirationTimestamp ?? "");
      if (!Number.isNaN(end)) until = end;
    }
    return { tls: tlsOf(made, cluster), headers, agent: made.agent, until };
  };
  let known: Known | undefined;
  let pending: Promise<Known> | undefined;
  const credentials = async (signal?: AbortSignal): Promise<Known> => {
    if (known !== undefined && Date.now() < known.until) return known;
    // Asked for once, however many requests want them meanwhile.
    pending ??= make().finally(() => {
      pending = undefined;
    });
    known = await unlessAborted(pending, signal);
    return known;
  };
  const agent = proxyAgent((await credentials(options.signal)).agent, cluster.proxyUrl);
  return kubeTransport({
    server: cluster.server,
    tls: async ({ signal }) => (await credentials(signal)).tls,
    headers: async ({ impersonate, signal }) => {
      const { headers } = await credentials(signal);
      return user === undefined || impersonate !== undefined ? headers : { ...headers, ...impersonationHeaders(user) };
    },
    ...(agent === undefined ? {} : { agent }),
  });
}

/** Credentials as they are used until a moment of the clock. */
interface Known {
  readonly tls: KubeTls;
  readonly headers: Record<string, string>;
  readonly agent: RequestOptions["agent"];
  readonly until: number;
}

/** The cluster in the words of client.authentication.k8s.io. */
function programCluster(cluster: Cluster, config: unknown): object {
  const authority = cluster.caFile === undefined ? cluster.caData : readFileSync(cluster.caFile).toString("base64");
  return {
    server: cluster.server,
    ...(cluster.tlsServerName === undefined ? {} : { "tls-server-name": cluster.tlsServerName }),
    ...(cluster.skipTLSVerify ? { "insecure-skip-tls-verify": true } : {}),
    ...(authority === undefined ? {} : { "certificate-authority-data": authority }),
    ...(cluster.proxyUrl === undefined ? {} : { "proxy-url": cluster.proxyUrl }),
    ...(config === undefined ? {} : { config }),
  };
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
