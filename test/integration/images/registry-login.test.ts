import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registryLogin } from "../../../src/images/registry-login.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-login-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const auth = Buffer.from("ann:a:b").toString("base64");

function ask(registry: string, config: unknown, runHelper?: (program: string, args: readonly string[], input: string) => Promise<string>) {
  writeFileSync(path.join(directory, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  return registryLogin(registry, { env: { DOCKER_CONFIG: directory }, ...(runHelper === undefined ? {} : { runHelper }) });
}

describe("the sign-in of a registry", () => {
  it("is nothing without a configuration or without an entry", async () => {
    expect(await registryLogin("r.example", { env: { DOCKER_CONFIG: directory } })).toEqual({});
    expect(await ask("r.example", { auths: { "other.example": { auth } } })).toEqual({});
    expect(await ask("r.example", { auths: { "r.example": {} } })).toEqual({});
  });

  it.each(["r.example:5000", "https://r.example:5000", "http://r.example:5000"])("is read from the entry %s", async (key) => {
    expect(await ask("r.example:5000", { auths: { [key]: { auth } } })).toEqual({
      username: "ann",
      password: "a:b",
      serveraddress: "r.example:5000",
    });
  });

  it("knows Docker's own registry by its old address", async () => {
    expect(await ask("docker.io", { auths: { "https://index.docker.io/v1/": { auth } } })).toMatchObject({ username: "ann" });
  });

  it("comes from a credential helper, that of the registry first", async () => {
    const asked: unknown[] = [];
    const config = { credsStore: "all", credHelpers: { "r.example": "one" }, auths: {} };
    const found = await ask("r.example", config, async (...call) => {
      asked.push(call);
      return JSON.stringify({ ServerURL: "r.example", Username: "bob", Secret: "x" });
    });
    expect(asked).toEqual([["docker-credential-one", ["get"], "r.example"]]);
    expect(found).toEqual({ username: "bob", password: "x", serveraddress: "r.example" });
  });

  it("may be a token", async () => {
    const helper = async (): Promise<string> => JSON.stringify({ Username: "<token>", Secret: "t" });
    expect(await ask("r.example", { credsStore: "all" }, helper)).toEqual({ identitytoken: "t", serveraddress: "r.example" });
  });

  it("is nothing when the helper knows none, and an error when the helper fails", async () => {
    const failing = (words: string) => async (): Promise<string> => {
      throw new Error(words);
    };
    expect(await ask("r.example", { credsStore: "all" }, failing("credentials not found in native keychain"))).toEqual({});
    await expect(ask("r.example", { credsStore: "all" }, failing("keychain is locked"))).rejects.toThrow(
      "docker-credential-all gave no sign-in for r.example",
    );
  });

  it("is an error when the configuration is damaged", async () => {
    await expect(ask("r.example", "{")).rejects.toThrow("is not valid JSON");
  });
});
