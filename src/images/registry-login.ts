import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import type { RegistryLogin } from "./image-engine.ts";

/** Runs a program with a text on its standard input and gives its output; throws when it fails. */
export type RunHelper = (program: string, args: readonly string[], input: string) => Promise<string>;

/** What decides how to sign in to a registry. */
export interface LoginSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly runHelper?: RunHelper;
}

/** The names under which Docker's configuration knows its own registry. */
const dockerHub = "https://index.docker.io/v1/";

/**
 * The sign-in for a registry from docker's own configuration (`docker login`): `auths`, `credHelpers` or `credsStore` of
 * `~/.docker/config.json`, or of DOCKER_CONFIG. Empty when there is none.
 */
export async function registryLogin(registry: string, sources: LoginSources): Promise<RegistryLogin> {
  const file = path.join(sources.env["DOCKER_CONFIG"] ?? path.join(sources.env["HOME"] ?? homedir(), ".docker"), "config.json");
  const config = readConfig(file);
  if (config === undefined) return {};
  const server = registry === "docker.io" ? dockerHub : registry;
  const helper = textAt(objectAt(config, "credHelpers"), registry) ?? textAt(config, "credsStore");
  if (helper !== undefined) {
    const found = await fromHelper(helper, server, sources.runHelper ?? runProgram);
    if (found !== undefined) return found;
  }
  const auths = objectAt(config, "auths");
  const entry = [server, registry, `https://${registry}`, `http://${registry}`, `https://${registry}/`]
    .map((key) => objectAt(auths, key))
    .find((each) => each !== undefined);
  if (entry === undefined) return {};
  const token = textAt(entry, "identitytoken");
  if (token !== undefined) return { identitytoken: token, serveraddress: server };
  const auth = textAt(entry, "auth");
  const decoded =
    auth === undefined
      ? `${textAt(entry, "username") ?? ""}:${textAt(entry, "password") ?? ""}`
      : Buffer.from(auth, "base64").toString("utf8");
  const at = decoded.indexOf(":");
  if (at <= 0) return {};
  return { username: decoded.slice(0, at), password: decoded.slice(at + 1), serveraddress: server };
}

async function fromHelper(helper: string, server: string, run: RunHelper): Promise<RegistryLogin | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined;
  const program = `docker-credential-${helper}`;
  let answer: string;
  try {
    answer = await run(program, ["get"], server);
  } catch (thrown) {
    // "credentials not found" is how a helper says that there was no `docker login`.
    if (/not found in native keychain/i.test(messageOf(thrown))) return undefined;
    throw new VdiError({
      what: `${program} gave no sign-in for ${server}`,
      why: messageOf(thrown),
      try: `docker login ${server}`,
      cause: thrown,
    });
  }
  const found = parseObject(answer);
  const username = textAt(found, "Username");
  const secret = textAt(found, "Secret");
  if (username === undefined || secret === undefined) return undefined;
  return username === "<token>" ? { identitytoken: secret, serveraddress: server } : { username, password: secret, serveraddress: server };
}

const runProgram: RunHelper = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], timeout: 20_000 });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    // A helper says why on either channel, and its output holds no secret when it fails.
    child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error((errors || output).trim() || `exit code ${code}`))));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });

function readConfig(file: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const config = parseObject(text);
  if (config === undefined) throw new VdiError({ what: `${file} is not valid JSON`, try: "docker login" });
  return config;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function objectAt(value: Record<string, unknown> | undefined, key: string): Record<string, unknown> | undefined {
  const found = value !== undefined && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
}

function textAt(value: Record<string, unknown> | undefined, key: string): string | undefined {
  const found = value !== undefined && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === "string" && found !== "" ? found : undefined;
}
