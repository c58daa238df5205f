import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { CapacityRig } from "./proxy-image/capacity-rig.ts";
import { footprintOf } from "./proxy-image/footprint.ts";

// How many clients one proxy takes, and that none of them can fill its memory: light clients and a stand-in for their sessions.
let rig: CapacityRig | undefined;

afterEach(async () => {
  await rig?.down();
  rig = undefined;
});

const tls = { transport: "ssl", processes: false } as const;

describe("a proxy", () => {
  it("takes as many clients as its memory has room for, and refuses the next one in words", async () => {
    // 160 MiB for the proxy itself and 4 MiB for each client.
    rig = await CapacityRig.up(tls, {}, ["--memory=200m"]);
    expect(await rig.attachUpTo(12)).toBe(10);
    const log = await rig.log();
    expect(log).toMatch(/"event":"start","clients":10,"by":"memory of 200 MiB"/);
    expect(log).toMatch(/"event":"attach","user":"xpra-user01","outcome":"full","message":"Too many people are working/);
    // All the others work on.
    expect(await rig.type(3, 3, 10)).toBeGreaterThan(10);
  });

  it("goes by XPRA_MAX_CLIENTS where it is set", async () => {
    rig = await CapacityRig.up(tls, { XPRA_MAX_CLIENTS: "3" }, ["--memory=200m"]);
    expect(await rig.attachUpTo(5)).toBe(3);
    expect(await rig.log()).toMatch(/"event":"start","clients":3,"by":"XPRA_MAX_CLIENTS"/);
  });

  it("keeps its memory when a client asks for more than it takes, and the others work on", async () => {
    rig = await CapacityRig.up(tls);
    await rig.attach(2);
    const before = await footprintOf(rig.proxy);
    await rig.flood();
    // As long as it took to fill 900 MB when nothing held it back: that it grows no more cannot be waited for.
    await sleep(8_000);
    const flooded = await footprintOf(rig.proxy);
    expect(flooded.pssMegabytes - before.pssMegabytes).toBeLessThan(25);
    expect(await rig.type(3, 3, 2)).toBeGreaterThan(5);
  });
});
