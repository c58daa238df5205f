import Dockerode from "dockerode";
import { describe, expect, it } from "vitest";
import { bytesPerBuild, checkFreeSpace, freeBytes } from "../../../src/images/disk-space.ts";
import { dockerImageEngine } from "../../../src/images/image-engine.ts";

describe("free space", () => {
  it("is asked for before it runs out", () => {
    expect(() => checkFreeSpace(2 * bytesPerBuild - 1, 2, "/var/lib/docker")).toThrow(
      /\/var\/lib\/docker has 6\.0 GiB free; 2 images take up to 6\.0 GiB/,
    );
    expect(() => checkFreeSpace(2 * bytesPerBuild, 2, "/")).not.toThrow();
  });

  it("does not matter when nothing is built, or when it cannot be seen from here", () => {
    expect(() => checkFreeSpace(0, 0, "/")).not.toThrow();
    expect(() => checkFreeSpace(undefined, 3, "/")).not.toThrow();
  });

  it("is unknown for a directory of another machine", async () => {
    expect(await freeBytes("/nowhere/docker")).toBeUndefined();
    expect(await freeBytes("/")).toBeGreaterThan(0);
  });

  it.each(["192.0.2.1", "engine.example.test"])("is not looked for here when the engine is at %s", async (host) => {
    // This machine may well have a directory of that name.
    expect(await dockerImageEngine(new Dockerode({ host, port: 1 })).dataDirectory()).toBeUndefined();
  });

  it("is asked of an engine on this machine, by whichever way", async () => {
    const away = new Dockerode({ host: "127.0.0.1", port: 1 });
    await expect(dockerImageEngine(away).dataDirectory()).rejects.toThrow("ECONNREFUSED");
  });
});
