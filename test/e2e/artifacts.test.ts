import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { secretVariable } from "../../src/session/session-settings.ts";
import type { Demo } from "../start/demo.ts";
import { testDemo } from "./support/demo.ts";
import { doorAt } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

// What a failing test leaves behind, by running tests that fail on purpose.
let demo: Demo;
let kubectl: Kubectl;
let sessionPassword: string;
let output: string;
const directory = mkdtempSync(join(tmpdir(), "vdi-artifacts-"));

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  const door = doorAt(new URL(demo.url).hostname);
  const { ticket } = await door.signIn(demo.user, demo.password);
  const events = await door.start(ticket, "desktop-failsafe");
  expect(events.at(-1), JSON.stringify(events)).toMatchObject({ event: "ready" });
  const [pod] = await kubectl.sessionPods(demo.namespace);
  sessionPassword = pod?.spec?.containers[0]?.env?.find(({ name }) => name === secretVariable)?.value ?? "";
  expect(sessionPassword).not.toBe("");
  const inner = await execa("npx", ["vitest", "run", "--config", "test/e2e/failing/vitest.config.ts", "--root", "."], {
    cwd: join(import.meta.dirname, "..", ".."),
    env: { VDI_ARTIFACTS: directory, VDI_FAILING_DEMO: JSON.stringify(demo), VITEST: undefined, VITEST_POOL_ID: undefined },
    reject: false,
    all: true,
    timeout: 150_000,
  });
  output = inner.all;
  expect(inner.exitCode, output).toBe(1);
}, 2_400_000);

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await kubectl?.removeSessions(demo.namespace);
});

/** A file that was kept, as text. */
function kept(...path: string[]): string {
  const file = join(directory, "e2e", ...path);
  expect(existsSync(file), `${file} in ${readdirSync(directory, { recursive: true }).join(" ")}\n${output}`).toBe(true);
  return readFileSync(file, "utf8");
}

describe("a test that fails", () => {
  const own = ["test.failing.ts", "fails-with-a-page-and-a-session"];

  it("keeps why it failed", () => {
    expect(kept(...own, "failure.txt")).toContain("expected 'what there is' to be 'what was wanted'");
  });

  it("keeps the pods of both namespaces with their logs, and the events", async () => {
    expect(kept(...own, "cluster", demo.namespace, "pods.txt")).toContain("xpra-user01-desktop-failsafe");
    expect(kept(...own, "cluster", demo.namespace, "events.txt")).toContain("Scheduled");
    expect(kept(...own, "cluster", demo.namespace, "xpra-user01-desktop-failsafe.session.log")).toContain("xpra is ready.");
    expect(kept(...own, "cluster", demo.namespace, "xpra-user01-desktop-failsafe.inside.txt")).toContain("session-supervise");
    for (const { metadata } of await kubectl.pods(`ingress-${demo.namespace}`)) {
      expect(kept(...own, "cluster", `ingress-${demo.namespace}`, `${metadata?.name}.proxy.log`)).not.toBe("");
      expect(kept(...own, "cluster", `ingress-${demo.namespace}`, `${metadata?.name}.broker.log`)).toContain('"event":"start"');
    }
    expect(kept(...own, "cluster", demo.namespace, "describe.txt")).toMatch(/XPRA_PASSWORD:\s+\[redacted\]/);
  });

  it("keeps its page as it was before the test's own cleaning up", () => {
    expect(kept(...own, "browser-1", "page-1.png").slice(1, 4)).toBe("PNG");
    expect(kept(...own, "browser-1", "page-1.txt")).toContain('"state":"sign-in"');
    expect(kept(...own, "browser-1", "page-1.console.txt")).toContain("log: the password is [redacted]");
  });

  it("says what could not be had", () => {
    expect(kept(...own, "broken", "nothing.txt")).toContain("this source is broken");
  });

  it("keeps no secret anywhere", () => {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(10);
    const leaks = files.filter((entry) => {
      const text = readFileSync(join(entry.parentPath, entry.name), "latin1");
      return text.includes(demo.password) || text.includes(sessionPassword);
    });
    expect(leaks.map(({ name }) => name)).toEqual([]);
  });
});

it("a set-up that fails is kept as well, and what passes leaves nothing", () => {
  expect(kept("set-up.failing.ts", "set-up", "failure.txt")).toContain("this set-up fails");
  expect(readdirSync(join(directory, "e2e", "test.failing.ts"))).toEqual(["fails-with-a-page-and-a-session"]);
});
