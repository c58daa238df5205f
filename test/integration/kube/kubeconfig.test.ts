import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { explainKubeError } from "../../../src/kube/errors.ts";
import { connectKubeconfig } from "../../../src/kube/kubeconfig.ts";

let directory = "";
let server: http.Server;
let address = "";
const seen: http.IncomingHttpHeaders[] = [];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "vdi-kubeconfig-"));
  server = http.createServer((request, response) => {
    seen.push(request.headers);
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  seen.length = 0;
});

interface Part {
  readonly name: string;
  readonly user: object;
  readonly current?: boolean;
  /** Default: the test's own. */
  readonly server?: string;
}

function write(file: string, ...parts: readonly Part[]): string {
  const path = join(directory, file);
  mkdirSync(join(path, ".."), { recursive: true });
  const current = parts.find((part) => part.current === true)?.name;
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: parts.map(({ name, server: at = address }) => ({ name, cluster: { server: at, "insecure-skip-tls-verify": true } })),
      users: parts.map(({ name, user }) => ({ name, user })),
      contexts: parts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
      ...(current === undefined ? {} : { "current-context": current }),
    }),
  );
  return path;
}

const token = (value: string): object => ({ token: value });

async function authorizationOf(choice: Parameters<typeof connectKubeconfig>[0], env: Record<string, string>): Promise<string | undefined> {
  const transport = await connectKubeconfig(choice, env);
  await transport.json({ path: "/version" });
  transport.close();
  return seen.at(-1)?.authorization;
}

describe("connectKubeconfig", () => {
  it("takes the named file, its current context or the named one", async () => {
    const kubeconfig = write("one", { name: "a", user: token("A"), current: true }, { name: "b", user: token("B") });
    expect(await authorizationOf({ kubeconfig }, {})).toBe("Bearer A");
    expect(await authorizationOf({ kubeconfig, context: "b" }, {})).toBe("Bearer B");
  });

  it("joins the files of KUBECONFIG as kubectl does: what an earlier one says holds", async () => {
    const first = write("first", { name: "a", user: token("first") });
    const second = write("second", { name: "a", user: token("second"), current: true }, { name: "c", user: token("C") });
    const env = { KUBECONFIG: `${first}:${join(directory, "missing")}:${second}` };
    expect(await authorizationOf({}, env)).toBe("Bearer first");
    expect(await authorizationOf({ context: "c" }, env)).toBe("Bearer C");
  });

  it("falls back to ~/.kube/config", async () => {
    write("home/.kube/config", { name: "a", user: token("H"), current: true });
    expect(await authorizationOf({}, { HOME: join(directory, "home") })).toBe("Bearer H");
  });

  it("asks a credentials program", async () => {
    const program = join(directory, "credentials");
    const answer = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token: "X" } };
    writeFileSync(program, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
    chmodSync(program, 0o755);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: program, interactiveMode: "Never" };
    const kubeconfig = write("exec", { name: "a", user: { exec }, current: true });
    expect(await authorizationOf({ kubeconfig }, {})).toBe("Bearer X");
  });

  it.each([
    ["a file that is not there", () => ({ kubeconfig: join(directory, "missing") }), "there is no file"],
    [
      "a context that is not there",
      () => ({ kubeconfig: write("x", { name: "a", user: token("A"), current: true }), context: "z" }),
      "no context 'z'",
    ],
    ["no current context", () => ({ kubeconfig: write("y", { name: "a", user: token("A") }) }), "chooses no cluster"],
    [
      "a server without https://",
      () => ({ kubeconfig: write("s", { name: "a", user: token("A"), current: true, server: "10.0.0.1:6443" }) }),
      "'10.0.0.1:6443' is no address",
    ],
    [
      "a server of a name and a port only",
      () => ({ kubeconfig: write("t", { name: "a", user: token("A"), current: true, server: "localhost:6443" }) }),
      "'localhost:6443' is no address",
    ],
    ["nothing at all", () => ({}), "no cluster is chosen"],
  ])("says what is wrong with %s", async (_, choice, words) => {
    await expect(connectKubeconfig(choice(), { HOME: "/nonexistent" })).rejects.toThrow(words);
    await expect(connectKubeconfig(choice(), { HOME: "/nonexistent" })).rejects.toMatchObject({ exitCode: 2 });
  });

  it("says which file cannot be read", async () => {
    const broken = join(directory, "broken");
    writeFileSync(broken, "{ not: [yaml");
    await expect(connectKubeconfig({ kubeconfig: broken }, {})).rejects.toThrow(`the kubeconfig ${broken} cannot be read`);
  });

  it("takes a tokenFile, whose line's end is none of the token, and looks for it beside the kubeconfig", async () => {
    writeFileSync(join(directory, "token"), "T\n");
    const kubeconfig = write("tokenfile", { name: "a", user: { tokenFile: "token", token: "older" }, current: true });
    expect(await authorizationOf({ kubeconfig }, {})).toBe("Bearer T");
    rmSync(join(directory, "token"));
    await expect(connectKubeconfig({ kubeconfig }, {})).rejects.toThrow("its tokenFile cannot be read");
  });

  it("is somebody else with groups, number and the rest, but not with those of another name", async () => {
    const as = { as: "boss", "as-uid": "7", "as-groups": ["g1", "g2"], "as-user-extra": { "example.test/x": ["1", "2"] } };
    const transport = await connectKubeconfig({ kubeconfig: write("as", { name: "a", user: { token: "A", ...as }, current: true }) }, {});
    await transport.json({ path: "/version" });
    expect(seen.at(-1)).toMatchObject({
      "impersonate-user": "boss",
      "impersonate-uid": "7",
      "impersonate-group": "g1, g2",
      "impersonate-extra-example.test%2fx": "1, 2",
    });
    await transport.json({ path: "/version", impersonate: "other" });
    transport.close();
    expect(Object.entries(seen.at(-1) ?? {}).filter(([name]) => name.startsWith("impersonate"))).toEqual([["impersonate-user", "other"]]);
  });

  it("passes over an empty file of KUBECONFIG, and refuses one that is something else", async () => {
    const [empty, words] = [join(directory, "empty"), join(directory, "words")];
    writeFileSync(empty, "");
    writeFileSync(words, "hello\n");
    const one = write("one", { name: "a", user: token("A"), current: true });
    expect(await authorizationOf({}, { KUBECONFIG: `${empty}:${one}` })).toBe("Bearer A");
    await expect(connectKubeconfig({ kubeconfig: empty }, {})).rejects.toThrow("chooses no cluster");
    await expect(connectKubeconfig({ kubeconfig: words }, {})).rejects.toThrow(`${words} cannot be read: it is no kubeconfig`);
  });

  it("takes the plain server of a kubectl proxy", async () => {
    const file = join(directory, "plain");
    const contexts = [{ name: "a", context: { cluster: "a", user: "" } }];
    writeFileSync(file, JSON.stringify({ clusters: [{ name: "a", cluster: { server: address } }], contexts, "current-context": "a" }));
    expect(await authorizationOf({ kubeconfig: file }, {})).toBeUndefined();
    expect(seen).toHaveLength(1);
  });

  it("says where a proxy on the way belongs when nobody answers: kubectl may know it by a variable", async () => {
    const kubeconfig = write("away", { name: "a", user: token("A"), current: true, server: "http://127.0.0.1:1" });
    const transport = await connectKubeconfig({ kubeconfig }, {});
    const thrown: unknown = await transport.json({ path: "/version" }).catch((error: unknown) => error);
    expect(explainKubeError(thrown, "x")).toMatchObject({
      tries: expect.arrayContaining([expect.stringContaining("proxy-url of the cluster")]),
    });
  });
});
