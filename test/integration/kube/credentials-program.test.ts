import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectKubeconfig } from "../../../src/kube/kubeconfig.ts";
import { ExitCode } from "../../../src/util/exit-code.ts";

const apiVersion = "client.authentication.k8s.io/v1";
let directory = "";
let server: http.Server;
const seen: (string | undefined)[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "vdi-program-"));
  seen.length = 0;
  server = http.createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A kubeconfig whose user is given by a program, which is these lines of shell. */
function kubeconfigOf(lines: string, exec: object = {}, cluster: object = {}): string {
  mkdirSync(join(directory, "bin"), { recursive: true });
  writeFileSync(join(directory, "bin/login"), `#!/bin/sh\ncd '${directory}'\n${lines}\n`, { mode: 0o755 });
  const file = join(directory, "kubeconfig");
  const config = {
    clusters: [{ name: "a", cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...cluster } }],
    users: [{ name: "a", user: { exec: { apiVersion, command: "./bin/login", interactiveMode: "IfAvailable", ...exec } } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const answer = (status: object): string => `echo '${JSON.stringify({ apiVersion, kind: "ExecCredential", status })}'`;
const runs = (): number => readFileSync(join(directory, "runs"), "utf8").length;

describe("a credentials program", () => {
  it("is run once for many requests at once, and again when its answer no longer holds", async () => {
    // Its answers hold for ever from the third run on: the first ones are over when they come.
    const status = (expirationTimestamp: string): object => ({ token: "X", expirationTimestamp });
    const kubeconfig = kubeconfigOf(
      `printf x >> runs; sleep 0.3\nif [ "$(wc -c < runs)" -ge 3 ]; then ${answer(status("2100-01-01T00:00:00Z"))}\nelse ${answer(status("2000-01-01T00:00:00Z"))}; fi`,
    );
    const transport = await connectKubeconfig({ kubeconfig }, {});
    expect(runs()).toBe(1);
    const many = (): Promise<unknown> => Promise.all([1, 2, 3, 4].map(() => transport.json({ path: "/version" })));
    await many();
    expect(runs()).toBe(2);
    await many();
    await many();
    expect(runs()).toBe(3);
    expect(new Set(seen)).toEqual(new Set(["Bearer X"]));
    transport.close();
  });

  it("is told of the cluster when it asks for that, and has its own variables", async () => {
    const lines = `printf '%s' "$KUBERNETES_EXEC_INFO" > info; printf '%s' "$WHO" > who; ${answer({ token: "X" })}`;
    const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { audience: "desk" } }];
    const more = { "tls-server-name": "api.test", "certificate-authority-data": "Q0E=", extensions };
    const env = [{ name: "WHO", value: "ann" }];
    (await connectKubeconfig({ kubeconfig: kubeconfigOf(lines, { provideClusterInfo: true, env }, more) }, {})).close();
    expect(JSON.parse(readFileSync(join(directory, "info"), "utf8"))).toMatchObject({
      apiVersion,
      kind: "ExecCredential",
      spec: {
        interactive: false,
        cluster: { "tls-server-name": "api.test", "certificate-authority-data": "Q0E=", config: { audience: "desk" } },
      },
    });
    expect(readFileSync(join(directory, "who"), "utf8")).toBe("ann");
    (await connectKubeconfig({ kubeconfig: kubeconfigOf(lines) }, {})).close();
    expect(JSON.parse(readFileSync(join(directory, "info"), "utf8")).spec).toEqual({ interactive: false });
  });

  it("shows on the terminal what it asks while it waits for the answer", async () => {
    const kubeconfig = kubeconfigOf(`echo 'enter the code ABC' >&2; while [ ! -e entered ]; do sleep 0.1; done; ${answer({ token: "X" })}`);
    const terminal = { write: () => writeFileSync(join(directory, "entered"), "") };
    (await connectKubeconfig({ kubeconfig }, {}, { terminal })).close();
    expect(existsSync(join(directory, "entered"))).toBe(true);
  });

  it.each([
    ["ends with an error", "echo 'no ticket' >&2; exit 3", {}, /ended with exit code 3\nno ticket$/],
    ["does not end", `echo 'enter the code ABC' >&2; sleep 5 & wait`, {}, /did not end within 1 s\nenter the code ABC$/],
    ["answers with something else", "echo 'secret-token-x'", {}, /login answered with no ExecCredential$/],
    ["is not there", "", { command: "vdi-no-such-program", installHint: "get it" }, /there is no program vdi-no-such-program$/],
    ["needs a terminal", "", { interactiveMode: "Always" }, /needs a terminal/],
  ])("that %s is told in words", async (_, lines, exec, words) => {
    const options = { programDeadlineMs: 1000 };
    const failure = await connectKubeconfig({ kubeconfig: kubeconfigOf(lines, exec) }, {}, options).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({
      what: "the kubeconfig gives no credentials",
      why: expect.stringMatching(words),
      exitCode: ExitCode.unreachable,
    });
    expect(String((failure as Error).message)).not.toContain("secret");
    if ("installHint" in exec) expect(failure).toMatchObject({ tries: ["get it"] });
  });

  it("is ended by an interrupt", async () => {
    const kubeconfig = kubeconfigOf("echo $$ > pid; exec sleep 60");
    const stop = new AbortController();
    const connecting = connectKubeconfig({ kubeconfig }, {}, { signal: stop.signal });
    connecting.catch(() => undefined);
    const written = (): string => (existsSync(join(directory, "pid")) ? readFileSync(join(directory, "pid"), "utf8").trim() : "");
    await expect.poll(written, { timeout: 20_000 }).toMatch(/^\d+$/);
    stop.abort();
    await expect(connecting).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
    const pid = Number(readFileSync(join(directory, "pid"), "utf8"));
    await expect
      .poll(
        () => {
          try {
            return process.kill(pid, 0);
          } catch {
            return false;
          }
        },
        { timeout: 20_000 },
      )
      .toBe(false);
  });
});
