import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../start/demo.ts";
import { openBrowser, typeInto, waitForState } from "../page/page.ts";
import { AtWork, tell } from "../support/at-work.ts";
import { testDemo } from "../support/demo.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";

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
});

afterEach(async () => {
  await user?.leave();
  await kubectl.removeSessions(demo.namespace);
});

async function deletePod(...more: string[]): Promise<void> {
  await kubectl.run("delete", "pod", "-n", demo.namespace, (await user.pod()).metadata?.name ?? "", "--wait=false", ...more);
}

describe("a session that ends under its user", () => {
  it.each([
    ["deleted by the admin", () => deletePod()],
    ["killed with its pod", () => deletePod("--grace-period=0", "--force")],
    // The hardest: for a second or two the cluster still takes the session for a running one.
    ["ended from inside", () => typeInto(user.page, "exit\n")],
  ])("%s is said to be over, and a new one starts only when the user wants it", async (name, end) => {
    user = await AtWork.signedIn(browser, kubectl, demo);
    await user.start();
    const first = (await user.pod()).metadata?.uid;
    const seen = await user.watch();
    await end();
    await waitForState(user.page, ["ended"], 60_000);
    const notes = await seen();
    tell(`a session was ${name}; the page showed`, notes);
    expect(notes.at(-1)?.words).toMatch(/Your session is over/);
    await user.picture(`session-${name.replaceAll(" ", "-")}`);
    // Nothing was started in its place.
    const left = (await kubectl.sessionPods(demo.namespace)).map(({ metadata }) => metadata?.uid);
    expect(left.filter((uid) => uid !== first)).toEqual([]);
    await user.page.getByRole("button", { name: "Open a new one" }).click();
    await user.ready();
    await user.type("new");
    expect((await user.pod()).metadata?.uid).not.toBe(first);
  });
});
