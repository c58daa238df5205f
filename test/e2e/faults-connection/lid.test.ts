import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, BrowserServer } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { chromiumSwitches, executablePath, openBrowser, waitForOpened, waitForState } from "../page/page.ts";
import { AtWork, attachedProxy, tell } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { type Broken, dropPackets, isOwnCluster } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { signalTree } from "../support/signal-tree.ts";
import { eventually } from "../support/wait.ts";

/** Longer than XPRA_PING_TIMEOUT of the tests' deployment; `VDI_E2E_LID_SECONDS=600` is a lunch break, longer than a ticket. */
const lidSeconds = Number(process.env["VDI_E2E_LID_SECONDS"] ?? "100");

let demo: Demo;
let address: string;
let kubectl: Kubectl;
let laptop: BrowserServer;
let browser: Browser;
let other: Browser;
let user: AtWork;
let broken: Broken | undefined;

beforeAll(async () => {
  demo = await testDemo();
  address = new URL(demo.url).hostname;
  kubectl = kubectlFor(demo.kubeconfig);
  // A browser whose process is known, so that it can be stopped.
  laptop = await chromium.launchServer({ executablePath, args: [...chromiumSwitches] });
  browser = await chromium.connect(laptop.wsEndpoint());
  other = await openBrowser();
}, 2_400_000);

async function openLid(): Promise<void> {
  await broken?.mend();
  await signalTree(laptop.process().pid ?? 0, "SIGCONT");
}

afterAll(async () => {
  if (laptop !== undefined) await openLid();
  await browser?.close();
  await laptop?.close();
  await other?.close();
});

afterEach(async ({ task }) => {
  await openLid();
  if (task.result?.state === "fail") await user?.picture(`failed-${task.name.replace(/\W+/g, "-")}`);
  await user?.leave();
  await kubectl.removeSessions(demo.namespace);
});

/** Waits until the proxies say that nobody is attached; gives the reason that the last one wrote. */
async function untilFreed(proxy: string, deadlineMs: number): Promise<string> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const lines = (await kubectl.logs(`ingress-${demo.namespace}`, proxy, "proxy"))
      .split("\n")
      .filter((line) => /"event":"(at|de)tach"/.test(line));
    const last = JSON.parse(lines.at(-1) ?? "{}") as { event?: string; reason?: string };
    if (last.event === "detach") return last.reason ?? "";
    if (Date.now() > end) throw new Error(`the client was not given up within ${deadlineMs} ms; the last line is ${lines.at(-1)}`);
    await sleep(1_000);
  }
}

describe.runIf(isOwnCluster())("a laptop that is closed", () => {
  it(
    "is given up by the server, blocks nobody, and is back in the same desktop when it is opened",
    async () => {
      user = await AtWork.signedIn(browser, kubectl, demo);
      await user.start();
      const before = await user.pod();
      await user.typeHalf();
      const seen = await user.watch();
      const proxy = (await attachedProxy(kubectl, demo)).metadata?.name ?? "";
      const closedAt = Date.now();
      broken = await dropPackets(address);
      await signalTree(laptop.process().pid ?? 0, "SIGSTOP");
      const reason = await untilFreed(proxy, 180_000);
      process.stderr.write(
        `the lid was closed; the proxy gave the client up after ${Math.round((Date.now() - closedAt) / 1000)} s: ${reason}\n`,
      );
      await sleep(Math.max(0, lidSeconds * 1000 - (Date.now() - closedAt)));
      await openLid();
      const openedAt = Date.now();
      // What the page has shown, not what it shows: it may be back before anybody looks.
      await eventually("the page notices", seen, (notes) => notes.some(({ state }) => state !== "working"), 30_000);
      await waitForState(user.page, ["working"], 60_000);
      process.stderr.write(`the lid was opened after ${lidSeconds} s; the desktop was back after ${(Date.now() - openedAt) / 1000} s\n`);
      tell("the page of the laptop showed", await seen());
      await user.ready();
      await user.typeRest();
      expect((await user.pod()).metadata?.uid).toBe(before.metadata?.uid);
    },
    lidSeconds * 1000 + 300_000,
  );

  it("does not keep its user from the desktop on another machine, at once", async () => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    await user.typeHalf();
    const before = await user.pod();
    broken = await dropPackets(address);
    await signalTree(laptop.process().pid ?? 0, "SIGSTOP");
    // The network of the other machine works.
    await broken.mend();
    const elsewhere = await AtWork.signedIn(other, kubectl, demo);
    try {
      await elsewhere.page.locator(`[data-type="desktop-failsafe"]`).click();
      expect(await waitForOpened(elsewhere.page, 60_000)).toBe("working");
      await elsewhere.ready();
      await elsewhere.typeRest();
      expect((await elsewhere.pod()).metadata?.uid).toBe(before.metadata?.uid);
    } finally {
      await elsewhere.leave();
    }
  });
});
