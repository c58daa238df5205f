import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { lookEveryMs } from "../../../src/broker/config-source.ts";
import type { Demo } from "../../start/demo.ts";
import type { Kubectl } from "./kubectl.ts";
import { livingProxies } from "./proxies.ts";
import { eventually } from "./wait.ts";

/** A line of the stream that tells how a session starts. */
export interface SessionEvent {
  readonly event: "progress" | "ready" | "error";
  readonly phase?: string;
  readonly message?: string;
  readonly session?: string;
  readonly code?: number;
  readonly reason?: string;
  /** Why the user's last session ended. */
  readonly notice?: string;
}

/** What a sign-in gave. */
export interface SignIn {
  readonly status: number;
  readonly ticket: string;
  readonly types: readonly { readonly name: string }[];
  /** The words of a refusal; empty on success. */
  readonly message: string;
}

/** The HTTP side of one proxy, as the page uses it. */
export interface Door {
  signIn(user: string, password: string): Promise<SignIn>;
  /** Asks for a session and gives every event up to the last one; the signal hangs up. */
  start(ticket: string, display: string, signal?: AbortSignal): Promise<readonly SessionEvent[]>;
  end(ticket: string, display: string): Promise<unknown>;
}

// http/1.1 is offered as browsers do it; without that Xpra takes the connection for one of its own protocol.
const agent = new Agent({ rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });

/** Talks to the proxy at an address; the certificate is the deployment's own, so it is not checked here. */
export function doorAt(address: string, port = 443): Door {
  const post = (path: string, body: unknown, ticket?: string, signal?: AbortSignal): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const authority = port === 443 ? address : `${address}:${port}`;
      const outgoing = request(
        {
          host: address,
          port,
          path,
          method: "POST",
          agent,
          headers: {
            "Content-Type": "application/json",
            Host: authority,
            Origin: `https://${authority}`,
            ...(ticket === undefined ? {} : { Authorization: `Bearer ${ticket}` }),
          },
          timeout: 90_000,
          ...(signal === undefined ? {} : { signal }),
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => {
            text += chunk;
          });
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
          answer.on("error", reject);
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer from ${authority}${path} within 90 s`)));
      outgoing.on("error", reject);
      outgoing.end(JSON.stringify(body));
    });
  return {
    async signIn(user, password) {
      const { status, text } = await post("/api/v1/sign-in", { user, password });
      const answer = JSON.parse(text) as { ticket?: string; types?: { name: string }[]; error?: { message: string } };
      return { status, ticket: answer.ticket ?? "", types: answer.types ?? [], message: answer.error?.message ?? "" };
    },
    async start(ticket, display, signal) {
      const { status, text } = await post("/api/v1/sessions", { display }, ticket, signal);
      if (status !== 200) {
        const { error } = JSON.parse(text) as { error: { code?: number; message: string } };
        return [{ event: "error", message: error.message }];
      }
      return text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as SessionEvent);
    },
    async end(ticket, display) {
      return JSON.parse((await post("/api/v1/sessions/end", { display }, ticket)).text);
    },
  };
}

/**
 * Makes a new connection up to ten times a second, five of them at a time, and asks whether a proxy lives; the returned function ends
 * that, and gives the number and what failed.
 */
export function keepConnecting(address: string): () => Promise<{ readonly tries: number; readonly failed: readonly string[] }> {
  const failed: string[] = [];
  let tries = 0;
  let isOver = false;
  const askOnce = (): Promise<void> =>
    new Promise((resolve) => {
      const began = new Date().toISOString();
      const no = (why: string): void => {
        failed.push(`${began} ${why}`);
        resolve();
      };
      const tls = { agent: false, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] };
      const outgoing = request({ host: address, path: "/healthz", timeout: 60_000, ...tls }, (answer) => {
        answer.resume();
        if (answer.statusCode === 200) answer.on("close", resolve);
        else no(`status ${answer.statusCode}`);
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("nothing for 60 s")));
      outgoing.on("error", (error) => no(error.message));
      outgoing.end();
    });
  const askAgain = async (): Promise<void> => {
    while (!isOver) {
      tries += 1;
      await askOnce();
      await sleep(500);
    }
  };
  const asking = Promise.all(Array.from({ length: 5 }, askAgain));
  return async () => {
    isOver = true;
    await asking;
    return { tries, failed };
  };
}

/** The door of each proxy that is not on its way out, by the address of its pod. */
export async function proxyDoors(kubectl: Kubectl, demo: Demo): Promise<readonly Door[]> {
  return (await livingProxies(kubectl, demo)).map(({ status }) => doorAt(status?.podIP ?? "", 8443));
}

/**
 * Waits after a deploy until every broker offers the session types: each reads its changed configuration when its node brings it,
 * which is not at the same moment.
 */
export async function untilOffered(kubectl: Kubectl, demo: Demo, types: readonly string[]): Promise<void> {
  await eventually(
    `every broker offers ${types.join(", ")}`,
    async () => Promise.all((await proxyDoors(kubectl, demo)).map(async (door) => (await door.signIn(demo.user, demo.password)).types)),
    (offered) => offered.every((list) => types.every((type) => list.some(({ name }) => name === type))),
    120_000,
  );
}

/** Waits after a deploy until every broker has the configuration that was deployed. */
export async function untilConfigured(kubectl: Kubectl, demo: Demo): Promise<void> {
  const namespace = `ingress-${demo.namespace}`;
  const maps = JSON.parse(await kubectl.run("get", "configmaps", "-n", namespace, "-o", "json")) as { items: V1ConfigMap[] };
  const deployed = maps.items.map(({ data }) => data?.["broker.json"]).find((text) => text !== undefined);
  const read = async (): Promise<readonly boolean[]> => {
    const pods = await kubectl.pods(namespace, "app=xpra-proxy");
    const files = pods.map(({ metadata }) => kubectl.shell(namespace, metadata?.name ?? "", "broker", "cat /etc/vdi/broker.json"));
    return (await Promise.all(files)).map(({ output }) => output.trim() === deployed?.trim());
  };
  await eventually("every broker has its configuration", read, (known) => known.length > 0 && known.every(Boolean), 120_000);
  await sleep(lookEveryMs + 500);
}
