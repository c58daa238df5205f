import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectEngine } from "../../../src/images/engine.ts";
import { isAbort, VdiError } from "../../../src/util/vdi-error.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("connectEngine", () => {
  it.each([
    ["a port that is none", { DOCKER_HOST: "tcp://127.0.0.1:99999" }],
    ["certificates that are not there", { DOCKER_HOST: "tcp://127.0.0.1:1", DOCKER_CERT_PATH: "/nonexistent" }],
  ])("says in words that it cannot be reached with %s", async (_, env) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const thrown: unknown = await connectEngine().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(VdiError);
    expect(thrown).toMatchObject({ what: `the container engine at ${env.DOCKER_HOST} does not answer`, exitCode: 5 });
  });

  describe("an engine that accepts and says nothing", () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
    let directory = "";
    beforeEach(async () => {
      directory = mkdtempSync(path.join(tmpdir(), "vdi-silent-engine-"));
      const file = path.join(directory, "docker.sock");
      await new Promise<void>((resolve) => server.listen(file, resolve));
      vi.stubEnv("DOCKER_HOST", `unix://${file}`);
    });
    afterEach(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    });

    it("is waited for until a deadline", async () => {
      const thrown: unknown = await connectEngine({ timeoutMs: 200 }).catch((error: unknown) => error);
      expect(thrown).toMatchObject({ why: "it said nothing for 0.2 s", exitCode: 5 });
    });

    it("is not waited for after Ctrl-C", async () => {
      const interrupt = new AbortController();
      const connected = connectEngine({ signal: interrupt.signal }).catch((error: unknown) => error);
      await vi.waitUntil(() => sockets.size > 0);
      interrupt.abort();
      expect(isAbort(await connected)).toBe(true);
    });
  });
});
