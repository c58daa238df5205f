import { randomUUID } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";

/** A request that the fake API server got, for tests that count them. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

interface Change {
  readonly version: number;
  readonly collection: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: { metadata?: { name?: string; resourceVersion?: string; labels?: Record<string, string> } };
}

/** A node that runs what it is given after these times; undefined: tests move pods by hand. */
export interface FakeKubelet {
  readonly host: string;
  readonly startMs: number;
  readonly readyMs: number;
}

/** What the next request that matches is answered with instead. */
export interface Fault {
  readonly method: string;
  readonly path: RegExp;
  /** 0: no answer at all. */
  readonly status: number;
  readonly reason: string;
  readonly message: string;
}

/**
 * As much of an API server as session pods need, over real HTTP: list in pages, watch with bookmarks and 410, create with 409,
 * delete with preconditions, followed logs that are refused before the container runs, events.
 */
export class FakeKube {
  readonly seen: SeenRequest[] = [];
  readonly pods = new Map<string, V1Pod>();
  readonly faults: Fault[] = [];
  url = "";
  /** True: the kubelet runs nothing new. */
  hold = false;
  /** Most pods that may be there. */
  quota = Number.POSITIVE_INFINITY;
  /** Versions up to this one are gone for watches. */
  oldest = 0;
  private version = 1;
  private readonly history: Change[] = [];
  private readonly watches = new Set<{ collection: string; selector: string; response: ServerResponse }>();
  private readonly logs = new Map<string, { lines: string[]; readers: Set<ServerResponse> }>();
  private readonly kubelet: FakeKubelet | undefined;
  private readonly server = http.createServer((request, response) => {
    this.answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  constructor(kubelet?: FakeKubelet) {
    this.kubelet = kubelet;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Cuts every connection in the middle. */
  dropConnections(): void {
    this.server.closeAllConnections();
  }

  /** Forgets all history, as after a compaction. */
  compact(): void {
    this.oldest = this.version;
  }

  count(method: string, path: RegExp): number {
    return this.seen.filter((request) => request.method === method && path.test(request.path)).length;
  }

  put(pod: V1Pod): V1Pod {
    const name = pod.metadata?.name ?? "";
    const type = this.pods.has(name) ? "MODIFIED" : "ADDED";
    return this.store(type, pod);
  }

  /** Changes a pod's status, or anything of it. */
  change(name: string, edit: (pod: V1Pod) => void): void {
    const pod = this.pods.get(name);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    const next = structuredClone(pod);
    edit(next);
    this.store("MODIFIED", next);
  }

  run(name: string, host: string, startedAt = new Date()): void {
    this.change(name, (pod) => {
      pod.spec = { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: "node-1" };
      pod.status = {
        phase: "Running",
        podIP: host,
        containerStatuses: [status({ running: { startedAt: startedAt.toISOString() as unknown as Date } })],
      };
    });
  }

  end(name: string, exitCode: number, reason = exitCode === 0 ? "Completed" : "Error"): void {
    const finishedAt = new Date().toISOString() as unknown as Date;
    this.change(name, (pod) => {
      pod.status = {
        ...pod.status,
        phase: exitCode === 0 ? "Succeeded" : "Failed",
        containerStatuses: [status({ terminated: { exitCode, reason, finishedAt } })],
      };
    });
    for (const reader of this.logOf(name).readers) reader.end();
  }

  delete(name: string): void {
    const pod = this.pods.get(name);
    if (pod !== undefined) this.store("DELETED", pod);
    for (const reader of this.logOf(name).readers) reader.end();
    this.logs.delete(name);
  }

  log(name: string, line: string): void {
    const log = this.logOf(name);
    log.lines.push(line);
    for (const reader of log.readers) reader.write(`${line}\n`);
  }

  event(pod: string, reason: string, message: string): void {
    const involvedObject = { kind: "Pod", name: pod, uid: this.pods.get(pod)?.metadata?.uid ?? "" };
    const object: CoreV1Event = { metadata: { name: `${pod}.${randomUUID()}` }, involvedObject, reason, message };
    this.tell("events", "ADDED", object);
  }

  private logOf(name: string): { lines: string[]; readers: Set<ServerResponse> } {
    const log = this.logs.get(name) ?? { lines: [], readers: new Set() };
    this.logs.set(name, log);
    return log;
  }

  private store(type: Change["type"], pod: V1Pod): V1Pod {
    const stored = this.tell("pods", type, pod);
    if (type === "DELETED") this.pods.delete(stored.metadata?.name ?? "");
    else this.pods.set(stored.metadata?.name ?? "", stored);
    return stored;
  }

  private tell<T extends Change["object"]>(collection: string, type: Change["type"], object: T): T {
    this.version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    const change = { version: this.version, collection, type, object: stored };
    this.history.push(change);
    for (const watch of this.watches) if (watch.collection === collection && selects(watch.selector, stored)) send(watch.response, change);
    return stored;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const method = request.method ?? "GET";
    this.seen.push({ method, path: url.pathname, query: url.searchParams });
    const body = await bodyOf(request);
    const fault = this.faults.findIndex((one) => one.method === method && one.path.test(url.pathname));
    if (fault >= 0) {
      const [{ status: code, reason, message } = { status: 500, reason: "", message: "" }] = this.faults.splice(fault, 1);
      if (code !== 0) fail(response, code, reason, message);
      return;
    }
    const [, , , , , collection = "", name, sub] = url.pathname.split("/");
    if (name === undefined && method === "GET") this.listOrWatch(collection, url.searchParams, response);
    else if (name === undefined && method === "POST") this.create(JSON.parse(body) as V1Pod, response);
    else if (sub === "log") this.readLog(name ?? "", url.searchParams, response);
    else this.one(method, name ?? "", body, response);
  }

  private listOrWatch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const selector = query.get("labelSelector") ?? "";
    if (query.get("watch") === "true") {
      const from = Number(query.get("resourceVersion"));
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      if (from < this.oldest) {
        response.end(
          `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old" } })}\n`,
        );
        return;
      }
      const watch = { collection, selector, response };
      this.watches.add(watch);
      response.once("close", () => this.watches.delete(watch));
      for (const change of this.history)
        if (change.version > from && change.collection === collection && selects(selector, change.object)) send(response, change);
      return;
    }
    const all = collection === "pods" ? [...this.pods.values()].filter((pod) => selects(selector, pod)) : [];
    const from = Number(query.get("continue") ?? 0);
    const to = from + Number(query.get("limit") ?? all.length);
    const more = to < all.length ? { continue: String(to) } : {};
    json(response, 200, { kind: "List", metadata: { resourceVersion: String(this.version), ...more }, items: all.slice(from, to) });
  }

  private create(pod: V1Pod, response: ServerResponse): void {
    const name = pod.metadata?.name ?? "";
    if (this.pods.has(name)) {
      fail(response, 409, "AlreadyExists", `pods "${name}" already exists`);
      return;
    }
    if (this.pods.size >= this.quota) {
      fail(
        response,
        403,
        "Forbidden",
        `pods "${name}" is forbidden: exceeded quota: sessions, requested: pods=1, used: pods=${this.quota}`,
      );
      return;
    }
    const metadata = { ...pod.metadata, uid: randomUUID(), creationTimestamp: new Date() };
    json(response, 201, this.put({ ...pod, metadata, status: { phase: "Pending" } }));
    if (this.kubelet !== undefined && !this.hold) this.runLater(name, metadata.uid, this.kubelet);
  }

  private runLater(name: string, uid: string, { host, startMs, readyMs }: FakeKubelet): void {
    const still = (): boolean => this.pods.get(name)?.metadata?.uid === uid;
    setTimeout(() => {
      if (!still()) return;
      this.run(name, host);
      setTimeout(() => still() && this.log(name, "2026-01-01 00:00:00,000 xpra is ready."), readyMs);
    }, startMs);
  }

  private readLog(name: string, query: URLSearchParams, response: ServerResponse): void {
    if (this.pods.get(name)?.status?.phase === "Pending") {
      fail(response, 400, "BadRequest", `container "session" in pod "${name}" is waiting to start: ContainerCreating`);
      return;
    }
    const log = this.logOf(name);
    response.writeHead(200, { "content-type": "text/plain" });
    response.flushHeaders();
    for (const line of log.lines) response.write(`${line}\n`);
    if (query.get("follow") !== "true") {
      response.end();
      return;
    }
    log.readers.add(response);
    response.once("close", () => log.readers.delete(response));
  }

  private one(method: string, name: string, body: string, response: ServerResponse): void {
    const pod = this.pods.get(name);
    if (pod === undefined) {
      fail(response, 404, "NotFound", `pods "${name}" not found`);
      return;
    }
    if (method === "DELETE") {
      const uid = (JSON.parse(body || "{}") as { preconditions?: { uid?: string } }).preconditions?.uid;
      if (uid !== undefined && uid !== pod.metadata?.uid) {
        fail(response, 409, "Conflict", "the UID in the precondition does not match");
        return;
      }
      setTimeout(() => this.pods.get(name)?.metadata?.uid === pod.metadata?.uid && this.delete(name), 20);
    }
    json(response, 200, pod);
  }
}

function status(
  state: NonNullable<NonNullable<V1Pod["status"]>["containerStatuses"]>[number]["state"],
): NonNullable<NonNullable<V1Pod["status"]>["containerStatuses"]>[number] {
  return { name: "session", image: "x", imageID: "x", ready: true, restartCount: 0, ...(state === undefined ? {} : { state }) };
}

function selects(selector: string, object: Change["object"]): boolean {
  const pairs = selector.split(",").filter(Boolean);
  return pairs.every((pair) => {
    const [key = "", value] = pair.split("=");
    return object.metadata?.labels?.[key] === value;
  });
}

function send(response: ServerResponse, { type, object }: Change): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function fail(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
