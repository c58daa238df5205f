import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { Rig } from "./proxy-image/rig.ts";
import { eventually } from "./support/wait.ts";

// Connections that never go on: whoever does, and the kubelet's probe first of all, is answered all the same.
let rig: Rig | undefined;

afterEach(async () => {
  await rig?.down();
  rig = undefined;
});

const isAlive = async (proxy: Rig): Promise<number> => (await proxy.freshHttp("GET", "/healthz")).status;

/** The page's largest file, as it is for who takes no compressed one: its bytes and its path. */
async function largestFile(proxy: Rig): Promise<[number, string]> {
  const list = "cd /usr/lib/vdi/www && find . -name '*.js' -printf '%s %P\\n' | sort -rn | head -n 1";
  const [bytes, name] = (await proxy.docker("exec", `${proxy.name}-proxy`, "sh", "-c", list)).trim().split(" ");
  return [Number(bytes), `/${name}`];
}

/** A connection by which Xpra's protocol could be spoken now. */
async function openWebSocket(proxy: Rig): Promise<TLSSocket> {
  const socket = connectTls({ host: proxy.host, port: proxy.port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
  );
  await once(socket, "data");
  return socket;
}

describe("a proxy", () => {
  it("tells that it lives while all its connections are taken by requests that do not come to an end", async () => {
    const proxy = await Rig.up(`vdi-test-slow-${process.pid}`, "-e VDI_MAX_HTTP_CONNECTIONS=4");
    rig = proxy;
    const slow = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = connectTls({ host: proxy.host, port: proxy.port, rejectUnauthorized: false });
        socket.on("error", () => undefined);
        await once(socket, "secureConnect");
        socket.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
        // A byte now and then: each of them is in time, the whole is not.
        const drip = setInterval(() => socket.destroyed || socket.write("x"), 2_000);
        socket.once("close", () => clearInterval(drip));
        socket.resume();
        return socket;
      }),
    );
    expect(await isAlive(proxy)).toBe(200);
    await eventually(
      "the slow requests are closed",
      async () => slow.filter((socket) => socket.closed).length,
      (closed) => closed === slow.length,
    );
    expect((await proxy.freshHttp("GET", "/")).status).toBe(200);
  });

  it("gives everybody an answer while more connections than it has places for hardly take theirs", async () => {
    const proxy = await Rig.up(`vdi-test-readers-${process.pid}`, "-e VDI_MAX_HTTP_CONNECTIONS=64");
    rig = proxy;
    const [bytes, path] = await largestFile(proxy);
    const readers = await proxy.slowReaders(path, 80);
    try {
      // Longer than it takes until a connection that takes nothing at all is given up.
      for (const until = performance.now() + 25_000; performance.now() < until; await sleep(1_000)) {
        expect(await isAlive(proxy)).toBe(200);
        const file = await proxy.freshHttp("GET", path);
        expect([file.status, Buffer.byteLength(file.text)]).toEqual([200, bytes]);
        expect((await proxy.http("POST", "/api/v1/ticket", {})).status).toBe(401);
        (await openWebSocket(proxy)).destroy();
      }
      expect((await proxy.raw({ hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
      expect(readers.exitCode).toBeNull();
    } finally {
      // It is in the network that the rig takes down.
      if (readers.kill()) await once(readers, "close");
    }
  });

  it("takes connections in again after it had no thread left for them", async () => {
    const proxy = await Rig.up(`vdi-test-threads-${process.pid}`, "--pids-limit=200");
    rig = proxy;
    const silent = Array.from({ length: 400 }, () => connect(proxy.port, proxy.host).on("error", () => undefined));
    await eventually(
      "the proxy has run out of threads",
      // Nothing can be started in it now, so that its log is read as it is.
      () => proxy.docker("logs", `${proxy.name}-proxy`),
      (log) => log.includes("could not be taken in"),
    );
    for (const socket of silent) socket.destroy();
    await sleep(1_500);
    await eventually(
      "an answer",
      () => isAlive(proxy).catch(() => 0),
      (status) => status === 200,
    );
  });

  it("keeps no place for a connection that turns into something else inside of it", async () => {
    const proxy = await Rig.up(`vdi-test-turning-${process.pid}`, "-e XPRA_MAX_CONCURRENT_CONNECTIONS=6");
    rig = proxy;
    const text = Buffer.from("GET / HTTP/1.1\r\n\r\n");
    for (let turn = 0; turn < 4; turn++) {
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          const socket = await openWebSocket(proxy);
          // One frame; its mask is zero.
          socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | text.length, 0, 0, 0, 0]), text]));
          socket.resume();
          await once(socket, "close");
        }),
      );
    }
    expect((await proxy.raw({ hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
  });

  it("gives the place of a connection that has said nothing for longest to the next one", async () => {
    const proxy = await Rig.up(`vdi-test-silent-${process.pid}`, "-e XPRA_MAX_CONCURRENT_CONNECTIONS=6");
    rig = proxy;
    const silent: TLSSocket[] = [];
    for (let at = 0; at < 20; at++) silent.push((await openWebSocket(proxy)).resume());
    expect(await isAlive(proxy)).toBe(200);
    expect((await proxy.raw({ hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
    await eventually(
      "the oldest are closed",
      async () => silent.map(({ closed }) => closed),
      (closed) => closed.slice(0, 14).every(Boolean),
    );
    for (const socket of silent) socket.destroy();
  });
});
