import type { Browser } from "playwright-core";
import { openBrowser, openContext, waitForFirstFrame } from "../../e2e/page/page.ts";
import type { Bench } from "../bench.ts";
import { type Deployment, lightType } from "../deployment.ts";

const returning = "xpra-user02";
const newcomer = "xpra-user01";

/** What a user sees. */
export const bench: Bench = {
  name: "browser",
  what: 'In Chromium: from the click on "Sign in" to the desktop\'s first picture on the page.',
  how: "Both moments by the page's own clock, in a fresh browser window each time, the fields filled before, and the page as it is after the moment that typing takes: it has fetched what it fetches by itself. A returning user's session runs; a new user's pod does not exist. In turn. The type is a terminal without a desktop, so that the first picture is Xpra's and not a desktop environment's.",
  heldBackBy:
    "Returning: PAM and one TLS connection for the WebSocket, Xpra's hello through the proxy and its first picture; Chromium without a graphics card draws on the same processors. New: the pod's start, of which the kubelet's second between two looks at its containers is the largest part, see new-session.",
  async run(world) {
    const deployment = await world.deployment();
    world.defer(() => deployment.endSessions());
    await deployment.endSessions();
    await deployment.login(returning, lightType);
    const browser = await openBrowser();
    world.defer(() => browser.close());
    const back: number[] = [];
    const anew: number[] = [];
    const rounds = world.count(10, 1);
    await clickToFrame(browser, deployment, returning);
    for (let round = 0; round < rounds; round += 1) {
      world.signal.throwIfAborted();
      for (let at = 0; at < world.count(3, 1); at += 1) back.push(await clickToFrame(browser, deployment, returning));
      anew.push(await clickToFrame(browser, deployment, newcomer));
      const { kubectl, namespace } = deployment;
      await kubectl.run("delete", "pod", "-n", namespace, `${newcomer}-${lightType}`, "--wait=true", "--timeout=60s");
      world.say(`round ${round + 1} of ${rounds}`);
    }
    return [
      { what: "click to first picture, session runs", unit: "ms", samples: back, targets: [{ of: "p50", atMost: 600 }] },
      {
        what: "click to first picture, new session",
        unit: "ms",
        samples: anew,
        plain: { what: "session runs", samples: back, paired: false },
        targets: [{ of: "p50", atMost: 1800 }],
      },
    ];
  },
};

/** Milliseconds on the page's clock. The address names the type, so that there is nothing to choose. */
async function clickToFrame(browser: Browser, deployment: Deployment, user: string): Promise<number> {
  const context = await openContext(browser);
  try {
    const page = await context.newPage();
    await page.goto(`${deployment.url}${lightType}.html`);
    await page.getByLabel("User name").fill(user);
    await page.getByLabel("Password", { exact: true }).fill(deployment.password);
    await page.evaluate(() => {
      const moments = window as unknown as { clicked?: number; painted?: number };
      document.addEventListener(
        "click",
        () => {
          moments.clicked ??= performance.now();
        },
        { capture: true },
      );
      new MutationObserver(() => {
        if (Number(document.body.dataset["frames"]) > 0) moments.painted ??= performance.now();
      }).observe(document.body, { attributes: true });
    });
    await page.waitForLoadState("networkidle");
    await page.getByRole("button", { name: "Sign in" }).click();
    await waitForFirstFrame(page);
    return await page.evaluate(() => {
      const { clicked = 0, painted = 0 } = window as unknown as { clicked?: number; painted?: number };
      return painted - clicked;
    });
  } finally {
    await context.close();
  }
}
