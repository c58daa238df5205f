import { once } from "node:events";
import { type AddressInfo, createServer, type Server, Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { tcpConnect } from "../../../src/runtimes/tcp-connect.ts";

let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  vi.restoreAllMocks();
  server.close();
});

it("tells who listens from who does not", async () => {
  expect(await tcpConnect("127.0.0.1", port, 20_000)).toBe("open");
  server.close();
  await once(server, "close");
  expect(await tcpConnect("127.0.0.1", port, 20_000)).toBe("refused");
});

it("does not believe a connect that ended without an error and without another side", async () => {
  // As it was seen once in 228 times at an address that nobody has: the error comes behind it.
  vi.spyOn(Socket.prototype as unknown as { _getpeername(): object }, "_getpeername").mockReturnValue({});
  expect(await tcpConnect("127.0.0.1", port, 20_000)).toBe("silent");
});
