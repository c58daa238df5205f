import { existsSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sessionContainerBody } from "../../../src/engine/docker-container.ts";
import { endingName, homeVolumeName, newParts, sessionObject } from "../../../src/engine/docker-names.ts";
import { type EngineClient, type EngineRequest, engineClient } from "../../../src/engine/engine-client.ts";
import { identityFiles } from "../../../src/runtimes/docker-files.ts";
import type { SessionState } from "../../../src/session/session-state.ts";
import { sessionImage } from "../support/images.ts";
import { eventually } from "../support/wait.ts";
import { connected, runtimeContract } from "./contract.ts";
import { type DockerPlace, dockerPlace } from "./docker-place.ts";
import { newUser, requestOf, untilState } from "./place.ts";
import { reachedBySession, startMany, untilReached } from "./reach.ts";

// The contract on the engine that is there, and what only an engine has.
const socket = "/var/run/docker.sock";
const quiet = (): undefined => undefined;
const isReady = ({ state }: SessionState): boolean => state === "ready";
const isAbsent = ({ state }: SessionState): boolean => state === "absent";
let place: DockerPlace;

beforeAll(async () => {
  place = await dockerPlace({ socket, namespace: `contract-${process.pid}`, image: sessionImage, network: "10.214.0.0/23" });
});

afterAll(async () => {
  await place?.remove();
});

runtimeContract("Docker", () => place);

/** What a broker leaves that dies between making a container and starting it. */
async function makeOnly(request: ReturnType<typeof requestOf>): Promise<string> {
  const config = place.config();
  const { identityDirectory } = config.docker;
  const parts = newParts(request.name);
  await identityFiles(() => identityDirectory).write(parts, request.user);
  const { Id: id } = await place.client.json<{ Id: string }>({
    method: "POST",
    path: "/containers/create",
    query: { name: sessionObject(config.namespace, request.name) },
    body: sessionContainerBody(config, request, parts, identityDirectory),
  });
  return id;
}

/** A client that stands still, on demand, before it looks for the networks that it is to remove. */
function slowClient(): { readonly client: EngineClient; hold(): () => Promise<void> } {
  const client = engineClient(socket);
  let gate: Promise<void> | undefined;
  let stood: () => void = quiet;
  let done: () => void = quiet;
  return {
    client: {
      ...client,
      async json<T>(request: EngineRequest): Promise<T> {
        if (request.path === "/networks" && gate !== undefined) {
          stood();
          await gate;
        }
        return client.json<T>(request);
      },
      send: (request) =>
        client.send(request).finally(() => request.method === "DELETE" && request.path.startsWith("/containers/") && done()),
    },
    /** What it gives lets go, once there is something that stands still, and waits until the container's removal has been tried. */
    hold() {
      const stands = new Promise<void>((resolve) => {
        stood = resolve;
      });
      const isDone = new Promise<void>((resolve) => {
        done = resolve;
      });
      let open: () => void = quiet;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return async () => {
        await stands;
        open();
        await isDone;
      };
    },
  };
}

describe("Docker: what a dead broker has begun", () => {
  // Any other one that lived would do the work.
  beforeEach(() => place.killBrokers());

  it("is finished by the next one: a container that was made and not started", async () => {
    const broker = place.broker();
    await broker.runtime.known(20_000);
    const request = requestOf(place.config(), newUser(), "listening");
    const id = await makeOnly(request);
    expect(await untilState(broker, request.name, ({ state }) => state !== "absent")).toMatchObject({ state: "starting", instance: id });
    const opened = await broker.sessions.getOrStart(request.user, "listening", quiet);
    expect(opened.address.secret).toBe(request.secret);
    expect(broker.runtime.look(request.name).status).toMatchObject({ state: "ready", instance: id });
    expect(await place.count(request.name)).toBe(1);
  });

  it("is finished by the next one: an end that was recorded and not carried out", async () => {
    const first = place.broker();
    const { name } = await first.sessions.getOrStart(newUser(), "listening", quiet);
    const status = await untilState(first, name, isReady);
    if (status.state !== "ready") throw new Error("not ready");
    first.kill();
    const renamed = endingName(place.config().namespace, name, status.instance);
    await place.client.send({ method: "POST", path: `/containers/${status.instance}/rename`, query: { name: renamed } });
    const second = place.broker();
    await second.runtime.known(20_000);
    // It may have carried it out by now.
    expect(["ending", "absent"]).toContain(second.runtime.look(name).status.state);
    await untilState(second, name, isAbsent);
    expect(await place.count(name)).toBe(0);
    expect(await place.parts(name)).toEqual([]);
  });

  it("is swept: the network and the files of a container that somebody removed by hand", async () => {
    const first = place.broker();
    const { name } = await first.sessions.getOrStart(newUser(), "listening", quiet);
    first.kill();
    const { namespace, docker } = place.config();
    await place.client.send({
      method: "DELETE",
      path: `/containers/${sessionObject(namespace, name)}`,
      query: { force: true, v: true },
    });
    const [parts = "", ...more] = await place.parts(name);
    expect(more).toEqual([parts]);
    // Files alone, with no network, may be those of a session that is just being made while they are fresh.
    const { name: files } = requestOf(place.config(), newUser(), "listening");
    await identityFiles(() => docker.identityDirectory).write(newParts(files), newUser());
    const [old = ""] = await place.parts(files);
    await identityFiles(() => docker.identityDirectory).write(newParts(files), newUser());
    const longAgo = new Date(Date.now() - 600_000);
    await utimes(join(docker.identityDirectory, old), longAgo, longAgo);
    const second = place.broker();
    await second.runtime.known(20_000);
    const left = async (): Promise<readonly string[]> => [...(await place.parts(name)), ...(await place.parts(files))];
    await eventually("the sweep", left, (all) => !all.includes(parts) && !all.includes(old));
    expect(await place.parts(files)).toHaveLength(1);
  });
});

describe("Docker: a session", () => {
  it("loses nothing to a broker that is late in clearing up after the one before", async () => {
    place.killBrokers();
    const slow = slowClient();
    const [quick, late] = [place.broker(), place.broker({ client: slow.client })];
    await late.runtime.known(20_000);
    const user = newUser();
    const { name, address } = await quick.sessions.getOrStart(user, "listening", quiet);
    await untilState(late, name, isReady);
    const socket = await connected(address);
    socket.on("error", quiet).write("end 3\n");
    await Promise.all([quick, late].map((broker) => untilState(broker, name, ({ state }) => state === "failed")));
    const letGo = slow.hold();
    await quick.sessions.getOrStart(user, "listening", quiet);
    const next = await place.parts(name);
    expect(next).toHaveLength(2);
    await letGo();
    expect(await place.parts(name)).toEqual(next);
    expect(await untilState(late, name, isReady)).toEqual(await untilState(quick, name, isReady));
  });

  it("leaves nothing but its user's home", async () => {
    const broker = place.broker();
    const user = newUser();
    const { name } = await broker.sessions.getOrStart(user, "listening", quiet);
    const container = sessionObject(place.config().namespace, name);
    const { Mounts: mounts } = await place.client.json<{ Mounts: readonly { Destination: string; Name?: string; Source: string }[] }>({
      path: `/containers/${container}/json`,
    });
    const scratch = mounts.find(({ Destination: at }) => at === "/tmp")?.Source ?? "";
    const home = await place.exec(container, [
      "sh",
      "-c",
      "echo kept >$HOME/file; stat -c '%a %U' $HOME; cat /proc/mounts | grep -c ' / .*ro'",
    ]);
    expect(home.output).toMatch(new RegExp(`^700 ${user.name}\\s+1\\s*$`));
    expect(existsSync(scratch)).toBe(true);
    await broker.sessions.end(user, "listening");
    await untilState(broker, name, isAbsent);
    expect(existsSync(scratch)).toBe(false);
    expect(await place.parts(name)).toEqual([]);
    const again = await broker.sessions.getOrStart(user, "listening", quiet);
    expect((await place.exec(container, ["sh", "-c", "cat $HOME/file"])).output.trim()).toBe("kept");
    expect(again.started).toBe(true);
    const volume = await place.client.json<{ Labels: object }>({ path: `/volumes/${homeVolumeName(place.config().namespace, user.name)}` });
    expect(volume.Labels).toMatchObject({ "vdi.xpra.org/component": "home", "vdi.xpra.org/owner": user.name });
  });

  it("has its limits and nothing of the engine's", async () => {
    const broker = place.broker();
    const { name } = await broker.sessions.getOrStart(newUser(), "listening", quiet);
    const container = sessionObject(place.config().namespace, name);
    const inside = async (command: string): Promise<string> => (await place.exec(container, ["sh", "-c", command])).output.trim();
    expect(
      await inside("find / -xdev -name '*docker*.sock' 2>/dev/null; ls /var/run/docker.sock /run/docker.sock 2>/dev/null | wc -l"),
    ).toBe("0");
    expect(await inside("grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '")).toMatch(
      /CapEff: 0{16}\s+CapBnd: 0{16}\s+NoNewPrivs: 1\s+Seccomp: 2/,
    );
    expect(await inside("touch /usr/x 2>&1; touch /etc/x 2>&1")).toMatch(/Read-only.*\s+.*Read-only/);
    expect(await inside("touch /etc/passwd 2>&1")).toMatch(/Read-only|denied/);
  });
});

describe("Docker: no session reaches another, the proxy reaches all", () => {
  let proxy: string;

  beforeAll(async () => {
    proxy = await place.startProxy();
  });

  it("with two, also when the proxy has been started anew", async () => {
    const broker = place.broker();
    await broker.runtime.known(20_000);
    const sessions = await startMany(place, broker, 2);
    const hosts = sessions.map(({ host }) => host).sort();
    for (const { container, host } of sessions) expect(await reachedBySession(place, container, hosts)).toEqual([host]);
    await untilReached(place, proxy, hosts);

    await place.client.send({ method: "DELETE", path: `/containers/${proxy}`, query: { force: true } });
    proxy = await place.startProxy();
    await untilReached(place, proxy, hosts);
  });

  it("starts again after sessions have ended while it stood still, and their networks go then", async () => {
    place.killBrokers();
    const broker = place.broker();
    await broker.runtime.known(20_000);
    const user = newUser();
    const { name } = await broker.sessions.getOrStart(user, "listening", quiet);
    await place.client.send({ method: "POST", path: `/containers/${proxy}/stop` });
    const [network] = await place.parts(name);
    await broker.sessions.end(user, "listening");
    await untilState(broker, name, isAbsent);
    expect(await place.parts(name)).toEqual([network]);
    await place.client.send({ method: "POST", path: `/containers/${proxy}/start` });
    await eventually(
      "the end of the network",
      () => place.parts(name),
      (parts) => parts.length === 0,
    );
  });
});
