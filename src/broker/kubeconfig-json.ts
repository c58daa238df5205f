import { readFile } from "node:fs/promises";
import { type KubeTls, type KubeTransport, kubeTransport } from "../kube/transport.ts";
import { VdiError } from "../util/vdi-error.ts";

interface Cluster {
  readonly server?: string;
  readonly "certificate-authority-data"?: string;
  readonly "certificate-authority"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
}

interface User {
  readonly "client-certificate-data"?: string;
  readonly "client-certificate"?: string;
  readonly "client-key-data"?: string;
  readonly "client-key"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly { readonly name?: string; readonly context?: { readonly cluster?: string; readonly user?: string } }[];
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: Cluster }[];
  readonly users?: readonly { readonly name?: string; readonly user?: User }[];
}

/**
 * The transport for a kubeconfig in JSON form; the broker carries no YAML reader. `kubectl config view --raw --flatten -o json` makes one.
 * Certificates, tokens and token files are understood, programs that fetch credentials are not.
 */
export async function kubeconfigJsonTransport(path: string): Promise<KubeTransport> {
  const file = parse(await readFile(path, "utf8"), path);
  const context = file.contexts?.find(({ name }) => name === file["current-context"])?.context;
  const cluster = file.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = file.users?.find(({ name }) => name === context?.user)?.user;
  if (cluster?.server === undefined || user === undefined) throw unusable(path, "its current context has no cluster or no user");
  const tls = await tlsOf(cluster, user);
  const { token, tokenFile } = user;
  if (tls.cert === undefined && token === undefined && tokenFile === undefined)
    throw unusable(path, "its user has neither a certificate nor a token");
  return kubeTransport({
    server: cluster.server,
    tls,
    headers: async () => {
      const bearer = tokenFile === undefined ? token : (await readFile(tokenFile, "utf8")).trim();
      return bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    },
  });
}

function parse(text: string, path: string): Kubeconfig {
  try {
    return JSON.parse(text) as Kubeconfig;
  } catch (thrown) {
    throw unusable(path, "it is not JSON", thrown);
  }
}

function unusable(path: string, why: string, cause?: unknown): VdiError {
  const convert = "kubectl config view --raw --flatten --minify -o json > kubeconfig.json";
  return new VdiError({ what: `the kubeconfig ${path} cannot be used here`, why, try: `convert it: ${convert}`, cause });
}

async function tlsOf(cluster: Cluster, user: User): Promise<KubeTls> {
  const [ca, cert, key] = await Promise.all([
    pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    pem(user["client-certificate-data"], user["client-certificate"]),
    pem(user["client-key-data"], user["client-key"]),
  ]);
  const servername = cluster["tls-server-name"];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(cluster["insecure-skip-tls-verify"] === true ? { rejectUnauthorized: false } : {}),
  };
}

async function pem(data: string | undefined, file: string | undefined): Promise<Buffer | undefined> {
  if (data !== undefined && data !== "") return Buffer.from(data, "base64");
  return file === undefined || file === "" ? undefined : readFile(file);
}
