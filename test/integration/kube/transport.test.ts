import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { explainKubeError } from "../../../src/kube/errors.ts";
import { KubeError, kubePath, kubeTransport } from "../../../src/kube/transport.ts";
import { startWatch } from "../../../src/kube/watch.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

const ends: (() => unknown)[] = [];

async function server(listener: http.RequestListener): Promise<{ url: string; server: http.Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const one = http.createServer(listener);
  one.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    one.close();
    one.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(one.address() as AddressInfo).port}`, server: one, sockets };
}

function status(code: number, reason: string, message: string, more: object = {}): string {
  return JSON.stringify({ kind: "Status", code, reason, message, ...more });
}

async function failure(call: Promise<unknown>): Promise<KubeError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof KubeError) return thrown;
  throw new Error(`not a KubeError: ${String(thrown)}`);
}

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

describe("the transport", () => {
  it("sends what it is given, and asks for headers each time", async () => {
    let token = 0;
    const { url } = await server((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { authorization, "content-type": type } = request.headers;
        response.setHeader("Warning", '299 - "unknown field \\"x\\"", 299 - "second"');
        response.end(
          JSON.stringify({ url: request.url, method: request.method, authorization, type, body: Buffer.concat(chunks).toString() }),
        );
      });
    });
    const transport = kubeTransport({ server: `${url}/prefix/`, headers: () => ({ authorization: `Bearer ${++token}` }) });
    await transport.json({ path: "/version" });
    const { body, warnings } = await transport.request({
      method: "PATCH",
      path: kubePath("api", "v1", "a/b?c"),
      query: { force: true, none: undefined, q: "a b&c" },
      body: { ä: 1 },
      contentType: "application/apply-patch+yaml",
    });
    expect(JSON.parse(body)).toEqual({
      url: "/prefix/api/v1/a%2Fb%3Fc?force=true&q=a+b%26c",
      method: "PATCH",
      authorization: "Bearer 2",
      type: "application/apply-patch+yaml",
      body: '{"ä":1}',
    });
    expect(warnings).toEqual(['unknown field "x"', "second"]);
    transport.close();
  });

  it("uses one connection for one request after the other, and goes on when the server has closed it", async () => {
    const { url, sockets } = await server((request, response) => response.end(JSON.stringify({ port: request.socket.remotePort })));
    const transport = kubeTransport({ server: url });
    for (let at = 0; at < 5; at += 1) await transport.json({ path: "/x" });
    expect(sockets.size).toBe(1);
    const killed = await server((_, response) => response.end("{}"));
    const other = kubeTransport({ server: killed.url });
    let requests = 0;
    killed.server.on("connection", (socket) => socket.on("data", () => (++requests === 2 ? socket.resetAndDestroy() : undefined)));
    await other.json({ path: "/x" });
    await expect(other.json({ path: "/x" })).resolves.toEqual({});
    transport.close();
    other.close();
  });

  it("tells a refusal by status, reason and fields", async () => {
    const { url } = await server((request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      if (response.statusCode === 422)
        response.end(status(422, "Invalid", "is invalid", { details: { causes: [{ field: "spec.x", message: "Required value" }] } }));
      else if (response.statusCode === 429) response.setHeader("retry-after", "3").end();
      else response.end("<html>bad gateway</html>");
    });
    const transport = kubeTransport({ server: url });
    expect(await failure(transport.json({ path: "/422" }))).toMatchObject({
      status: 422,
      reason: "Invalid",
      causes: [{ field: "spec.x", message: "Required value" }],
    });
    expect(await failure(transport.json({ path: "/429" }))).toMatchObject({ status: 429, reason: "TooManyRequests", retryAfterMs: 3000 });
    expect(await failure(transport.json({ path: "/502" }))).toMatchObject({ status: 502, message: "<html>bad gateway</html>" });
    expect(await failure(transport.stream({ path: "/403" }))).toMatchObject({ status: 403, reason: "Forbidden" });
    transport.close();
  });

  it("tells a server that is away, silent, cut off or no API server from one another", async () => {
    expect(await failure(kubeTransport({ server: "http://127.0.0.1:1" }).json({ path: "/x" }))).toMatchObject({
      status: 0,
      reason: "Unreachable",
    });
    const { url } = await server((request, response) => {
      if (request.url === "/half") response.writeHead(200, { "content-length": 100 }).write("{");
      if (request.url === "/half-refusal") response.writeHead(503, { "content-length": 100 }).write("{");
      if (request.url === "/cut") response.writeHead(200, { "content-length": 100 }).write("{", () => response.destroy());
      if (request.url === "/text") response.end("hello");
    });
    const transport = kubeTransport({ server: url });
    expect(await failure(transport.json({ path: "/silent", timeoutMs: 50 }))).toMatchObject({ reason: "TimedOut" });
    expect(await failure(transport.json({ path: "/half", timeoutMs: 50 }))).toMatchObject({ reason: "TimedOut" });
    // By the headers, unless the machine is so slow that not even they came in time.
    const { reason } = await failure(transport.json({ path: "/half-refusal", timeoutMs: 50 }));
    expect(["ServiceUnavailable", "TimedOut"]).toContain(reason);
    expect(await failure(transport.json({ path: "/cut" }))).toMatchObject({ reason: "Unreachable" });
    expect(await failure(transport.json({ path: "/text" }))).toMatchObject({ reason: "InvalidAnswer" });
    const stop = new AbortController();
    const aborted = transport.json({ path: "/silent", signal: stop.signal });
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    transport.close();
  });

  it("has words for people", async () => {
    const away = await failure(kubeTransport({ server: "http://127.0.0.1:1" }).json({ path: "/x" }));
    const words = explainKubeError(away, "the deployment could not be read");
    expect(words).toBeInstanceOf(VdiError);
    expect(words).toMatchObject({ what: "the deployment could not be read", exitCode: 5 });
    const quota = new KubeError({ status: 403, reason: "Forbidden", message: "exceeded quota: x", request: { path: "/x" } });
    expect(explainKubeError(quota, "x")).toMatchObject({ exitCode: 1, tries: [expect.stringContaining("ResourceQuota")] });
    expect(explainKubeError(new TypeError("bug"), "x")).toBeInstanceOf(TypeError);
  });
});

describe("a watch", () => {
  interface Thing {
    metadata: { name: string; resourceVersion: string };
  }

  /** A server whose watches do what the test says, in turn. */
  async function watched(watches: ((response: http.ServerResponse) => void)[], silenceMs = 5_000) {
    const seen: string[] = [];
    const { url } = await server((request, response) => {
      const query = new URL(request.url ?? "", "http://x").searchParams;
      const watch = query.get("watch") === "true";
      seen.push(watch ? `watch ${query.get("resourceVersion")}` : "list");
      if (!watch)
        response.end(JSON.stringify({ metadata: { resourceVersion: "10" }, items: [{ metadata: { name: "a", resourceVersion: "9" } }] }));
      else {
        response.writeHead(200).flushHeaders();
        watches.shift()?.(response);
      }
    });
    const told: string[] = [];
    const stop = new AbortController();
    ends.push(() => stop.abort());
    const watch = startWatch<Thing>({
      transport: kubeTransport({ server: url }),
      path: "/things",
      signal: stop.signal,
      silenceMs,
      onList: (things) => told.push(`list ${things.map(({ metadata }) => metadata.name).join(" ")}`),
      onEvent({ type, object }) {
        if (object.metadata.name === "bad") throw new Error("callback");
        told.push(`${type} ${object.metadata.name}`);
      },
      onTrouble: (error) => told.push(`trouble ${String((error as Error).message)}`),
    });
    const until = async (count: number): Promise<void> => {
      await expect.poll(() => seen.length, { timeout: 20_000, interval: 5 }).toBeGreaterThanOrEqual(count);
    };
    return { seen, told, stop, watch, until };
  }

  function event(type: string, name: string, version: string): string {
    return `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: version } } })}\n`;
  }

  it("goes on from the last version, bookmarks included, when the server ends it", async () => {
    const { seen, told, until } = await watched([
      (response) => response.end(event("ADDED", "b", "11") + event("BOOKMARK", "", "15")),
      (response) => {
        const text = event("DELETED", "bü", "16");
        response.write(text.slice(0, 40));
        setTimeout(() => response.write(text.slice(40)), 20);
      },
    ]);
    await until(3);
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(3);
    expect(seen).toEqual(["list", "watch 10", "watch 15"]);
    expect(told).toEqual(["list a", "ADDED b", "DELETED bü"]);
  });

  it("lists again when its version is too old, as a status or as an event", async () => {
    const { seen, told, until } = await watched([
      (response) => response.end(`${JSON.stringify({ type: "ERROR", object: { code: 410, reason: "Expired", message: "too old" } })}\n`),
      () => undefined,
    ]);
    await until(4);
    expect(seen).toEqual(["list", "watch 10", "list", "watch 10"]);
    // Where nothing happens a version grows old by itself: no trouble, unless it goes on.
    expect(told).toEqual(["list a", "list a"]);
  });

  it("leaves a connection on which nothing comes any more, without a list", async () => {
    const { seen, told, until } = await watched([() => undefined, () => undefined, () => undefined], 50);
    await until(3);
    expect(seen.slice(0, 3)).toEqual(["list", "watch 10", "watch 10"]);
    expect(told).toEqual(["list a"]);
  });

  it("does not ask in a tight loop when every watch ends at once", async () => {
    const { seen } = await watched(Array.from({ length: 100 }, () => (response: http.ServerResponse) => response.end()));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(seen.length).toBeLessThan(8);
  });

  it("ends with the error of a callback", async () => {
    const { watch } = await watched([(response) => response.write(event("ADDED", "bad", "11"))]);
    await watch.listed;
    await expect(watch.done).rejects.toThrow("callback");
  });

  it("ends quietly when it is told to", async () => {
    const { watch, stop } = await watched([() => undefined]);
    await watch.listed;
    stop.abort();
    await expect(watch.done).resolves.toBeUndefined();
  });
});
