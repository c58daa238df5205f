import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import Dockerode from "dockerode";
import { Parser } from "tar";
import { traceLine } from "./trace-message.ts";

/** A build that the fake engine was asked for. */
export interface FakeBuild {
  readonly reference: string;
  readonly query: URLSearchParams;
  /** The context: names and texts. */
  readonly files: Readonly<Record<string, string>>;
}

/** How the fake engine goes about a build: it writes lines of its answer, and may fail or never end. */
export type BuildScript = (
  build: FakeBuild,
  write: (line: string) => void,
  closed: Promise<void>,
) => Promise<{ readonly error: string } | undefined>;

/** A call of the engine's API. */
export interface EngineCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  json(status: number, body: unknown): void;
}

interface FakeImage {
  readonly id: string;
  readonly layers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly repoDigests: string[];
}

/** The calls of Docker's API that images need, over real HTTP on a socket of its own. */
export class FakeEngine {
  readonly builds: FakeBuild[] = [];
  /** References that were imported. */
  readonly imports: string[] = [];
  /** References that were pushed, with the sign-in that came along. */
  readonly pushes: { readonly reference: string; readonly login: unknown }[] = [];
  readonly images = new Map<string, FakeImage>();
  /** The most builds that ran at the same time. */
  mostAtOnce = 0;
  build: BuildScript = async () => undefined;
  /** Lines that a push answers with before its digest. */
  pushLines: readonly string[] = [];
  /** The images that some registry has, by reference: what a pull gets. */
  readonly elsewhere = new Map<string, string>();
  /** Answers what images do not need; gives false for what it does not know either. */
  more: (call: EngineCall) => Promise<boolean> = async () => false;
  readonly #directory = mkdtempSync(path.join(tmpdir(), "vdi-fake-engine-"));
  readonly #server = http.createServer((request, response) => {
    this.#answer(request, response).catch((thrown: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ message: String(thrown) }));
    });
  });
  #running = 0;

  async listen(): Promise<Dockerode> {
    const socketPath = path.join(this.#directory, "docker.sock");
    await new Promise<void>((resolve) => this.#server.listen(socketPath, resolve));
    return new Dockerode({ socketPath });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Gives the engine an image with one layer. */
  add(reference: string, layer: string, over: Partial<FakeImage> = {}): void {
    this.images.set(reference, { id: hash(reference, layer), layers: [hash(layer)], labels: {}, repoDigests: [], ...over });
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://engine");
    const at = decodeURIComponent(url.pathname);
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const inspect = /^\/images\/(.+)\/json$/.exec(at)?.[1];
    const push = /^\/images\/(.+)\/push$/.exec(at)?.[1];
    const distribution = /^\/distribution\/(.+)\/json$/.exec(at)?.[1];
    if (at === "/info") return json(200, { DockerRootDir: "/nonexistent" });
    if (inspect !== undefined) {
      const image = this.images.get(inspect);
      if (image === undefined) return json(404, { message: `No such image: ${inspect}` });
      return json(200, {
        Id: image.id,
        Size: 1_000_000,
        RepoDigests: image.repoDigests,
        RootFS: { Layers: image.layers },
        Config: { Labels: image.labels },
      });
    }
    if (distribution !== undefined) {
      const digest = this.elsewhere.get(distribution);
      return digest === undefined
        ? json(500, { message: "dial tcp: lookup registry: no such host" })
        : json(200, { Descriptor: { digest } });
    }
    if (at === "/build") return this.#build(url.searchParams, request, response);
    if (at === "/images/create") return this.#create(url.searchParams, request, response);
    if (push !== undefined) {
      request.resume();
      const login: unknown = JSON.parse(Buffer.from(String(request.headers["x-registry-auth"]), "base64").toString());
      this.pushes.push({ reference: `${push}:${url.searchParams.get("tag")}`, login });
      for (const line of this.pushLines) response.write(`${line}\n`);
      const digest = hash(push, "manifest");
      this.images.get(push)?.repoDigests.push(`${push}@${digest}`);
      return void response.end(`${JSON.stringify({ progressDetail: {}, aux: { Tag: "latest", Digest: digest, Size: 1 } })}\n`);
    }
    const { method = "GET" } = request;
    if (await this.more({ method, path: at, query: url.searchParams, request, response, json })) return;
    json(404, { message: `page not found: ${at}` });
  }

  async #build(query: URLSearchParams, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.#running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    const closed = new Promise<void>((resolve) => response.on("close", resolve));
    void closed.then(() => {
      this.#running -= 1;
    });
    const build: FakeBuild = { reference: query.get("t") ?? "", query, files: await unpack(request) };
    this.builds.push(build);
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const failure = await this.build(build, (line) => response.write(line), closed);
    if (failure !== undefined)
      return void response.end(`${JSON.stringify({ errorDetail: { message: failure.error }, error: failure.error })}\n`);
    const labels = JSON.parse(query.get("labels") ?? "{}") as Record<string, string>;
    const parent = /^FROM (\S+)/m.exec(build.files["Dockerfile"] ?? "")?.[1] ?? "";
    const layers = [...(this.images.get(parent)?.layers ?? []), hash(query.get("labels") ?? "")];
    this.images.set(build.reference, { id: hash(build.reference, layers.join()), layers, labels, repoDigests: [] });
    response.end(
      `${JSON.stringify({ id: "moby.image.id", aux: { ID: hash(build.reference) } })}\n${JSON.stringify({ stream: "Successfully tagged\n" })}\n`,
    );
  }

  async #create(query: URLSearchParams, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += (chunk as Buffer).toString("latin1");
    const pulled = query.get("fromImage");
    if (pulled !== null) {
      const digest = this.elsewhere.get(pulled);
      if (digest === undefined)
        return void response.end(`${JSON.stringify({ errorDetail: { message: "manifest unknown" }, error: "manifest unknown" })}\n`);
      this.add(pulled, digest, { repoDigests: [`${pulled.split(":")[0]}@${digest}`] });
      return void response.end(`${JSON.stringify({ status: "Pull complete", id: "layer" })}\n`);
    }
    const reference = query.get("tag") === "latest" ? (query.get("repo") ?? "") : `${query.get("repo")}:${query.get("tag")}`;
    this.imports.push(reference);
    const labels: Record<string, string> = {};
    for (const change of query.getAll("changes")) {
      const [, name, value] = /^LABEL ([^=]+)=(.*)$/.exec(change) ?? [];
      if (name !== undefined && value !== undefined) labels[name] = value;
    }
    this.add(reference, hash(body), { labels });
    response.end(`${JSON.stringify({ status: hash(reference) })}\n`);
  }
}

async function unpack(archive: AsyncIterable<Buffer>): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const parser = new Parser({
    onReadEntry: (entry) => {
      let text = "";
      entry.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      entry.on("end", () => {
        files[entry.path] = text;
      });
    },
  });
  const ended = new Promise<void>((resolve) => parser.on("end", () => resolve()));
  for await (const chunk of archive) parser.write(chunk);
  parser.end();
  await ended;
  return files;
}

/** A digest that is made of some words. */
export function hash(...words: readonly string[]): string {
  return `sha256:${createHash("sha256").update(words.join("\n")).digest("hex")}`;
}

/** The lines of a step that begins, prints something and ends. */
export function stepLines(digest: string, name: string, output: string, error?: string): string[] {
  const began = { digest, name, startedMs: 1_700_000_000_000 };
  const ended = { ...began, completedMs: 1_700_000_003_500, ...(error === undefined ? {} : { error }) };
  return [traceLine([{ digest, name }]), traceLine([began]), traceLine([], [{ vertex: digest, text: output }]), traceLine([ended])];
}
