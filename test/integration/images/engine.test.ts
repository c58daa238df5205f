import { afterEach, describe, expect, it, vi } from "vitest";
import { connectEngine } from "../../../src/images/engine.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

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
});
