import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { accessibilityFindings } from "../page/accessible.ts";
import { openBrowser, waitForState } from "../page/page.ts";
import { AtWork, tell } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { type Broken, dropPackets, isOwnCluster } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { type NativeClient, startNativeClient } from "../support/native-client.ts";

const cutMs = 30_000;

let demo: Demo;
let address: string;
let kubectl: Kubectl;
let browser: Browser;
let user: AtWork | undefined;
let client: NativeClient | undefined;
let broken: Broken | undefined;

beforeAll(async () => {
  demo = await testDemo();
  address = new URL(demo.url).hostname;
  kubectl = kubectlFor(demo.kubeconfig);
  browser = await openBrowser();
}, 2_400_000);

afterAll(async () => {
  await broken?.mend();
  await browser?.close();
});

afterEach(async () => {
  await broken?.mend();
  await user?.leave();
  user = undefined;
  await client?.stop();
  client = undefined;
  await kubectl.removeSessions(demo.namespace);
});

describe.runIf(isOwnCluster())("a network that drops everything", () => {
  it("for half a minute is noticed and said by the page, which comes back into the same desktop by itself", async () => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    const before = await user.pod();
    await user.typeHalf();
    const seen = await user.watch();
    const began = Date.now();
    broken = await dropPackets(address);
    await user.page.getByText("The connection is interrupted").waitFor({ timeout: 20_000 });
    await user.picture("network-quiet");
    await waitForState(user.page, ["reconnecting"], 30_000);
    await user.picture("network-reconnecting");
    expect(await accessibilityFindings(user.page)).toEqual([]);
    await sleep(Math.max(0, cutMs - (Date.now() - began)));
    await broken.mend();
    await waitForState(user.page, ["working"], 60_000);
    tell("all packets were dropped for 30 s; the page showed", await seen());
    await user.ready();
    await user.typeRest();
    expect((await user.pod()).metadata?.uid).toBe(before.metadata?.uid);
  });

  it("for a moment costs nothing: the page says that it waits, and what was typed meanwhile arrives", async () => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    await user.typeHalf();
    const seen = await user.watch();
    broken = await dropPackets(address);
    await user.page.keyboard.type("a");
    await user.page.getByText("The connection is interrupted").waitFor({ timeout: 20_000 });
    await user.page.keyboard.type("ft");
    // At once: twelve seconds after this line the connection would be given up.
    await broken.mend();
    await user.page.getByText("The connection is interrupted").waitFor({ state: "detached", timeout: 20_000 });
    await user.page.keyboard.type("er > /tmp/typed.txt\n");
    const still = user;
    await expect.poll(() => still.file("/tmp/typed.txt"), { timeout: 20_000, interval: 500 }).toBe("before-after");
    tell("all packets were dropped for some seconds; the page showed", await seen());
    expect((await seen()).filter(({ state }) => state !== "working")).toEqual([]);
  });

  it("for half a minute is survived by Xpra's own client on the same connection", async () => {
    client = await startNativeClient(demo.baseImage, demo.password, ["attach", `wss://xpra-user01@${address}:443/seamless`]);
    await client.line(/Attached to/i);
    await expect.poll(() => client?.windows(), { timeout: 30_000, interval: 500 }).toContainEqual(expect.stringMatching(/xterm|terminal/i));
    broken = await dropPackets(address);
    await sleep(cutMs);
    await broken.mend();
    const mendedAt = Date.now();
    const [pod] = await kubectl.sessionPods(demo.namespace);
    // A window that is opened in the session afterwards is shown.
    const open = "DISPLAY=$(ls /tmp/.X11-unix | sed s/X/:/) setsid xterm -T after-the-cut -e sleep 600 >/dev/null 2>&1 &";
    await kubectl.shell(demo.namespace, pod?.metadata?.name ?? "", "session", open);
    await expect.poll(() => client?.windows(), { timeout: 60_000, interval: 500 }).toContainEqual(expect.stringMatching(/after-the-cut/));
    process.stderr.write(`the network was there again; Xpra's own client showed what is new after ${(Date.now() - mendedAt) / 1000} s\n`);
  });
});
