import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { extname, join, normalize } from "node:path";
import { acceptWebSocket, webSocketFrame, xpraPacket } from "./fake-session.ts";

const headersOfDoor = join(import.meta.dirname, "..", "..", "..", "to_container", "xpra-addon", "vdi_door", "www.py");

/** The policy that the real door sends with the page, from the door's own source. */
export async function pagePolicy(): Promise<string> {
  const source = await readFile(headersOfDoor, "utf8");
  const [, pieces = ""] = /"Content-Security-Policy": \(([^)]*)\)/.exec(source) ?? [];
  const policy = [...pieces.replace(/^\s*#.*$/gm, "").matchAll(/"([^"]*)"/g)].map(([, piece]) => piece).join("");
  if (!policy.includes("default-src 'none'")) throw new Error(`${headersOfDoor} has no policy that this can read`);
  return policy;
}

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** How the fake door behaves. */
export interface FakeDoorOptions {
  /** The directory of the built page. */
  readonly www: string;
  readonly user: string;
  readonly password: string;
  /** The ticket; with a real session behind, its own password. */
  readonly ticket: string;
  /** How long a ticket lasts, in milliseconds. */
  readonly ticketLifeMs?: number;
  /** An Xpra session that the WebSocket is relayed to. */
  readonly session?: { readonly host: string; readonly port: number };
  readonly types?: readonly Record<string, unknown>[];
  /** Lines of progress before the session is ready, and how long each takes. */
  readonly steps?: readonly (readonly [phase: string, message: string])[];
  readonly stepMs?: number;
  readonly port?: number;
}

/** A fake door that runs. */
export interface FakeDoor {
  readonly address: string;
  /** Every request for the HTTP interface, in order, e.g. `sign-in`. */
  readonly calls: string[];
  /** What tests may change. */
  behaviour: {
    /** The state that the door tells. */
    state: string;
    /** The words with which it refuses to start. */
    refusal: { code: number; reason: string; message: string } | null;
    /** What is said of the end of the session to who wants none but the running one. */
    gone: string | null;
    /** The words with which a session sends away whoever attaches. */
    goodbye: readonly string[] | null;
    /** Why the user's last session ended, told with the new one. */
    notice?: string;
    /** How long each line of progress takes. */
    stepMs: number;
  };
  /** Cuts all WebSockets as a broken network does. */
  cut(): void;
  close(): Promise<void>;
}

const usualTypes = [
  {
    name: "desktop",
    title: "Desktop",
    description: "A whole Xfce desktop with a panel, files and a terminal.",
    icon: "desktop",
    default: true,
  },
  { name: "seamless", title: "Single windows", description: "Programs in windows of their own, without a desktop around them." },
  { name: "desktop-failsafe", title: "Failsafe", description: "Only a terminal, for when the desktop does not start." },
];

const usualSteps = [
  ["scheduling", "Finding a place for your session"],
  ["pulling", "Fetching the software"],
  ["starting", "Starting your desktop"],
] as const;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text === "" ? "{}" : text) as Record<string, unknown>;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(body));
}

/** Serves the page and plays the door's HTTP interface, so that the page can be tried without a cluster. */
export async function startFakeDoor(options: FakeDoorOptions): Promise<FakeDoor> {
  const calls: string[] = [];
  const behaviour: FakeDoor["behaviour"] = { state: "ready", refusal: null, gone: null, goodbye: null, stepMs: options.stepMs ?? 300 };
  const sockets = new Set<{ destroy(): void }>();
  const types = options.types ?? usualTypes;
  const policy = await pagePolicy();

  const ticketAnswer = () => ({
    ticket: options.ticket,
    expiresAt: Date.now() + (options.ticketLifeMs ?? 600_000),
    user: options.user,
    types,
  });

  async function start(response: ServerResponse, { display, existing }: Record<string, unknown>): Promise<void> {
    response.writeHead(200, { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" });
    const line = (value: unknown) => response.write(`${JSON.stringify(value)}\n`);
    for (const [phase, message] of options.steps ?? usualSteps) {
      line({ event: "progress", phase, message });
      await pause(behaviour.stepMs);
    }
    const { refusal, gone, notice } = behaviour;
    if (gone !== null && existing === true) line({ event: "error", code: 1, reason: "gone", message: gone });
    else if (refusal !== null) line({ event: "error", ...refusal });
    else line({ event: "ready", session: `${options.user}-${String(display)}`, ...(notice === undefined ? {} : { notice }) });
    response.end();
  }

  async function api(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    calls.push(name);
    const body = await bodyOf(request);
    if (name === "sign-in") {
      await pause(200);
      if (body.user === options.user && body.password === options.password) answer(response, 200, ticketAnswer());
      else answer(response, 401, { error: { code: "credentials", message: "The name or the password is not right." } });
      return;
    }
    if (request.headers.authorization !== `Bearer ${options.ticket}`) {
      answer(response, 401, { error: { code: "ticket", message: "Your sign-in has expired." } });
    } else if (name === "ticket") answer(response, 200, ticketAnswer());
    else if (name === "sessions") await start(response, body);
    else if (name === "sessions/state") answer(response, 200, { state: behaviour.state });
    else if (name === "sessions/end") answer(response, 200, { state: "ending" });
    else answer(response, 404, { error: { code: "unknown", message: "There is no such request." } });
  }

  async function file(path: string, response: ServerResponse): Promise<void> {
    const name = normalize(path).replace(/^\/+/, "");
    const content = await readFile(join(options.www, name === "" ? "index.html" : name)).catch(() =>
      extname(name) === ".html" ? readFile(join(options.www, "index.html")) : null,
    );
    if (content === null) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": mediaTypes[extname(name)] ?? "text/html; charset=utf-8",
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    });
    response.end(content);
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://door").pathname;
    const isApi = path.startsWith("/api/v1/");
    const done = isApi ? api(path.slice("/api/v1/".length), request, response) : file(path, response);
    done.catch(() => response.destroy());
  });
  server.on("upgrade", (request, socket, head) => {
    const { session } = options;
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (behaviour.goodbye !== null) {
      socket.write(acceptWebSocket(request));
      socket.write(webSocketFrame(xpraPacket(["disconnect", ...behaviour.goodbye])));
      return;
    }
    if (session === undefined) {
      socket.destroy();
      return;
    }
    const relay = connect(session.port, session.host, () => {
      const headers = request.rawHeaders.flatMap((value, index, all) => (index % 2 === 0 ? [`${value}: ${all[index + 1]}`] : []));
      relay.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
      relay.write(head);
      socket.pipe(relay).pipe(socket);
    });
    sockets.add(relay);
    relay.on("error", () => socket.destroy());
    relay.on("close", () => socket.destroy());
    socket.on("close", () => relay.destroy());
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    address: `http://127.0.0.1:${port}`,
    calls,
    behaviour,
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
