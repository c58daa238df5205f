import { afterAll, beforeAll, expect, it } from "vitest";
import { sessionImage } from "../support/images.ts";
import { type DockerPlace, dockerPlace } from "./docker-place.ts";
import { reachedBySession, startMany, untilReached } from "./reach.ts";

// As many sessions as one machine may have, each in a network of its own; they only listen.
const count = 100;
/** An attempt is mostly waiting for packets that do not come back. */
const triesAtOnce = 20;
let place: DockerPlace;

beforeAll(async () => {
  place = await dockerPlace({
    socket: "/var/run/docker.sock",
    namespace: `many-${process.pid}`,
    image: sessionImage,
    network: "10.214.16.0/20",
    entry: '#!/bin/sh\nexec bash "$VDI_SESSION_SCRIPT"\n',
  });
});

afterAll(async () => {
  await place?.remove();
});

it(`of ${count} sessions that are asked for at once none reaches another, and the proxy reaches all`, async () => {
  const broker = place.broker({ timeoutMs: 600_000 });
  await broker.runtime.known(20_000);
  const proxy = await place.startProxy();
  const sessions = await startMany(place, broker, count);
  const hosts = sessions.map(({ host }) => host).sort();
  expect(new Set(hosts).size).toBe(count);
  expect((await place.networks()).length).toBe(count);
  await untilReached(place, proxy, hosts);
  const leaks: string[] = [];
  for (let at = 0; at < count; at += triesAtOnce) {
    const some = sessions.slice(at, at + triesAtOnce);
    await Promise.all(
      some.map(async ({ container, host }) => {
        const found = await reachedBySession(place, container, hosts);
        if (`${found}` !== host) leaks.push(`${host} reaches ${found.join(" ")}`);
      }),
    );
  }
  expect(leaks).toEqual([]);
  expect(broker.runtime.count()).toEqual({ ready: count });
}, 1_200_000);
