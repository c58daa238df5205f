import { filesOf, tarOf, type VolumeFile } from "../../../src/local/archive.ts";
import { type EngineCall, type FakeEngine, hash } from "../images/fake-engine.ts";

interface Options {
  readonly Image: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
  readonly HostConfig?: {
    readonly Mounts?: readonly { readonly Type: string; readonly Source: string; readonly Target: string }[];
    readonly PortBindings?: Readonly<Record<string, unknown>>;
  };
}

/** A container of the fake engine. */
export interface FakeContainer {
  readonly id: string;
  readonly options: Options;
  running: boolean;
  /** A network that it is in is gone: the engine starts it no more. */
  lostNetwork?: string;
}

/** Containers, networks and volumes for a fake engine, over its real HTTP. */
export class FakeContainers {
  readonly containers = new Map<string, FakeContainer>();
  readonly networks = new Map<string, Readonly<Record<string, string>>>();
  readonly volumes = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly files: Map<string, VolumeFile> }>();
  /** What a call fails with, by its method and path: `POST /containers/x/start`. */
  readonly failures = new Map<string, string>();
  /** Every call that changes something. */
  readonly writes: string[] = [];
  readonly #engine: FakeEngine;

  constructor(engine: FakeEngine) {
    this.#engine = engine;
    engine.more = (call) => this.#answer(call);
  }

  /** The text of a file in a volume. */
  text(volume: string, path: string): string {
    return Buffer.from(this.volumes.get(volume)?.files.get(path)?.content ?? []).toString("utf8");
  }

  async #answer(call: EngineCall): Promise<boolean> {
    const { method, path, json } = call;
    const [, kind = "", name = "", action = ""] = path.split("/");
    if (method !== "GET" && method !== "HEAD") this.writes.push(`${method} ${path}`);
    const failure = this.failures.get(`${method} ${path}`);
    if (failure !== undefined) {
      json(500, { message: failure });
      return true;
    }
    if (path === "/version") json(200, { Version: "20.10.24" });
    else if (kind === "networks") await this.#network(call, name);
    else if (kind === "volumes") await this.#volume(call, name);
    else if (kind === "containers") await this.#container(call, name, action);
    else return false;
    return true;
  }

  async #network({ method, query, request, response, json }: EngineCall, name: string): Promise<void> {
    if (name === "create") {
      const body = await bodyOf(request);
      this.networks.set(String(body["Name"]), body["Labels"] as Record<string, string>);
      json(201, { Id: hash(String(body["Name"])) });
    } else if (name === "") {
      json(
        200,
        [...this.networks].filter(([, labels]) => matches(labels, query)).map(([Name, Labels]) => ({ Name, Labels })),
      );
    } else if (!this.networks.has(name)) json(404, { message: `network ${name} not found` });
    else if (method === "DELETE") {
      this.networks.delete(name);
      response.writeHead(204).end();
    } else json(200, { Name: name, Labels: this.networks.get(name) });
  }

  async #volume({ method, query, request, response, json }: EngineCall, name: string): Promise<void> {
    const found = this.volumes.get(name);
    if (name === "create") {
      const body = await bodyOf(request);
      this.volumes.set(String(body["Name"]), { labels: body["Labels"] as Record<string, string>, files: new Map() });
      json(201, { Name: body["Name"] });
    } else if (name === "") {
      const all = [...this.volumes].filter(([, { labels }]) => matches(labels, query));
      json(200, { Volumes: all.map(([Name, { labels }]) => ({ Name, Labels: labels })) });
    } else if (found === undefined) json(404, { message: `get ${name}: no such volume` });
    else if (method === "DELETE") {
      this.volumes.delete(name);
      response.writeHead(204).end();
    } else json(200, { Name: name, Labels: found.labels });
  }

  async #container(call: EngineCall, name: string, action: string): Promise<void> {
    const { method, query, request, response, json } = call;
    if (name === "create") {
      const options = (await bodyOf(request)) as unknown as Options;
      const wanted = query.get("name") ?? "";
      if (this.containers.has(wanted)) return json(409, { message: `The container name "/${wanted}" is already in use` });
      const image = this.#engine.images.get(options.Image);
      if (image === undefined) return json(404, { message: `No such image: ${options.Image}` });
      this.containers.set(wanted, { id: hash(wanted, String(this.writes.length)), options, running: false });
      return json(201, { Id: wanted });
    }
    if (name === "json") {
      const all = [...this.containers].filter(([, { options }]) => matches(options.Labels ?? {}, query));
      return json(
        200,
        all.map(([each, { options, running }]) => ({
          Id: each,
          Names: [`/${each}`],
          Labels: options.Labels,
          State: running ? "running" : "created",
        })),
      );
    }
    const found = this.containers.get(name) ?? [...this.containers.values()].find(({ id }) => id === name);
    if (found === undefined) return json(404, { message: `No such container: ${name}` });
    if (action === "archive") return this.#archive(call, found);
    if (action === "start" && found.lostNetwork !== undefined) return json(404, { message: `network ${found.lostNetwork} not found` });
    if (method === "DELETE") this.containers.delete(name);
    else if (action === "start") this.#start(found);
    else if (action === "stop") found.running = false;
    else if (action === "wait") return json(200, { StatusCode: 0 });
    else if (action === "stats") return json(200, { memory_stats: { usage: 50_000_000, stats: { inactive_file: 10_000_000 } } });
    else if (action === "logs") return void response.writeHead(200).end(frame('2026-01-01T00:00:00.1Z {"event":"start"}\n'));
    else if (action === "json") return json(200, this.#inspect(name, found));
    else return json(404, { message: `page not found: ${call.path}` });
    response.writeHead(204).end();
  }

  #start(container: FakeContainer): void {
    const { Entrypoint, Cmd = [], HostConfig } = container.options;
    if (Entrypoint?.[0] !== "/bin/rm") {
      container.running = true;
      return;
    }
    const volume = this.volumes.get(HostConfig?.Mounts?.[0]?.Source ?? "");
    for (const path of Cmd) volume?.files.delete(path.replace(/^\/volume\//, ""));
  }

  async #archive({ method, query, request, response, json }: EngineCall, { options }: FakeContainer): Promise<void> {
    const place = query.get("path") ?? "";
    const mount = options.HostConfig?.Mounts?.find(({ Target }) => Target === place);
    const volume = this.volumes.get(mount?.Source ?? "");
    if (volume === undefined) return json(404, { message: `Could not find the file ${place}` });
    if (method === "GET") {
      const top = place.split("/").at(-1) ?? "";
      response.writeHead(200).end(
        tarOf(
          [...volume.files.values()].map((file) => ({ ...file, path: `${top}/${file.path}` })),
          0,
        ),
      );
      return;
    }
    for (const [path, file] of await filesOf(request, 0)) volume.files.set(path, file);
    response.writeHead(200).end();
  }

  #inspect(name: string, { id, options, running }: FakeContainer): object {
    return {
      Id: id,
      Name: `/${name}`,
      Created: "2026-01-01T00:00:00Z",
      Image: this.#engine.images.get(options.Image)?.id,
      RestartCount: 0,
      Config: { Image: options.Image, Cmd: options.Cmd ?? [], Labels: options.Labels ?? {}, Env: options.Env ?? [] },
      HostConfig: options.HostConfig,
      State: {
        Status: running ? "running" : "created",
        Running: running,
        Restarting: false,
        OOMKilled: false,
        ExitCode: 0,
        Error: "",
        StartedAt: new Date().toISOString(),
      },
    };
  }
}

/** As the engine sends what a container wrote. */
export function frame(text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

function matches(labels: Readonly<Record<string, string>>, query: URLSearchParams): boolean {
  const { label = [] } = JSON.parse(query.get("filters") ?? "{}") as { label?: readonly string[] };
  return label.every((each) => {
    const [name = "", value] = each.split("=");
    return labels[name] === value;
  });
}

async function bodyOf(request: AsyncIterable<unknown>): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
}
