import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { SessionRefusal } from "../../../src/session/refusal.ts";
import type { SessionAddress, SessionState } from "../../../src/session/session-state.ts";
import { type Broker, newUser, type Place, requestOf, untilState } from "./place.ts";

const quiet = (): undefined => undefined;
const isReady = ({ state }: SessionState): boolean => state === "ready";
const isAbsent = ({ state }: SessionState): boolean => state === "absent";
const isFailed = ({ state }: SessionState): boolean => state === "failed";

/** A connection to a session's port, as Xpra's clients have one. */
export async function connected({ host, port }: SessionAddress): Promise<Socket> {
  const socket = connect({ host, port });
  socket.setTimeout(30_000, () => socket.destroy(new Error(`${host}:${port} says nothing for 30 s`)));
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

/** Waits until a broker reaches a session: a single try lasts half a second, in which a busy machine may not get to it. */
export async function expectOpen({ runtime }: Broker, name: string, address: SessionAddress): Promise<void> {
  await expect.poll(() => runtime.connect(name, address), { timeout: 20_000, interval: 300 }).toBe("open");
}

async function instanceOf(broker: Broker, session: string): Promise<string> {
  const status = await untilState(broker, session, ({ state }) => state !== "absent");
  return status.state === "absent" ? "" : status.instance;
}

/** What holds of every `SessionRuntime`, tried where sessions really run. `place` is asked when the first test runs. */
export function runtimeContract(title: string, place: () => Place): void {
  describe(`${title}: a session`, () => {
    it("is created, tells its phases, becomes ready and lets in", async () => {
      const broker = place().broker();
      expect(await broker.runtime.known(20_000)).toBe(true);
      const request = requestOf(place().config(), newUser(), "listening");
      expect(broker.runtime.look(request.name).status).toEqual({ state: "absent" });
      const seen: string[] = [];
      const stop = broker.runtime.onChange(request.name, () => {
        const { status } = broker.runtime.look(request.name);
        const words = status.state === "starting" ? status.message : status.state;
        if (seen.at(-1) !== words) seen.push(words);
      });
      expect(await broker.runtime.create(request)).toBe("created");
      const status = await untilState(broker, request.name, isReady);
      stop();
      expect(seen.at(-1)).toBe("ready");
      expect(seen).toContain("The script is being started.");
      expect(broker.runtime.look(request.name).owner).toEqual({ name: request.user.name, uid: request.user.uid });
      if (status.state !== "ready") throw new Error("not ready");
      expect(status.address).toMatchObject({ port: 14500, secret: request.secret });
      await expectOpen(broker, request.name, status.address);
      expect(broker.runtime.count()).toMatchObject({ ready: expect.any(Number) });
    });

    it("becomes ready with Xpra itself", async () => {
      const broker = place().broker();
      const opened = await broker.sessions.getOrStart(newUser(), "desktop-failsafe", quiet);
      expect(opened).toMatchObject({ started: true });
      const socket = await connected(opened.address);
      socket.destroy();
    });

    it("is adopted by a broker that did not make it", async () => {
      const [one, other] = [place().broker(), place().broker()];
      await other.runtime.known(20_000);
      const request = requestOf(place().config(), newUser(), "listening");
      expect(await one.runtime.create(request)).toBe("created");
      expect(await other.runtime.create({ ...request, secret: "AnotherSecret987654321" })).toBe("exists");
      expect(other.runtime.look(request.name).status.state).not.toBe("absent");
      const states = await Promise.all([one, other].map((broker) => untilState(broker, request.name, isReady)));
      expect(states[1]).toEqual(states[0]);
      expect(states[0]).toMatchObject({ address: { secret: request.secret } });
    });

    it("is one, however many brokers and calls want it at once", async () => {
      const brokers = [place().broker(), place().broker()];
      const users = [newUser(), newUser(), newUser()];
      for (const user of users) {
        const calls = brokers.flatMap(({ sessions }) => [1, 2, 3].map(() => sessions.getOrStart(user, "listening", quiet)));
        const answers = await Promise.all(calls);
        expect(new Set(answers.map(({ address }) => `${address.host} ${address.secret}`)).size).toBe(1);
        expect(await place().count(`${user.name}-listening`)).toBe(1);
      }
    });

    it.each([
      ["missing", "image"],
      ["crashing", "crashed"],
      ["brief", "ended"],
      ["hungry", "memory"],
    ])("of the type %s fails for the reason %s, without its password in what the admin is told", async (type, reason) => {
      const broker = place().broker();
      const user = newUser();
      await broker.runtime.known(20_000);
      const request = requestOf(place().config(), user, type);
      // Some runtimes know at once, others only when they have tried.
      const failure = await broker.runtime.create(request).then(
        () => untilState(broker, request.name, isFailed),
        (thrown: unknown) => thrown as SessionRefusal,
      );
      expect(failure).toMatchObject({ reason });
      expect(JSON.stringify(failure)).not.toContain(request.secret);
      // The next try is a new one, and not refused because of the old one.
      await expect(broker.sessions.getOrStart(user, type, quiet)).rejects.toMatchObject({ reason });
    });

    it.each([
      ["end 0", "ended"],
      ["end 3", "crashed"],
      ["eat", "memory"],
    ])("that does %s once it runs is known to have %s, and the next one tells why", async (words, reason) => {
      const broker = place().broker();
      const user = newUser();
      const { address, name } = await broker.sessions.getOrStart(user, "listening", quiet);
      const socket = await connected(address);
      socket.on("error", quiet);
      socket.write(`${words}\n`);
      expect(await untilState(broker, name, isFailed)).toMatchObject({ reason });
      socket.destroy();
      const next = await broker.sessions.getOrStart(user, "listening", quiet);
      expect(next.address.secret).not.toBe(address.secret);
      expect(next.notice === undefined).toBe(reason === "ended");
      expect(await place().count(name)).toBe(1);
    });

    it("is removed with its grace, by its instance and no other, and is then absent everywhere", async () => {
      const [one, other] = [place().broker(), place().broker()];
      const { address, name } = await one.sessions.getOrStart(newUser(), "listening", quiet);
      const instance = await instanceOf(other, name);
      await one.runtime.remove(name, `${instance.slice(0, -4)}0000`).catch(quiet);
      await expectOpen(one, name, address);
      const socket = await connected(address);
      const said = text(socket);
      // Who was answered is told of the end.
      socket.write("say here\n");
      await once(socket, "data");
      await other.runtime.remove(name, instance);
      expect(other.runtime.look(name).status).toMatchObject({ state: "ending", overdue: false });
      expect(await said).toBe("here\nsaving\nsaved\n");
      await Promise.all([one, other].map((broker) => untilState(broker, name, isAbsent)));
      expect(await place().count(name)).toBe(0);
    });

    it("that is another's is refused, and left alone", async () => {
      const broker = place().broker();
      const user = newUser();
      await place().plantForeign(`${user.name}-listening`);
      await expect(broker.sessions.getOrStart(user, "listening", quiet)).rejects.toMatchObject({ reason: "foreign" });
      expect(await place().count(`${user.name}-listening`)).toBe(1);
      // What is remembered would be removed when its time has come.
      expect(broker.runtime.look(`${user.name}-listening`)).toEqual({ status: { state: "absent" } });
      const owner = newUser();
      const { name } = await broker.sessions.getOrStart(owner, "listening", quiet);
      await expect(broker.sessions.getOrStart({ ...owner, uid: 29_999 }, "listening", quiet)).rejects.toMatchObject({ reason: "foreign" });
      expect((await untilState(broker, name, isReady)).state).toBe("ready");
    });

    it("that finds no room is told so, and starts once there is room", async () => {
      const broker = place().broker();
      const user = newUser();
      const makeRoom = await place().fill();
      try {
        await expect(broker.sessions.getOrStart(user, "listening", quiet)).rejects.toMatchObject({ reason: "no-room" });
      } finally {
        await makeRoom();
      }
      // Who counts the places hears of it a moment later.
      const again = (): Promise<unknown> => broker.sessions.getOrStart(user, "listening", quiet).catch((refusal: unknown) => refusal);
      await expect.poll(again, { timeout: 30_000, interval: 500 }).toMatchObject({ started: true });
    });
  });

  describe(`${title}: a broker`, () => {
    it("that starts anew knows everything", async () => {
      const first = place().broker();
      const user = newUser();
      const running = await first.sessions.getOrStart(user, "listening", quiet);
      await expect(first.sessions.getOrStart(user, "crashing", quiet)).rejects.toMatchObject({ reason: "crashed" });
      const before = first.runtime.look(`${user.name}-crashing`);
      first.kill();
      const second = place().broker();
      expect(await second.runtime.known(20_000)).toBe(true);
      expect(second.runtime.look(`${user.name}-crashing`)).toEqual(before);
      const found = await second.sessions.getOrStart(user, "listening", quiet);
      expect(found).toMatchObject({ started: false, address: running.address });
    });

    it("that is killed while its session starts is missed by nobody", async () => {
      const first = place().broker();
      const user = newUser();
      void first.sessions.getOrStart(user, "listening", quiet).catch(quiet);
      await untilState(first, `${user.name}-listening`, ({ state }) => state !== "absent");
      first.kill();
      const second = place().broker();
      const opened = await second.sessions.getOrStart(user, "listening", quiet);
      await expectOpen(second, opened.name, opened.address);
      expect(await place().count(opened.name)).toBe(1);
    });

    it("removes what is over when its time has come, whoever started it", async () => {
      const first = place().broker();
      const user = newUser();
      await expect(first.sessions.getOrStart(user, "brief", quiet)).rejects.toMatchObject({ reason: "ended" });
      first.kill();
      const second = place().broker({ keep: { endedSeconds: 1, failedSeconds: 600, pendingSeconds: 600, elsewhereSeconds: 0 } });
      await second.runtime.known(20_000);
      await untilState(second, `${user.name}-brief`, isAbsent);
      expect(await place().count(`${user.name}-brief`)).toBe(0);
    });
  });
}
