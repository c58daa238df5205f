import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { capture } from "../page/capture.ts";
import { chooseType, openBrowser, problemText, waitForOpened, waitForState } from "../page/page.ts";
import { AtWork, expectUndisturbed, tell, terminalType, untilProxiesReady } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { type Broken, disturbing, holdApiServer, isOwnCluster, killApiServer, untilClusterWorks } from "../support/faults.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";

const awayMs = 60_000;

let demo: Demo;
let kubectl: Kubectl;
let browser: Browser;
let users: AtWork[] = [];

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  browser = await openBrowser();
}, 2_400_000);

afterAll(async () => {
  await browser?.close();
});

afterEach(async () => {
  for (const user of users) await user.leave();
  users = [];
  await kubectl.removeSessions(demo.namespace);
  await untilProxiesReady(kubectl, demo);
});

async function signedIn(name: string): Promise<AtWork> {
  const user = await AtWork.signedIn(browser, kubectl, demo, name);
  users.push(user);
  return user;
}

describe.runIf(isOwnCluster())("an API server that is away for a minute", () => {
  const ways: readonly (readonly [string, () => Promise<Broken>])[] = [
    ["answers nobody", holdApiServer],
    ["is killed and started again", killApiServer],
  ];

  it.each(ways)(
    "and %s: users work on, return to their sessions, and new ones are told",
    async (way, breakIt) => {
      const working = await signedIn("xpra-user01");
      await working.start();
      const before = await working.pod();
      const screen = async (user: AtWork): Promise<string> => (await capture(user.page)).toString("base64");
      await working.typeHalf();
      const seen = await working.watch();
      const waiting = await signedIn("xpra-user02");
      const leaving = await signedIn("xpra-user03");
      await leaving.start();
      await leaving.typeHalf();
      const left = await leaving.pod();
      await leaving.leave();
      users = users.filter((user) => user !== leaving);
      const returning = await signedIn("xpra-user03");
      await disturbing(async () => {
        const began = Date.now();
        const broken = await breakIt();
        try {
          // Typed text appears: the way to the session has nothing to do with the API server.
          const empty = await screen(working);
          await working.page.keyboard.type("while-away-");
          await expect.poll(() => screen(working), { timeout: 20_000, interval: 500 }).not.toBe(empty);
          // Somebody who comes back needs no API server either: the broker knows the session.
          await chooseType(returning.page, terminalType);
          expect(await waitForOpened(returning.page, 30_000)).toBe("working");
          await returning.picture("api-away-returned");
          // A new session cannot be made now, and its user is told so.
          const told = await waiting.watch();
          await chooseType(waiting.page, terminalType);
          await waitForState(waiting.page, ["error"], 120_000);
          expect(await problemText(waiting.page)).toMatch(/cannot be looked up or started at the moment/);
          await waiting.picture("api-away-new");
          tell(`the API server ${way}; the page of somebody new showed`, await told());
          await sleep(Math.max(0, awayMs - (Date.now() - began)));
          await expectUndisturbed(seen);
        } finally {
          await broken.mend();
          await untilClusterWorks();
        }
      });
      await returning.ready();
      await returning.typeRest();
      expect((await returning.pod()).metadata?.uid).toBe(left.metadata?.uid);
      await working.typeRest("before-while-away-after");
      expect((await working.pod()).metadata?.uid).toBe(before.metadata?.uid);
      // The watches of the brokers have caught up: what was made and deleted meanwhile or since is known.
      await waiting.page.getByRole("button", { name: "Try again" }).click();
      await waiting.ready();
      await waiting.type("afterwards");
      await kubectl.removeSessions(demo.namespace);
      await waitForState(waiting.page, ["ended"], 60_000);
    },
    800_000,
  );
});
