import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DockerBrokerConfig, parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { type EngineClient, engineClient } from "../../../src/engine/engine-client.ts";
import { dockerRuntime } from "../../../src/runtimes/docker.ts";
import { type EngineEvent, watchEngine } from "../../../src/runtimes/docker-events.ts";
import type { RunningRuntime } from "../../../src/runtimes/running-runtime.ts";
import { type Sessions, sessionsOf } from "../../../src/session/get-or-start.ts";
import { FakeDocker } from "../support/fake-docker.ts";
import { brokerConfigJson, listener, user } from "./fixture.ts";
import { quiet, until } from "./rig.ts";

// Faults that a real engine shows to nobody who asks; everything else is tried on a real one (test/e2e/runtime-contract).
let engine: FakeDocker;
let client: EngineClient;
let stop: AbortController;
let xpra: Awaited<ReturnType<typeof listener>>;

beforeEach(async () => {
  engine = await new FakeDocker().start();
  client = engineClient(engine.socket);
  stop = new AbortController();
  xpra = await listener();
});

afterEach(async () => {
  stop.abort();
  client.close();
  await engine.remove();
  await xpra.close();
});

interface Broker {
  readonly runtime: RunningRuntime;
  readonly sessions: Sessions;
  readonly troubles: string[];
}

function broker(): Broker {
  const docker = { socket: engine.socket, identityDirectory: engine.identities, network: "10.9.0.0/24" };
  const parsed = parseBrokerConfig(JSON.stringify({ ...brokerConfigJson(xpra.port), version: 2, docker }), "test");
  const config = parsed as DockerBrokerConfig;
  const troubles: string[] = [];
  const runtime = dockerRuntime({
    settings: () => config,
    signal: stop.signal,
    onTrouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
  });
  return { runtime, troubles, sessions: sessionsOf({ config: () => config, runtime, timeoutMs: 8_000 }) };
}

describe("the engine's client", () => {
  it.each([
    ["1.24", "/v1.24/info"],
    ["1.41", "/v1.41/info"],
    ["1.44", "/v1.44/info"],
    ["1.51", "/v1.44/info"],
    ["2.0", "/v1.44/info"],
  ])("asks an engine of the version %s at %s", async (version, path) => {
    engine.apiVersion = version;
    await client.send({ path: "/info" }).catch(quiet);
    await client.send({ path: "/info" }).catch(quiet);
    expect(engine.seen).toEqual(["GET /_ping", `GET ${path}`, `GET ${path}`]);
  });

  it("says in the engine's own words what it does not do", async () => {
    engine.faults.push({ method: "GET", path: /info/, does: 500, message: "no space left on device" });
    await expect(client.send({ path: "/info" })).rejects.toMatchObject({ status: 500, message: "no space left on device" });
  });

  it("tells an engine that is away from one that hangs", async () => {
    engine.faults.push({ method: "GET", path: /info/, does: "silent" });
    await expect(client.send({ path: "/info", timeoutMs: 100 })).rejects.toMatchObject({ status: 0, code: "TIMEOUT" });
    await engine.stop();
    await expect(client.send({ path: "/info" })).rejects.toMatchObject({ status: 0, code: expect.stringMatching(/ECONNREFUSED|ENOENT/) });
  });
});

describe("the watch", () => {
  it("lists again after each cut, and goes on when the list fails", async () => {
    let lists = 0;
    const events: EngineEvent[] = [];
    const troubles: unknown[] = [];
    const watch = watchEngine({
      client,
      filters: {},
      signal: stop.signal,
      onOpen: async () => {
        lists += 1;
        await client.send({ path: "/containers/json" });
      },
      onEvent: (event) => events.push(event),
      onTrouble: (error) => troubles.push(error),
    });
    engine.faults.push({ method: "GET", path: /containers/, does: 500 });
    await watch.listed;
    expect(lists).toBe(2);
    engine.cut();
    await until(() => lists === 3 && engine.listeners === 1);
    engine.take("0123");
    await until(() => events.length === 1);
    expect(events[0]).toMatchObject({ Action: "destroy", Actor: { ID: "0123" } });
    stop.abort();
    await watch.done;
  });

  it("connects anew to an engine that says nothing any more", async () => {
    let lists = 0;
    const troubles: string[] = [];
    const watch = watchEngine({
      client: { ...client, send: (request) => client.send({ ...request, timeoutMs: 100 }) },
      filters: {},
      signal: stop.signal,
      pingEveryMs: 50,
      onOpen: async () => {
        lists += 1;
      },
      onEvent: quiet,
      onTrouble: (error) => troubles.push(String(error)),
    });
    await watch.listed;
    engine.faults.push({ method: "GET", path: /_ping/, does: "silent" });
    await until(() => lists === 2);
    expect(troubles).toEqual([expect.stringContaining("no answer within")]);
  });

  it("ends with what a callback throws: its state is not to be trusted", async () => {
    const bug = new Error("bug");
    const watch = watchEngine({
      client,
      filters: {},
      signal: stop.signal,
      onOpen: () => Promise.reject(bug),
      onEvent: quiet,
    });
    await expect(watch.done).rejects.toBe(bug);
    await expect(watch.listed).rejects.toBe(bug);
  });
});

describe("the runtime", () => {
  it("takes a container for its own whose making was not answered", async () => {
    const { runtime, sessions } = broker();
    await runtime.known(5_000);
    engine.faults.push({ method: "POST", path: /containers\/create/, does: "lost" });
    expect(await sessions.getOrStart(user("alice"), "desktop", quiet)).toMatchObject({ started: true });
    expect(engine.containers.size).toBe(1);
    expect(engine.count("POST", /start$/)).toBe(1);
  });

  it("says that the disk is full, and leaves no container that cannot start", async () => {
    const { sessions } = broker();
    engine.faults.push({ method: "POST", path: /start$/, does: 500, message: "mkdir x: no space left on device" });
    const failure = await sessions.getOrStart(user("alice"), "desktop", quiet).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ reason: "no-space", detail: expect.stringContaining("no space left") });
    expect(engine.containers.size).toBe(0);
    expect(await sessions.getOrStart(user("alice"), "desktop", quiet)).toMatchObject({ started: true });
  });

  it("ends a session also when the disk is too full to put its end on record", async () => {
    const { sessions } = broker();
    await sessions.getOrStart(user("alice"), "desktop", quiet);
    engine.faults.push({ method: "POST", path: /rename$/, does: 500, message: "write /x: no space left on device" });
    expect(await sessions.end(user("alice"), "desktop")).toMatchObject({ state: "ending" });
    await until(() => engine.containers.size === 0);
  });

  it.each([
    ["POST", /start$/, "network vdi-vdi-test-s-alice-desktop--0123456789ab not found"],
    ["PUT", /archive$/, "Could not find the file /home in container abc"],
    [
      "POST",
      /start$/,
      'OCI runtime create failed: mounting "/x/passwd" to rootfs at "/etc/passwd" caused: stat /x: no such file or directory',
    ],
  ])("begins again when what clears up came between two steps: %s %s", async (method, at, message) => {
    const { sessions } = broker();
    engine.faults.push({ method, path: at, does: 404, message });
    expect(await sessions.getOrStart(user("alice"), "desktop", quiet)).toMatchObject({ started: true });
    expect(engine.containers.size).toBe(1);
  });

  it("knows after a cut what is gone meanwhile", async () => {
    const { runtime, sessions } = broker();
    const { name } = await sessions.getOrStart(user("alice"), "desktop", quiet);
    const [id = ""] = engine.containers.keys();
    engine.take(id, true);
    expect(runtime.look(name).status.state).toBe("ready");
    engine.cut();
    await until(() => runtime.look(name).status.state === "absent");
  });

  it("says that the engine is away, and goes on when it is back", async () => {
    const { runtime, sessions, troubles } = broker();
    await runtime.known(5_000);
    await engine.stop();
    await expect(sessions.getOrStart(user("alice"), "desktop", quiet)).rejects.toMatchObject({ reason: "away" });
    expect(troubles.length).toBeGreaterThan(0);
    await engine.start();
    await until(() => engine.listeners === 1);
    expect(await sessions.getOrStart(user("alice"), "desktop", quiet)).toMatchObject({ started: true });
  });
});
