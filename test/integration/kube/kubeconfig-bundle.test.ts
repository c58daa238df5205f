import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";

// The kubeconfig reader as it is shipped: client-node's own with some of its imports replaced (build/kubeconfig-reader.mjs).
const chunks = join(import.meta.dirname, "..", "..", "..", "dist", "chunks");

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "vdi-kubeconfig-bundle-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const script = `
const { KubeConfig } = await import(process.argv[1]);
const config = new KubeConfig();
config.loadFromFile(process.argv[2]);
const options = {};
await config.applyToHTTPSOptions(options);
const { headers, auth, cert, agent } = options;
console.log(JSON.stringify({ authorization: headers.Authorization, auth, cert: cert?.toString(), agent: agent.constructor.name }));
`;

/** What the reader makes of a user and a cluster. */
async function read(user: object, cluster: object = {}): Promise<unknown> {
  const file = join(directory, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "a", cluster: { server: "https://192.0.2.1:6443", ...cluster } }],
    users: [{ name: "a", user }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  writeFileSync(file, JSON.stringify(config));
  const [chunk] = readdirSync(chunks).filter((name) => /^config-\w+\.js$/.test(name));
  const url = pathToFileURL(join(chunks, chunk ?? "missing")).href;
  const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", script, url, file]);
  return JSON.parse(stdout);
}

function program(name: string, output: object): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\necho '${JSON.stringify(output)}'\n`);
  chmodSync(file, 0o755);
  return file;
}

it("takes a token, a password or a certificate", async () => {
  expect(await read({ token: "T" })).toMatchObject({ authorization: "Bearer T", agent: "Agent" });
  expect(await read({ username: "u", password: "p" })).toMatchObject({ auth: "u:p" });
  expect(await read({ "client-certificate-data": Buffer.from("C").toString("base64") })).toMatchObject({ cert: "C" });
});

it("asks a credentials program", async () => {
  const answer = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token: "X" } };
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: program("credentials", answer), interactiveMode: "Never" };
  expect(await read({ exec })).toMatchObject({ authorization: "Bearer X" });
});

it("takes the token of an OpenID provider", async () => {
  const part = (data: object): string => Buffer.from(JSON.stringify(data)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part({ exp: 4102444800 })}.x`;
  const config = { "client-id": "c", "id-token": token, "idp-issuer-url": "https://192.0.2.1", "refresh-token": "r" };
  expect(await read({ "auth-provider": { name: "oidc", config } })).toMatchObject({ authorization: `Bearer ${token}` });
});

it("finds a token in what a program of the provider says", async () => {
  const config = {
    "cmd-path": program("gcloud", { credential: { token: "G", until: "2100-01-01T00:00:00Z" } }),
    "token-key": "{.credential.token}",
    "expiry-key": "{.credential.until}",
  };
  expect(await read({ "auth-provider": { name: "gcp", config } })).toMatchObject({ authorization: expect.stringMatching(/^Bearer G/) });
});

it.each([
  ["http://192.0.2.2:3128", "HttpsProxyAgent"],
  ["socks5://192.0.2.2:1080", "SocksProxyAgent"],
])("goes through the proxy %s", async (proxy, agent) => {
  expect(await read({ token: "T" }, { "proxy-url": proxy })).toMatchObject({ agent });
});
