import { afterAll, beforeAll, expect, it } from "vitest";
import type { SessionState } from "../../../src/session/session-state.ts";
import { sessionImage } from "../support/images.ts";
import { type DockerPlace, dockerPlace } from "./docker-place.ts";
import { type OwnEngine, ownEngine } from "./own-engine.ts";
import { newUser, requestOf, untilState } from "./place.ts";

// An engine of this test's own is stopped and killed: what brokers know then, and what they tell users.
const isReady = ({ state }: SessionState): boolean => state === "ready";
const isFailed = ({ state }: SessionState): boolean => state === "failed";
let engine: OwnEngine;
let place: DockerPlace;

beforeAll(async () => {
  engine = await ownEngine();
  await engine.start();
  await engine.load(sessionImage);
  place = await dockerPlace({ socket: engine.socket, namespace: "restart", image: sessionImage, network: "10.215.0.0/24" });
  await place.startProxy();
});

afterAll(async () => {
  try {
    await place?.remove();
  } finally {
    await engine?.remove();
  }
});

it.each(["SIGTERM", "SIGKILL"] as const)(
  "an engine that ends by %s: sessions are known to have ended by their machine, and start again",
  async (signal) => {
    const [early, user] = [place.broker(), newUser()];
    await early.runtime.known(20_000);
    const request = requestOf(place.config(), user, "listening");
    await early.runtime.create(request);
    await untilState(early, request.name, isReady);
    const crashed = requestOf(place.config(), user, "crashing");
    await early.runtime.create(crashed);
    expect(await untilState(early, crashed.name, isFailed)).toMatchObject({ reason: "crashed" });

    await engine.stop(signal);
    // What the broker knows holds as long as it cannot ask.
    expect(early.runtime.look(crashed.name).status).toMatchObject({ state: "failed", reason: "crashed" });
    await engine.start();
    expect(await untilState(early, request.name, isFailed)).toMatchObject({ reason: "machine" });

    const late = place.broker();
    expect(await late.runtime.known(20_000)).toBe(true);
    for (const name of [request.name, crashed.name]) expect(late.runtime.look(name)).toEqual(early.runtime.look(name));

    const failed = late.runtime.look(request.name).status;
    if (failed.state !== "failed") throw new Error("not failed");
    await late.runtime.remove(request.name, failed.instance);
    await untilState(late, request.name, ({ state }) => state === "absent");
    expect(await late.runtime.create({ ...request, secret: "AnotherSecret987654321" })).toBe("created");
    expect(await untilState(early, request.name, isReady)).toMatchObject({ address: { secret: "AnotherSecret987654321" } });
  },
);
