import { Agent, request } from "node:https";
import type { Kubectl } from "./kubectl.ts";

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: ApiBody;
}

/** What of the answers the tests look at. */
export interface ApiBody {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly message?: string }[] };
  readonly [field: string]: unknown;
}

/** The API server asked with one token, over connections that stay open: for thousands of questions. */
export interface Api {
  ask(method: string, path: string, body?: object, contentType?: string): Promise<ApiAnswer>;
  close(): void;
}

const answerDeadlineMs = 30_000;
const connections = 24;

/** Works with a service account's own token, as the pod that has it does; without one as a stranger. */
export async function apiAs(kubectl: Kubectl, account?: { readonly namespace: string; readonly name: string }): Promise<Api> {
  const token = account && (await kubectl.run("create", "token", account.name, "-n", account.namespace, "--duration=1h"));
  const config = JSON.parse(await kubectl.run("config", "view", "--minify", "--raw", "--flatten", "-o", "json")) as {
    clusters: { cluster: { server: string; "certificate-authority-data"?: string } }[];
  };
  const cluster = config.clusters[0]?.cluster;
  if (cluster === undefined) throw new Error("the kubeconfig has no cluster");
  const ca = cluster["certificate-authority-data"];
  const agent = new Agent({
    keepAlive: true,
    maxSockets: connections,
    ...(ca === undefined ? {} : { ca: Buffer.from(ca, "base64") }),
  });
  return {
    ask(method, path, body, contentType = "application/json") {
      return new Promise((resolve, reject) => {
        const headers = {
          Accept: "application/json",
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Type": contentType }),
        };
        const asked = request(new URL(path, cluster.server), { method, agent, headers, timeout: answerDeadlineMs }, (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (piece: string) => {
            text += piece;
          });
          answer.once("error", reject);
          answer.once("end", () => resolve({ status: answer.statusCode ?? 0, body: parsed(text) }));
        });
        asked.once("timeout", () => asked.destroy(new Error(`no answer to ${method} ${path} within ${answerDeadlineMs / 1000} s`)));
        asked.once("error", reject);
        asked.end(body === undefined ? undefined : JSON.stringify(body));
      });
    },
    close: () => agent.destroy(),
  };
}

/** JSON, or the text of what is none (`ok` of /healthz) as a message. */
function parsed(text: string): ApiBody {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as ApiBody;
  } catch {
    // It is no JSON.
  }
  return { message: text };
}
