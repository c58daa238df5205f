import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rootfsFile } from "../../src/images/make-rootfs.ts";
import { chooseType, openBrowser, openContext, screenshot, signIn, waitForFirstFrame, waitForQuiet } from "./page/page.ts";
import { keepContainersOnFailure } from "./support/container-artifacts.ts";
import { testDirectory } from "./support/demo.ts";
import { doorAt, type SessionEvent } from "./support/door.ts";
import { initLocalDirectory } from "./support/local-directory.ts";
import { eventually } from "./support/wait.ts";

const root = join(import.meta.dirname, "..", "..");
// Its name is in all names on the engine, so that nothing of another deployment is met.
const directory = process.env["VDI_E2E_LOCAL_DIRECTORY"] ?? join(homedir(), "vdi-local-e2e");
const namespace = basename(directory);
const port = Number(process.env["VDI_E2E_LOCAL_PORT"] ?? "18443");
const prefix = `vdi-${namespace}`;
const user = "xpra-user01";
const artifacts = join(root, "artifacts");

interface Up {
  readonly address: string;
  readonly password?: string;
  readonly built: readonly string[];
  readonly changes: readonly { readonly name: string; readonly outcome: string }[];
  readonly seconds: number;
}

interface Status {
  readonly up: boolean;
  readonly address: string;
  readonly sessions: readonly { readonly user: string; readonly type: string; readonly state: string; readonly memoryBytes?: number }[];
  readonly certificate?: { readonly daysLeft: number };
}

async function vdi(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
  const words = [join(root, "bin", "vdi"), "local", ...args, "--dir", directory];
  const { stdout, stderr, exitCode } = await execa(process.execPath, words, { reject: false });
  return { stdout, stderr, exitCode: exitCode ?? -1 };
}

async function data<T>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await vdi(...args, "-o", "json");
  if (exitCode !== 0) throw new Error(`vdi local ${args.join(" ")}: exit code ${exitCode}\n${stderr}`);
  return JSON.parse(stdout) as T;
}

const up = (): Promise<Up> => data<Up>("up", "--port", String(port), "--no-install");
const docker = async (...args: readonly string[]): Promise<string> => (await execa("docker", args)).stdout.trim();
const label = `label=vdi.xpra.org/deployment=${namespace}`;
const containers = async (): Promise<readonly string[]> =>
  (await docker("ps", "--all", "--filter", label, "--format", "{{.ID}} {{.Names}}")).split("\n").filter(Boolean).sort();
const last = (events: readonly SessionEvent[]): SessionEvent | undefined => events.at(-1);
const secrets: string[] = [];
let password = "";

/** Signs in by the door as the page does, and gives the end of the desktop's start. */
async function startDesktop(): Promise<SessionEvent | undefined> {
  const door = doorAt("localhost", port);
  const { ticket, message } = await door.signIn(user, password);
  expect(message).toBe("");
  return last(await door.start(ticket, "desktop"));
}

const inSession = (script: string): Promise<string> => docker("exec", `${prefix}-s-${user}-desktop`, "sh", "-c", script);

beforeAll(async () => {
  keepContainersOnFailure(prefix, secrets);
  await vdi("down", "--homes", "--yes");
  rmSync(directory, { recursive: true, force: true });
  // Where a registry has the base, `vdi local up` begins with nothing.
  if (existsSync(rootfsFile(testDirectory()))) await initLocalDirectory(directory, testDirectory());
}, 120_000);

afterAll(async () => {
  await vdi("down", "--homes", "--yes");
  rmSync(directory, { recursive: true, force: true });
}, 120_000);

describe("a desktop on one machine", () => {
  it("comes up with all that it needs", async () => {
    const first = await up();
    password = first.password ?? "";
    secrets.push(password);
    expect(first.address).toBe(`https://localhost:${port}/`);
    expect(password).not.toBe("");
    expect((await containers()).map((line) => line.split(" ")[1])).toEqual(
      expect.arrayContaining([`${prefix}-broker`, `${prefix}-files`, `${prefix}-proxy`]),
    );
  }, 2_400_000);

  it("lets a user in, whose session is ready", async () => {
    expect(await startDesktop()).toMatchObject({ event: "ready" });
    await inSession('echo still-here > "$HOME/kept"');
  });

  it("is brought up again without a change, and without the password", async () => {
    const before = await containers();
    const { changes, built, password: shown } = await up();
    expect({ changes, built, shown }).toEqual({ changes: [], built: [], shown: undefined });
    expect(await containers()).toEqual(before);
  });

  it("is shown by status, with its sessions", async () => {
    const status = await data<Status>("status");
    expect(status).toMatchObject({ up: true, address: `https://localhost:${port}/` });
    expect(status.sessions).toMatchObject([{ user, type: "desktop", state: "running" }]);
    expect(status.sessions[0]?.memoryBytes ?? 0).toBeGreaterThan(1_000_000);
    expect(status.certificate?.daysLeft ?? 0).toBeGreaterThan(30);
  });

  it("shows its logs without secrets", async () => {
    const logs = await vdi("logs");
    expect(logs.stdout).toContain("sign-in");
    const session = await vdi("logs", "session", `${user}-desktop`);
    expect(session.stdout).toContain("xpra is ready.");
    const secret = await inSession('printf %s "$XPRA_PASSWORD"');
    secrets.push(secret);
    expect(logs.stdout + session.stdout).not.toContain(secret);
    expect(logs.stdout).not.toContain(password);
  });

  it("knows new users, and no more those that are gone", async () => {
    const door = doorAt("localhost", port);
    await data("users", "remove", "xpra-user02");
    expect((await door.signIn("xpra-user02", password)).status).toBe(401);
    const added = await data<{ users: readonly { name: string; password?: string }[] }>("users", "add-demo", "--count", "2");
    const renewed = added.users.find(({ name }) => name === "xpra-user02")?.password ?? "";
    secrets.push(renewed);
    expect((await door.signIn("xpra-user02", renewed)).status).toBe(200);
  });

  it("is a desktop in the browser", async () => {
    mkdirSync(artifacts, { recursive: true });
    const browser = await openBrowser();
    try {
      const page = await (await openContext(browser)).newPage();
      const state = await signIn(page, { address: `https://localhost:${port}/`, user, password });
      if (state === "choose") await chooseType(page, "desktop");
      await waitForFirstFrame(page);
      await waitForQuiet(page, 3_000);
      await screenshot(page, join(artifacts, "local-desktop.png"));
    } finally {
      await browser.close();
    }
  });

  it("goes on where it was interrupted, and finds the homes that were left", async () => {
    const gone = await data<{ homesKept: readonly string[] }>("down");
    expect(gone.homesKept).toEqual([`${prefix}-home-${user}`]);
    expect(await containers()).toEqual([]);
    expect(await docker("network", "ls", "--filter", label, "--quiet")).toBe("");
    expect(await docker("volume", "ls", "--filter", label, "--quiet")).toBe(`${prefix}-home-${user}\n${prefix}-owner`);

    const words = [join(root, "bin", "vdi"), "local", "up", "--dir", directory, "--no-install"];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("broker: starting")) child.kill("SIGINT");
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(130);
    await up();
    expect(await startDesktop()).toMatchObject({ event: "ready" });
    expect(await inSession('cat "$HOME/kept"')).toBe("still-here");
  });

  it("comes back after its broker and its proxy were killed, with the session that runs", async () => {
    // When its first process started, in the kernel's ticks.
    const startedAt = "sed 's/.*) //' /proc/1/stat | cut -d' ' -f20";
    const before = await inSession(startedAt);
    for (const part of ["broker", "proxy"]) {
      // By the engine's own word it would stay down, as after a stop that somebody wants.
      await docker("kill", "--signal", "KILL", `${prefix}-${part}`);
      await docker("start", `${prefix}-${part}`);
    }
    const signsIn = async (): Promise<number> =>
      (
        await doorAt("localhost", port)
          .signIn(user, password)
          .catch(() => ({ status: 0 }))
      ).status;
    await eventually("somebody can sign in", signsIn, (status) => status === 200);
    expect(await startDesktop()).toMatchObject({ event: "ready" });
    expect(await inSession(startedAt)).toBe(before);
  });
});
