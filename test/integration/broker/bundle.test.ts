import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reasons } from "../../../src/session/reasons.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { brokerConfigJson, listener, user } from "./fixture.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const directory = mkdtempSync(join(tmpdir(), "vdi-broker-"));
// A copy, as in an image or a deployment directory: inside this package Node would take the file for an ES module.
const hook = join(directory, "start_or_get_pod");
copyFileSync(join(root, "dist", "to_container", "bin", "start_or_get_pod"), hook);
const socketPath = join(directory, "broker", "broker.sock");

let kube: FakeKube;
let xpra: Awaited<ReturnType<typeof listener>>;
let broker: ChildProcess;
let log = "";
let said = "";
let healthPort: number;

interface Answer {
  readonly status: number;
  readonly lines: readonly Record<string, unknown>[];
}

function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH ?? "",
    VDI_CONFIG: join(directory, "broker.json"),
    VDI_BROKER_SOCKET: socketPath,
    VDI_HEALTH_PORT: String(healthPort),
    KUBECONFIG: join(directory, "kubeconfig.json"),
    ...more,
  };
}

function ask(path: string, body: unknown, method = "POST"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, method, agent: false }, (response) => {
      text(response).then((all) => {
        const lines = all.split("\n").filter(Boolean);
        resolve({ status: response.statusCode ?? 0, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) });
      }, reject);
    });
    outgoing.once("error", reject);
    outgoing.end(method === "GET" ? undefined : typeof body === "string" ? body : JSON.stringify(body));
  });
}

function run(input: string, args: readonly string[] = [], env = environment()): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(hook, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    child.once("error", reject);
    Promise.all([text(child.stdout), text(child.stderr), new Promise<number>((done) => child.once("close", done))]).then(
      ([stdout, stderr, code]) => resolve({ code, stdout, stderr }),
      reject,
    );
    child.stdin.end(input);
  });
}

/** Somebody of this machine who may have a session: the tests may run as root. */
function systemUser(): { name: string; uid: number; gid: number } {
  const lines = execFileSync("getent", ["passwd"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(":"));
  const [name = "", , uid, gid] = lines.find(([, , id, group]) => Number(id) > 0 && Number(group) > 0) ?? [];
  return { name, uid: Number(uid), gid: Number(gid) };
}

beforeAll(async () => {
  xpra = await listener();
  const free = await listener();
  healthPort = free.port;
  await free.close();
  kube = await new FakeKube({ host: "127.0.0.1", startMs: 20, readyMs: 20 }).start();
  writeFileSync(join(directory, "broker.json"), JSON.stringify({ ...brokerConfigJson(xpra.port), minUid: 1 }));
  const kubeconfig = {
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: kube.url } }],
    users: [{ name: "u", user: { token: "topsecrettoken" } }],
  };
  writeFileSync(join(directory, "kubeconfig.json"), JSON.stringify(kubeconfig));
  broker = spawn(hook, ["--serve"], { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  broker.stdout?.setEncoding("utf8");
  broker.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    broker.once("exit", (code) => reject(new Error(`the broker ended with ${code}: ${log}${said}`)));
    broker.stdout?.on("data", (chunk: string) => {
      log += chunk;
      if (log.includes('"event":"start"')) resolve();
    });
  });
});

afterAll(async () => {
  broker.kill("SIGKILL");
  await kube.stop();
  await xpra.close();
  rmSync(directory, { recursive: true });
});

describe("the file", () => {
  it("is one, without any dependency, of at most 100 KB", () => {
    expect(statSync(hook).size).toBeLessThanOrEqual(100_000);
    expect(statSync(hook).mode & 0o111).toBe(0o111);
    const source = readFileSync(hook, "utf8");
    expect(source.startsWith("#!/usr/bin/env node\n")).toBe(true);
    expect(source).not.toContain("node_modules");
    const loaded = [...source.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name ?? "");
    expect(loaded.filter((name) => !name.startsWith("node:"))).toEqual([]);
  });
});

describe("--serve", () => {
  it("lets only its user and its group at the socket", () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    expect(statSync(join(directory, "broker")).mode & 0o7777).toBe(0o2750);
  });

  it("lists types, streams a start, knows its state and ends it", async () => {
    const alice = user("alice");
    expect(await ask("/v1/health", undefined, "GET")).toMatchObject({ status: 200 });
    const [types] = (await ask("/v1/types", { user: alice })).lines;
    expect(types).toEqual({
      types: [
        { name: "desktop", title: "Desktop", description: "Xfce" },
        { name: "seamless", title: "Seamless", description: "", default: true },
      ],
    });
    expect((await ask("/v1/state", { user: alice, display: "desktop" })).lines).toEqual([{ state: "absent" }]);
    const { status, lines } = await ask("/v1/sessions", { user: alice, display: "desktop" });
    expect(status).toBe(200);
    expect(lines.slice(0, -1).every(({ event, phase, message }) => event === "progress" && phase !== "" && message !== "")).toBe(true);
    expect(lines.at(-1)).toEqual({
      event: "ready",
      session: "alice-desktop",
      display: expect.stringMatching(new RegExp(`^tcp://alice:[A-Za-z0-9]{24}@127\\.0\\.0\\.1:${xpra.port}/$`)),
    });
    expect((await ask("/v1/state", { user: alice, display: "desktop" })).lines).toEqual([{ state: "ready" }]);
    expect((await ask("/v1/state", { user: user("bob"), display: "desktop" })).lines).toEqual([{ state: "absent" }]);
    expect((await ask("/v1/end", { user: alice, display: "desktop" })).lines).toEqual([{ state: "ending" }]);
  });

  it("refuses in words", async () => {
    const refused = await ask("/v1/sessions", { user: user("alice"), display: "../../x" });
    expect(refused.lines).toEqual([{ event: "error", code: 4, reason: "bad-display", message: expect.stringContaining("not allowed") }]);
    expect(await ask("/v1/sessions", { user: { ...user("alice"), uid: 0 }, display: "desktop" })).toMatchObject({
      status: 422,
      lines: [{ error: { code: 6, reason: "unknown-user" } }],
    });
    expect(await ask("/v1/types", "{")).toMatchObject({ status: 400, lines: [{ error: { reason: "bad-request" } }] });
    expect(await ask("/v1/types", "[]")).toMatchObject({ status: 400 });
    expect(await ask("/v1/types", { user: user("alice"), display: 3 })).toMatchObject({ status: 400 });
    expect(await ask("/v1/types", "x".repeat(600_000))).toMatchObject({ status: 413 });
    const groups = Array.from({ length: 1_000 }, (_, at) => ({ name: `${"a-group-with-a-long-name-".repeat(3)}${at}`, gid: 30_000 + at }));
    expect(await ask("/v1/types", { user: { ...user("alice"), groups } })).toMatchObject({ status: 200 });
    expect(await ask("/v1/nothing", {})).toMatchObject({ status: 404 });
    expect(await ask("/v1/constructor", {})).toMatchObject({ status: 404 });
    expect(await ask("/v1/types", undefined, "GET")).toMatchObject({ status: 405 });
  });

  it("tells the admin what the user is not told", async () => {
    const logged = (name: string): Record<string, unknown>[] =>
      log
        .split("\n")
        .filter((line) => line.includes(`"user":"${name}"`))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const message = 'pods "carol-desktop" is forbidden: exceeded quota: sessions';
    kube.faults.push({ method: "POST", path: /pods$/, status: 403, reason: "Forbidden", message });
    const { lines } = await ask("/v1/sessions", { user: user("carol"), display: "desktop" });
    expect(lines.at(-1)).toEqual({ event: "error", code: 1, reason: "no-room", message: expect.not.stringContaining("quota") });
    // The line comes by a pipe of its own.
    await expect
      .poll(() => logged("carol"), { timeout: 10_000 })
      .toMatchObject([
        {
          event: "session",
          session: "carol-desktop",
          outcome: "no-room",
          admin: expect.stringContaining(
            "a ResourceQuota of the namespace vdi-test is used up; try: kubectl describe resourcequota -n vdi-test",
          ),
          detail: expect.stringContaining(message),
        },
      ]);

    kube.hold = true;
    const waiting = ask("/v1/sessions", { user: user("dave"), display: "desktop" });
    await expect.poll(() => kube.pods.has("dave-desktop"), { timeout: 20_000, interval: 10 }).toBe(true);
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes are available" }];
    kube.change("dave-desktop", (pod) => {
      pod.status = { phase: "Pending", conditions };
    });
    await expect.poll(() => logged("dave").length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(0);
    kube.hold = false;
    kube.run("dave-desktop", "127.0.0.1");
    kube.log("dave-desktop", "xpra is ready.");
    // The user hears of it in other words.
    const told = (await waiting).lines;
    expect(told).toContainEqual({ event: "progress", phase: "scheduling", message: expect.stringMatching(/^No machine has room/) });
    expect(JSON.stringify(told)).not.toContain("nodes are available");
    await expect
      .poll(() => logged("dave"), { timeout: 10_000 })
      .toMatchObject([
        {
          event: "waiting",
          session: "dave-desktop",
          reason: "no-node",
          admin: expect.stringContaining("kubectl describe nodes"),
          detail: "0/1 nodes are available",
        },
        { event: "session", outcome: "ready" },
      ]);

    kube.end("dave-desktop", 137, "OOMKilled");
    const state = async (): Promise<Answer["lines"]> => (await ask("/v1/state", { user: user("dave"), display: "desktop" })).lines;
    await expect.poll(state, { timeout: 20_000, interval: 10 }).toContainEqual(expect.objectContaining({ state: "failed" }));
    const words = "Your last session was ended because it needed more memory than a session may use.";
    expect(await state()).toEqual([{ state: "failed", message: words }]);
    expect((await ask("/v1/sessions", { user: user("dave"), display: "desktop" })).lines.at(-1)).toMatchObject({
      event: "ready",
      notice: words,
    });
  });

  it("has health and numbers on its port", async () => {
    const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${healthPort}${path}`);
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
    expect((await get("/nothing")).status).toBe(404);
    const numbers = await (await get("/metrics")).text();
    expect(numbers).toContain('vdi_broker_answer_seconds_count{started="true"} 3');
    expect(numbers).toContain('vdi_broker_requests_total{endpoint="/v1/sessions",outcome="bad-display"} 1');
  });

  it("takes a changed configuration without a restart", async () => {
    const types = [{ scope: "default", type: "new", script: "default/xpra_startup_new.sh", title: "New" }];
    writeFileSync(join(directory, "broker.json"), JSON.stringify({ ...brokerConfigJson(xpra.port), minUid: 1, sessionTypes: types }));
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect((await ask("/v1/types", { user: user("alice") })).lines).toMatchObject([{ types: [{ name: "new" }] }]);
    writeFileSync(join(directory, "broker.json"), "{");
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect((await ask("/v1/types", { user: user("alice") })).lines).toMatchObject([{ types: [{ name: "new" }] }]);
    writeFileSync(join(directory, "broker.json"), JSON.stringify({ ...brokerConfigJson(xpra.port), minUid: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await ask("/v1/types", { user: user("alice") });
  });

  it("starts many at a time, without a word about itself", async () => {
    const users = Array.from({ length: 16 }, (_, at) => user(`many${at}`));
    const answers = await Promise.all(users.map((each) => ask("/v1/sessions", { user: each, display: "desktop" })));
    expect(answers.map(({ lines }) => lines.at(-1)?.["event"])).toEqual(users.map(() => "ready"));
    expect(said).toBe("");
  });
});

const known = systemUser();

describe("the one-shot form", () => {
  it("asks the broker when it is there", async () => {
    const answer = await run(`USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\nXPRA_ARGV="xpra proxy"\n`);
    expect(answer).toEqual({ code: 0, stdout: `${known.name}|NA|${known.uid}|${known.gid}|tcp:127.0.0.1:${xpra.port}|||\n`, stderr: "" });
  });

  it("gives the session's password only when it is asked to", async () => {
    const { stdout } = await run(`USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\n`, ["--url"]);
    expect(stdout).toMatch(
      new RegExp(`^${known.name}\\|NA\\|\\d+\\|\\d+\\|tcp://${known.name}:[A-Za-z0-9]{24}@127\\.0\\.0\\.1:${xpra.port}/\\|\\|\\|\n$`),
    );
  });

  it("does the work itself with a kubeconfig", async () => {
    const answer = await run(
      `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='seamless'\n`,
      [],
      environment({ VDI_BROKER_SOCKET: join(directory, "none.sock") }),
    );
    expect(answer).toEqual({ code: 0, stdout: `${known.name}|NA|${known.uid}|${known.gid}|tcp:127.0.0.1:${xpra.port}|||\n`, stderr: "" });
  });

  it("takes the account that a directory gives for user@domain under its short name", async () => {
    const programs = join(directory, "programs");
    mkdirSync(programs);
    for (const [name, line] of [
      ["getent", `${known.name}:x:${known.uid}:${known.gid}::/home/x:/bin/sh`],
      ["id", ""],
    ] as const)
      writeFileSync(join(programs, name), `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
    const answer = await run(
      `USERNAME='${known.name}@example.org'\nXPRA_POD_DISPLAY='desktop'\n`,
      [],
      environment({ PATH: `${programs}:${process.env.PATH}` }),
    );
    expect(answer).toEqual({ code: 0, stdout: `${known.name}|NA|${known.uid}|${known.gid}|tcp:127.0.0.1:${xpra.port}|||\n`, stderr: "" });
  });

  it("says that the broker went away when it does while the hook waits", async () => {
    const ending = join(directory, "ending.sock");
    const server = createServer((incoming, response) => {
      if (incoming.url === "/v1/health") response.end("{}");
      else response.write('{"event":"progress","phase":"starting","message":"…"}\n', () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(ending, resolve));
    try {
      const input = `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\n`;
      const answer = await run(input, [], environment({ VDI_BROKER_SOCKET: ending }));
      expect(answer).toEqual({ code: 1, stdout: "", stderr: `${reasons["broker-away"].user}\n` });
    } finally {
      server.close();
    }
  });

  const elsewhere = join(directory, "none");
  const cases: readonly [string, string, number, Record<string, string>][] = [
    ["no such type", `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='nothing'\n`, 4, {}],
    ["a type that is a path", `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='../../x'\n`, 4, {}],
    ["a type that is a command", `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='$(touch ${elsewhere})'\n`, 4, {}],
    [
      "no configuration",
      `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\n`,
      5,
      { VDI_CONFIG: elsewhere, VDI_BROKER_SOCKET: elsewhere },
    ],
    [
      "neither broker nor kubeconfig",
      `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\n`,
      5,
      { KUBECONFIG: "", VDI_BROKER_SOCKET: elsewhere },
    ],
    ["an unknown user", "USERNAME='nobody-of-this-name'\nXPRA_POD_DISPLAY='desktop'\n", 6, {}],
    ["a user that is a command", "USERNAME='$(id)'\nXPRA_POD_DISPLAY='desktop'\n", 6, {}],
    ["no user at all", "", 6, {}],
    ["root", "USERNAME='root'\nXPRA_POD_DISPLAY='desktop'\n", 6, {}],
    [
      "a kubeconfig that is not JSON",
      `USERNAME='${known.name}'\nXPRA_POD_DISPLAY='desktop'\n`,
      1,
      { KUBECONFIG: hook, VDI_BROKER_SOCKET: elsewhere },
    ],
  ];

  it.each(cases)("%s: one line and the exit code", async (_, input, code, more) => {
    const answer = await run(input, [], environment(more));
    expect(answer).toMatchObject({ code, stdout: "" });
    expect(answer.stderr).toMatch(/^[A-Za-z][^\n]+\n$/);
  });
});

describe("the broker's end", () => {
  it("has no secret in its log, and a JSON object on every line", () => {
    const secrets = [...kube.pods.values()]
      .flatMap((pod) => pod.spec?.containers[0]?.env ?? [])
      .flatMap(({ name, value }) => (name === "XPRA_PASSWORD" ? [value ?? ""] : []));
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of [...secrets, "topsecrettoken"]) expect(log).not.toContain(secret);
    const events = log
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(expect.arrayContaining(["start", "known", "create", "session", "delete", "refused", "trouble"]));
  });

  it("refuses a second one on its socket, and takes over from a killed one", async () => {
    const second = await run("", ["--serve"], environment({ VDI_HEALTH_PORT: "0" }));
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining("another broker listens") });
    broker.kill("SIGKILL");
    await new Promise((resolve) => broker.once("exit", resolve));
    const env = environment({ VDI_HEALTH_PORT: "0", VDI_DRAIN_SECONDS: "1" });
    const next = spawn(hook, ["--serve"], { env, stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => next.stdout.once("data", resolve));
    const { lines } = await ask("/v1/sessions", { user: { ...user(known.name), uid: known.uid }, display: "desktop" });
    expect(lines.at(-1)).toMatchObject({ event: "ready" });
    // A session that does not come must not hold the broker's end, which then takes its whole patience.
    kube.hold = true;
    const waiting = ask("/v1/sessions", { user: user("late"), display: "desktop" });
    await expect.poll(() => kube.pods.has("late-desktop"), { timeout: 10_000 }).toBe(true);
    const ended = new Promise((resolve) => next.once("exit", resolve));
    next.kill("SIGTERM");
    expect((await waiting).lines.at(-1)).toMatchObject({ event: "error", reason: "restarting" });
    expect(await ended).toBe(0);
  });
});
