import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { imageDigest, withDigest } from "../../../src/images/image-digest.ts";
import type { LocalImage } from "../../../src/images/image-engine.ts";

const digest = `sha256:${"a".repeat(64)}`;
let home = "";
let registry = "";
let server: http.Server;
let asked: string[] = [];
let answer: (request: http.IncomingMessage, response: http.ServerResponse) => void;

beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), "vdi-registry-"));
  asked = [];
  answer = (_, response) => void response.writeHead(200, { "docker-content-digest": digest }).end();
  server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(home, { recursive: true });
});

function login(entry: unknown): void {
  mkdirSync(path.join(home, ".docker"), { recursive: true });
  writeFileSync(path.join(home, ".docker/config.json"), JSON.stringify({ auths: { [registry]: entry } }));
}
const ask = (reference: string, over: Partial<Parameters<typeof imageDigest>[1]> = {}) =>
  imageDigest(reference, { env: { HOME: home }, timeoutMs: 20_000, ...over });
const basic = `Basic ${Buffer.from("ann:s3cret").toString("base64")}`;

function engineWith(repoDigests: readonly string[]) {
  const image: LocalImage = { id: "x", bytes: 1, labels: {}, identity: "x", repoDigests };
  return { inspect: async () => image };
}

describe("the digest of an image", () => {
  it("is asked of the registry, without fetching anything", async () => {
    expect(await ask(`${registry}/group/vdi-base`)).toEqual({ digest, from: "registry" });
    expect(await ask(`${registry}/vdi-base:v1`)).toEqual({ digest, from: "registry" });
    expect(asked).toEqual(["HEAD /v2/group/vdi-base/manifests/latest", "HEAD /v2/vdi-base/manifests/v1"]);
  });

  it("is that of the reference when it has one", async () => {
    expect(await ask(`${registry}/vdi-base@${digest}`)).toEqual({ digest, from: "reference" });
    expect(asked).toEqual([]);
  });

  it("takes docker's own sign-in", async () => {
    answer = (request, response) => {
      if (request.headers.authorization === basic) response.writeHead(200, { "docker-content-digest": digest }).end();
      else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    };
    expect((await ask(`${registry}/a`)).digest).toBeUndefined();
    login({ auth: Buffer.from("ann:s3cret").toString("base64") });
    expect(await ask(`${registry}/a`)).toEqual({ digest, from: "registry" });
  });

  it("takes a token where the registry sends one for it", async () => {
    login({ auth: Buffer.from("ann:s3cret").toString("base64") });
    answer = (request, response) => {
      if (request.url?.startsWith("/token") === true) {
        if (request.headers.authorization !== basic) return void response.writeHead(401).end();
        return void response.writeHead(200).end(JSON.stringify({ token: "t0ken" }));
      }
      if (request.headers.authorization === "Bearer t0ken") return void response.writeHead(200, { "docker-content-digest": digest }).end();
      response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${registry}/token",service="reg",scope="repository:a:pull"` })
        .end();
    };
    expect(await ask(`${registry}/a`)).toEqual({ digest, from: "registry" });
    expect(asked).toContain("GET /token?service=reg&scope=repository%3Aa%3Apull");
  });

  it("sends no password in the clear to another machine that the registry names", async () => {
    login({ auth: Buffer.from("ann:s3cret").toString("base64") });
    answer = (_, response) => void response.writeHead(401, { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' }).end();
    expect(await ask(`${registry}/a`)).toEqual({
      digest: undefined,
      missing: false,
      why: `${registry} wants a sign-in at 192.0.2.1 without encryption`,
    });
  });

  it("is not there when the registry does not have the image, whatever this machine once pushed", async () => {
    answer = (_, response) => void response.writeHead(404).end();
    const engine = engineWith([`${registry}/a@${digest}`]);
    expect(await ask(`${registry}/a:v2`, { engine })).toEqual({ digest: undefined, missing: true, why: `${registry} has no a:v2` });
  });

  it("is what the engine last pushed there when the registry does not answer", async () => {
    const engine = engineWith([`other.example/a@sha256:${"b".repeat(64)}`, `127.0.0.1:1/a@${digest}`]);
    expect(await ask("127.0.0.1:1/a", { engine })).toEqual({ digest, from: "engine" });
    const unknown = await ask("127.0.0.1:1/a", { engine: engineWith([]) });
    expect(unknown).toMatchObject({ digest: undefined, why: expect.stringContaining("ECONNREFUSED") });
  });

  it("gives up on a registry that does not answer in time", async () => {
    answer = () => undefined;
    expect(await ask(`${registry}/a`, { timeoutMs: 100 })).toEqual({
      digest: undefined,
      missing: false,
      why: `${registry} did not answer in time`,
    });
  });

  it("is asked by http where the registry answers a TLS hello by it", async () => {
    const elsewhere = registry.replace("127.0.0.1", "0.0.0.0");
    expect(await ask(`${elsewhere}/a`)).toEqual({ digest, from: "registry" });
    expect(asked).toEqual(["HEAD /v2/a/manifests/latest"]);
  });

  it.each<[string, (socket: net.Socket) => void]>([
    ["is reset", (socket) => socket.resetAndDestroy()],
    ["is closed", (socket) => socket.end()],
    ["is refused by an alert", (socket) => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40]))],
  ])("is not asked by http where a TLS handshake %s", async (_how, end) => {
    const isTls = (first: Buffer): boolean => first[0] === 0x16;
    const between = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (first) => {
        if (isTls(first)) return end(socket);
        socket.end(`HTTP/1.1 200 OK\r\ndocker-content-digest: ${digest}\r\ncontent-length: 0\r\n\r\n`);
      });
    });
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
    expect(await ask(`0.0.0.0:${(between.address() as AddressInfo).port}/a`)).toMatchObject({ digest: undefined, missing: false });
    await new Promise((resolve) => between.close(resolve));
  });

  it("takes no digest that is none", async () => {
    answer = (_, response) => void response.writeHead(200, { "docker-content-digest": "sha256:$(x)" }).end();
    expect((await ask(`${registry}/a`)).digest).toBeUndefined();
  });
});

describe("a reference with a digest", () => {
  it.each([
    ["r.example:5000/vdi-base", `r.example:5000/vdi-base@${digest}`],
    ["r.example:5000/vdi-base:v1", `r.example:5000/vdi-base@${digest}`],
    [`vdi-base@sha256:${"b".repeat(64)}`, `vdi-base@${digest}`],
  ])("%s", (reference, expected) => {
    expect(withDigest(reference, digest)).toBe(expected);
  });
});
