import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the engine is to do instead of its work, once. */
export interface EngineFault {
  readonly method: string;
  readonly path: RegExp;
  /** `lost`: the work is done and the connection cut before its answer. `silent`: nothing comes back. Else an error's status. */
  readonly does: "lost" | "silent" | number;
  readonly message?: string;
}

interface Container {
  readonly Id: string;
  Name: string;
  readonly Created: string;
  readonly State: Record<string, unknown>;
  readonly Config: { Labels: Record<string, string>; Env: string[]; ExposedPorts: object };
  readonly NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

const never = "0001-01-01T00:00:00Z";

/** As much of a container engine as sessions need, on a unix socket, with the faults that a real one shows to nobody who asks. */
export class FakeDocker {
  readonly directory = mkdtempSync(join(tmpdir(), "vdi-fake-docker-"));
  readonly socket = join(this.directory, "docker.sock");
  /** Where the volume of identities is. */
  readonly identities = join(this.directory, "identities");
  readonly seen: string[] = [];
  readonly faults: EngineFault[] = [];
  readonly containers = new Map<string, Container>();
  apiVersion = "1.41";
  readonly #streams = new Set<ServerResponse>();
  readonly #networks = new Map<string, { Id: string; Name: unknown; Labels: unknown }>();
  #server: Server | undefined;
  #count = 0;

  async start(): Promise<this> {
    mkdirSync(this.identities, { recursive: true });
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((thrown: unknown) => this.#send(response, 500, { message: String(thrown) }));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
    return this;
  }

  /** Ends, as an engine that is stopped: its socket stays behind. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Cuts the connections of those that listen to events. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  get listeners(): number {
    return this.#streams.size;
  }

  count(method: string, path: RegExp): number {
    return this.seen.filter((line) => line.startsWith(`${method} `) && path.test(line)).length;
  }

  /** Removes a container, and tells nobody when `quietly`. */
  take(id: string, quietly = false): void {
    this.containers.delete(id);
    if (!quietly) this.#tell("destroy", id);
  }

  #tell(action: string, id: string): void {
    for (const stream of this.#streams) stream.write(`${JSON.stringify({ Type: "container", Action: action, Actor: { ID: id } })}\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://engine");
    const method = request.method ?? "";
    const path = url.pathname.replace(/^\/v[\d.]+(?=\/)/, "");
    this.seen.push(`${method} ${url.pathname}`);
    const at = this.faults.findIndex((fault) => fault.method === method && fault.path.test(path));
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    if (fault?.does === "silent") return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (typeof fault?.does === "number") {
      this.#send(response, fault.does, { message: fault.message ?? "fault" });
      return;
    }
    if (path === "/events") {
      this.#streams.add(response);
      response.once("close", () => this.#streams.delete(response));
      response.writeHead(200).flushHeaders();
      return;
    }
    const isJson = request.headers["content-type"] === "application/json";
    const body = isJson ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
    const [status, answer] = this.#work(method, path, url.searchParams, body);
    if (fault?.does === "lost") request.socket.destroy();
    else this.#send(response, status, answer);
  }

  #work(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): [number, unknown] {
    const [, kind, key = "", verb = ""] = path.split("/");
    if (kind === "_ping") return [200, "OK"];
    if (kind === "volumes") return [200, { Mountpoint: this.identities }];
    if (kind === "networks") return this.#network(method, key, body);
    if (path === "/containers/json") {
      return [200, [...this.containers.values()].map(({ Id, Config }) => ({ Id, Labels: Config.Labels }))];
    }
    if (path === "/containers/create") return this.#create(query.get("name") ?? "", body);
    const container = [...this.containers.values()].find(({ Id, Name }) => Id === key || Name === `/${key}`);
    if (container === undefined) return [404, { message: `No such container: ${key}` }];
    switch (`${method} ${verb}`) {
      case "GET json":
        return [200, container];
      case "GET logs":
        return [200, frame("xpra is ready.\n")];
      case "POST start":
        Object.assign(container.State, { Status: "running", Running: true, StartedAt: new Date().toISOString() });
        this.#tell("start", container.Id);
        return [204, ""];
      case "POST stop":
        Object.assign(container.State, { Status: "exited", Running: false, FinishedAt: new Date().toISOString() });
        this.#tell("die", container.Id);
        return [204, ""];
      case "POST rename":
        container.Name = `/${query.get("name")}`;
        this.#tell("rename", container.Id);
        return [204, ""];
      case "DELETE ":
        this.take(container.Id);
        return [204, ""];
      default:
        return [200, ""];
    }
  }

  #create(name: string, body: Record<string, unknown>): [number, unknown] {
    if ([...this.containers.values()].some(({ Name }) => Name === `/${name}`)) return [409, { message: `The name ${name} is in use` }];
    this.#count += 1;
    const id = this.#count.toString(16).padStart(64, "0");
    this.containers.set(id, {
      Id: id,
      Name: `/${name}`,
      Created: new Date().toISOString(),
      State: { Status: "created", Running: false, OOMKilled: false, ExitCode: 0, Error: "", StartedAt: never, FinishedAt: never },
      Config: {
        Labels: body["Labels"] as Record<string, string>,
        Env: body["Env"] as string[],
        ExposedPorts: body["ExposedPorts"] as object,
      },
      NetworkSettings: { Networks: { [(body["HostConfig"] as { NetworkMode: string }).NetworkMode]: { IPAddress: "127.0.0.1" } } },
    });
    this.#tell("create", id);
    return [201, { Id: id }];
  }

  #network(method: string, key: string, body: Record<string, unknown>): [number, unknown] {
    if (method === "GET" && key === "") return [200, [...this.#networks.values()]];
    if (key === "create") {
      this.#count += 1;
      const network = { Id: `n${this.#count}`, Name: body["Name"], Labels: body["Labels"] };
      this.#networks.set(network.Id, network);
      return [201, network];
    }
    if (method === "DELETE") this.#networks.delete(key);
    return [200, { Containers: {} }];
  }

  #send(response: ServerResponse, status: number, body: unknown): void {
    const isRaw = typeof body === "string" || body instanceof Buffer;
    response.writeHead(status, { "api-version": this.apiVersion }).end(isRaw ? body : JSON.stringify(body));
  }
}

/** One piece of a log, as an engine sends it. */
function frame(text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}
