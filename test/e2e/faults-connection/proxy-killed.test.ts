import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { openBrowser, waitForState } from "../page/page.ts";
import { AtWork, attachedProxy, tell, untilProxiesReady } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { keepConnecting } from "../support/door.ts";
import { isOwnCluster, killContainer } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { eventually } from "../support/wait.ts";

let demo: Demo;
let kubectl: Kubectl;
let browser: Browser;
let user: AtWork | undefined;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  browser = await openBrowser();
}, 2_400_000);

afterAll(async () => {
  await browser?.close();
});

afterEach(async () => {
  await user?.leave();
  await kubectl.removeSessions(demo.namespace);
  await untilProxiesReady(kubectl, demo);
});

describe("a user at work whose proxy is killed", () => {
  const ways: readonly (readonly [string, (pod: Awaited<ReturnType<typeof attachedProxy>>) => Promise<void>])[] = [
    [
      "its pod deleted at once",
      async ({ metadata }) => {
        await kubectl.run(
          "delete",
          "pod",
          "-n",
          metadata?.namespace ?? "",
          metadata?.name ?? "",
          "--grace-period=0",
          "--force",
          "--wait=false",
        );
      },
    ],
    ["its process by kill -9", (pod) => killContainer(pod, "proxy")],
  ];

  it.each(isOwnCluster() ? ways : ways.slice(0, 1))("%s, is back in the same desktop without doing anything", async (_, kill) => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    const before = await user.pod();
    await user.typeHalf();
    const proxy = await attachedProxy(kubectl, demo);
    const seen = await user.watch();
    await kill(proxy);
    // What the page has shown, not what it shows: it may be back before anybody looks.
    await eventually("the page connects again", seen, (notes) => notes.some(({ state }) => state === "reconnecting"), 60_000);
    await user.picture("proxy-killed");
    await waitForState(user.page, ["working"], 60_000);
    const notes = await seen();
    tell("the proxy was killed; the page showed", notes);
    expect(notes.filter(({ state }) => state === "reconnecting").every(({ words }) => /Connecting again/.test(words))).toBe(true);
    expect(notes.map(({ state }) => state)).not.toContain("error");
    await user.ready();
    await user.typeRest();
    expect((await user.pod()).metadata?.uid).toBe(before.metadata?.uid);
    await user.picture("proxy-killed-back");
  });

  it("going as a deploy or a drained node has it go, is back in the same desktop, and nobody new meets it", async () => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    const before = await user.pod();
    await user.typeHalf();
    const { metadata } = await attachedProxy(kubectl, demo);
    const seen = await user.watch();
    const newcomers = keepConnecting(new URL(demo.url).hostname);
    // Ends when the pod is gone.
    await kubectl.run("delete", "pod", "-n", metadata?.namespace ?? "", metadata?.name ?? "");
    await eventually("the page connects again", seen, (notes) => notes.some(({ state }) => state === "reconnecting"), 60_000);
    await waitForState(user.page, ["working"], 60_000);
    const { tries, failed } = await newcomers();
    tell(`the proxy went, and ${tries} connected meanwhile; the page showed`, await seen());
    expect(failed).toEqual([]);
    expect(tries).toBeGreaterThan(5);
    await user.ready();
    await user.typeRest();
    expect((await user.pod()).metadata?.uid).toBe(before.metadata?.uid);
  });
});
