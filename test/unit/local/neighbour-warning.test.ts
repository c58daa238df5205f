import { describe, expect, it } from "vitest";
import { type EngineInfo, neighbourWarning } from "../../../src/local/neighbour-warning.ts";

describe("the warning of machines on the same network", () => {
  it.each<[string, EngineInfo, string, boolean]>([
    ["an engine before 28", { ServerVersion: "20.10.24+dfsg1" }, "127.0.0.1", true],
    ["another address of this machine alone", { ServerVersion: "27.5.1", SecurityOptions: ["name=seccomp"] }, "127.0.0.5", true],
    ["an engine from 28 on", { ServerVersion: "28.0.0" }, "127.0.0.1", false],
    ["an address for others", { ServerVersion: "27.5.1" }, "0.0.0.0", false],
    ["a rootless engine", { ServerVersion: "27.5.1", SecurityOptions: ["name=seccomp", "name=rootless"] }, "127.0.0.1", false],
    ["Podman", { ServerVersion: "5.4.2" }, "127.0.0.1", false],
    ["an engine that does not tell", {}, "127.0.0.1", false],
  ])("for %s", (_what, engine, listen, wanted) => {
    expect(neighbourWarning(engine, listen) !== undefined).toBe(wanted);
  });
});
