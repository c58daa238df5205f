import type { V1Pod } from "@kubernetes/client-node";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { chooseType, openBrowser, waitForState } from "../page/page.ts";
import { AtWork, expectUndisturbed, tell, terminalType, untilProxiesReady } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { isOwnCluster, killContainer } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { livingProxies } from "../support/proxies.ts";
import { eventually } from "../support/wait.ts";

let demo: Demo;
let kubectl: Kubectl;
let browser: Browser;
let user: AtWork;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  browser = await openBrowser();
}, 2_400_000);

afterAll(async () => {
  await browser?.close();
  if (demo === undefined) return;
  // A deploy has no patience with containers that were started anew again and again, as these were.
  await kubectl.run("delete", "pods", "-n", `ingress-${demo.namespace}`, "-l", "app=xpra-proxy");
  await untilProxiesReady(kubectl, demo);
});

afterEach(async () => {
  await user?.leave();
  await kubectl.removeSessions(demo.namespace);
  await untilProxiesReady(kubectl, demo);
});

/**
 * Kills the brokers of these proxies; the returned function waits until each was started anew and both proxies are ready. Until the
 * kubelet has noticed the end all are still called ready.
 */
async function killBrokers(proxies: readonly V1Pod[]): Promise<() => Promise<void>> {
  const restarts = (pods: readonly V1Pod[]) =>
    new Map(
      pods.map(({ metadata, status }) => [
        metadata?.name,
        status?.containerStatuses?.find(({ name }) => name === "broker")?.restartCount ?? 0,
      ]),
    );
  const before = restarts(proxies);
  await Promise.all(proxies.map((proxy) => killContainer(proxy, "broker")));
  const notYet = async (): Promise<readonly unknown[]> => {
    const now = restarts(await livingProxies(kubectl, demo));
    return [...before].filter(([name, count]) => (now.get(name) ?? 0) <= count);
  };
  return async () => {
    await eventually("all brokers are started anew", notYet, ({ length }) => length === 0, 120_000);
    await untilProxiesReady(kubectl, demo);
  };
}

describe.runIf(isOwnCluster())("brokers that are killed", () => {
  it("while a session starts, are only waited for: the page shows no error, and it is one and the same pod", async () => {
    const proxies = await livingProxies(kubectl, demo);
    user = await AtWork.signedIn(browser, kubectl, demo);
    const seen = await user.watch();
    // The session must not be ready before its brokers are killed.
    await kubectl.run("cordon", "-l", "kubernetes.io/os=linux");
    let pod: V1Pod | undefined;
    let untilBack: (() => Promise<void>) | undefined;
    try {
      await chooseType(user.page, terminalType);
      [pod] = await eventually(
        "the session's pod",
        () => kubectl.sessionPods(demo.namespace),
        ({ length }) => length === 1,
      );
      // All of them: the one that made the pod is among them, and no other can help out.
      untilBack = await killBrokers(proxies);
      expect(await user.page.evaluate(() => document.body.dataset.state)).toBe("starting");
      await user.picture("broker-killed");
    } finally {
      await kubectl.run("uncordon", "-l", "kubernetes.io/os=linux");
    }
    await waitForState(user.page, ["working"], 90_000);
    const notes = await seen();
    tell("both brokers were killed while a session started; the page showed", notes);
    expect([...new Set(notes.map(({ state }) => state))].filter((state) => !["choose", "starting", "working"].includes(state))).toEqual([]);
    await user.ready();
    await user.type("hello");
    expect((await user.pod()).metadata?.uid).toBe(pod?.metadata?.uid);
    await untilBack?.();
  }, 400_000);

  it("while a user works, are not noticed", async () => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    await user.typeHalf();
    const seen = await user.watch();
    const untilBack = await killBrokers(await livingProxies(kubectl, demo));
    await user.typeRest();
    await untilBack();
    await expectUndisturbed(seen);
  }, 400_000);
});
