import http from "node:http";
import type { AddressInfo } from "node:net";
import { type KubeTransport, kubeTransport } from "../../../src/kube/transport.ts";

/** An object as the fake holds it. */
export interface StoredObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * As much of an API server as a deploy touches, over real HTTP: objects by their path, server-side apply of whole objects by one
 * manager, lists, watches that end after what there is, and a Deployment controller that is always done at once.
 */
export class FakeCluster {
  readonly objects = new Map<string, StoredObject>();
  readonly seen: SeenRequest[] = [];
  /** Called before a request is answered; may throw to refuse it with the given status. */
  onRequest: (request: SeenRequest) => void = () => {};
  /** What is stored of what an apply sends; may throw to refuse it. */
  onPatch: (path: string, body: StoredObject) => StoredObject = (_, body) => body;
  /** What a POST to a collection gives, by its plural; it may throw `Refused`. Nothing of it is kept. */
  readonly posts = new Map<string, (body: unknown) => unknown>();
  /** False: pods of Deployments never come. */
  rollsOut = true;
  #version = 100;
  readonly #server: http.Server;
  #transport: KubeTransport | undefined;

  private constructor() {
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeCluster> {
    const cluster = new FakeCluster();
    await new Promise<void>((resolve) => cluster.#server.listen(0, "127.0.0.1", resolve));
    cluster.put("/api/v1/nodes/node1", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node1" },
      spec: { podCIDRs: ["10.244.0.0/24"] },
    });
    cluster.put("/api/v1/namespaces/default/services/kubernetes", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kubernetes" },
      spec: { clusterIPs: ["10.96.0.1"] },
    });
    return cluster;
  }

  get transport(): KubeTransport {
    this.#transport ??= kubeTransport({ server: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` });
    return this.#transport;
  }

  async stop(): Promise<void> {
    this.#transport?.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Stores an object; an equal one keeps its version. */
  put(path: string, object: { readonly metadata: object; readonly [key: string]: unknown }): StoredObject {
    const before = this.objects.get(path);
    const generation = before === undefined ? 1 : (before.metadata.generation ?? 1);
    const same = before !== undefined && contentOf(before) === contentOf(object);
    if (same) return before;
    const metadata = {
      uid: `uid-${path}`,
      ...object.metadata,
      generation: generation + (before === undefined ? 0 : 1),
      resourceVersion: String(++this.#version),
    };
    const stored = { ...object, metadata } as unknown as StoredObject;
    this.objects.set(path, stored);
    return stored;
  }

  /** Every object without what a second creation would change. */
  snapshot(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, object]) => [path, JSON.parse(contentOf(object))]),
    );
  }

  versions(): Record<string, string> {
    return Object.fromEntries([...this.objects].map(([path, { metadata }]) => [path, metadata.resourceVersion]));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", "http://fake");
    const seen = { method: request.method ?? "GET", path: decodeURIComponent(url.pathname), query: url.searchParams };
    const isMerge = request.headers["content-type"] === "application/merge-patch+json";
    this.seen.push(seen);
    try {
      this.onRequest(seen);
      const body = chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString("utf8")) as StoredObject);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(this.#result(seen, body, isMerge)));
    } catch (thrown) {
      const { status = 500, ...more } = thrown as { status?: number };
      response.statusCode = status;
      response.end(JSON.stringify({ kind: "Status", ...more, message: (thrown as Error).message ?? "refused" }));
    }
  }

  #result({ method, path, query }: SeenRequest, body: StoredObject | undefined, isMerge: boolean): unknown {
    if (path === "/apis/admissionregistration.k8s.io/v1") return { resources: [{ name: "validatingadmissionpolicies" }] };
    const object = this.objects.get(path);
    if (path === "/apis" && object === undefined) return { kind: "APIGroupDiscoveryList", items: [] };
    if (method === "POST") {
      const answer = this.posts.get(path.split("/").at(-1) ?? "");
      if (answer === undefined) throw new Refused(405, `${path} takes nothing`);
      return answer(body);
    }
    if (method === "PATCH" && body !== undefined) return isMerge ? this.#merge(path, body) : this.#patch(path, body, query);
    if (method === "DELETE") {
      if (object === undefined) throw new Refused(404, "not found");
      for (const known of this.objects.keys()) if (known === path || known.startsWith(`${path}/`)) this.objects.delete(known);
      return { kind: "Status", status: "Success" };
    }
    if (object !== undefined) return this.#withStatus(object);
    if (/\/[a-z]+$/.test(path) && isCollection(path)) {
      if (query.get("watch") === "true") return {};
      const labels = (query.get("labelSelector") ?? "").split(",").filter(Boolean);
      const items = [...this.objects]
        .filter(([known]) => collectionsOf(known).includes(path))
        .map(([, item]) => this.#withStatus(item))
        .filter(({ metadata }) => labels.every((label) => matches(metadata.labels ?? {}, label)));
      return { kind: "List", metadata: { resourceVersion: String(this.#version) }, items };
    }
    throw new Refused(404, `${path} not found`);
  }

  #patch(path: string, body: StoredObject, query: URLSearchParams): StoredObject {
    const [, namespace] = /\/namespaces\/([^/]+)\//.exec(path) ?? [];
    if (namespace !== undefined && !this.objects.has(`/api/v1/namespaces/${namespace}`))
      throw new Refused(404, `namespaces "${namespace}" not found`);
    if (query.get("fieldValidation") !== "Strict") throw new Refused(400, "not strict");
    const before = this.objects.get(path);
    if (query.get("dryRun") === "All") {
      return {
        ...body,
        metadata: { ...before?.metadata, ...body.metadata, resourceVersion: before?.metadata.resourceVersion ?? "" },
      } as StoredObject;
    }
    return this.put(path, this.onPatch(path, body));
  }

  /** A merge patch: of labels and annotations only. */
  #merge(path: string, body: StoredObject): StoredObject {
    const before = this.objects.get(path);
    if (before === undefined) throw new Refused(404, `${path} not found`);
    const merged = (["labels", "annotations"] as const).flatMap((name) => {
      const change = body.metadata[name];
      if (change === undefined) return [];
      return [[name, Object.fromEntries(Object.entries({ ...before.metadata[name], ...change }).filter(([, value]) => value !== null))]];
    });
    return this.put(path, { ...before, metadata: { ...before.metadata, ...Object.fromEntries(merged) } });
  }

  #withStatus(object: StoredObject): StoredObject {
    if (object.kind !== "Deployment") return object;
    const { replicas = 1 } = object["spec"] as { replicas?: number };
    const ready = this.rollsOut ? replicas : 0;
    return {
      ...object,
      status: { observedGeneration: object.metadata.generation, replicas: ready, updatedReplicas: ready, availableReplicas: ready },
    };
  }
}

/** Thrown to answer with a status. */
export class Refused extends Error {
  readonly status: number;
  readonly reason: string | undefined;

  constructor(status: number, message: string, reason?: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

function contentOf(object: { readonly metadata: object; readonly [key: string]: unknown }): string {
  const { resourceVersion: _version, generation: _generation, uid: _uid, ...metadata } = object.metadata as Record<string, unknown>;
  return JSON.stringify({ ...object, metadata, status: undefined });
}

function isCollection(path: string): boolean {
  const parts = path.split("/").slice(path.startsWith("/api/") ? 3 : 4);
  return parts.length === 1 || (parts[0] === "namespaces" && parts.length === 3);
}

/** The collections that an object is in: its namespace's and the whole cluster's. */
function collectionsOf(object: string): readonly string[] {
  const own = object.slice(0, object.lastIndexOf("/"));
  return [own, own.replace(/\/namespaces\/[^/]+(?=\/[a-z]+$)/, "")];
}

function matches(labels: Record<string, string>, selector: string): boolean {
  const [name = "", value] = selector.split("=");
  return value === undefined ? name in labels : labels[name] === value;
}
