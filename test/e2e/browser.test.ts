import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import {
  chooseFromMenu,
  chooseType,
  openBrowser,
  openContext,
  problemText,
  screenshot,
  signIn,
  typeInto,
  waitForFirstFrame,
  waitForQuiet,
  waitForState,
} from "./page/page.ts";
import { testDemo } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

const root = join(import.meta.dirname, "..", "..");
const artifacts = join(root, "artifacts");
/** Where the README's pictures go; VDI_PICTURES=doc/pictures makes those that are kept anew. */
const pictures = join(root, process.env["VDI_PICTURES"] ?? join("artifacts", "pictures"));

let demo: Demo;
let kubectl: Kubectl;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  for (const directory of [artifacts, pictures]) mkdirSync(directory, { recursive: true });
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  browser = await openBrowser();
}, 2_400_000);

afterAll(async () => {
  await browser?.close();
});

beforeEach(async () => {
  context = await openContext(browser);
  page = await context.newPage();
});

afterEach(async () => {
  await context.close();
  await kubectl.removeSessions(demo.namespace);
});

/** What a file in the session's pod holds; empty when it is not there. */
async function fileInSession(pod: string, file: string): Promise<string> {
  try {
    return await kubectl.run("exec", "-n", demo.namespace, pod, "--", "cat", file);
  } catch {
    return "";
  }
}

async function openDesktop(type: string): Promise<void> {
  await signIn(page, { address: demo.url, user: demo.user, password: demo.password });
  await chooseType(page, type);
  await waitForFirstFrame(page);
}

/** Whether a program runs in the session's pod. */
async function isRunning(pod: string, program: string): Promise<boolean> {
  try {
    return (await kubectl.run("exec", "-n", demo.namespace, pod, "--", "pgrep", "-f", program)) !== "";
  } catch {
    return false;
  }
}

/** Opens a terminal by its button on the panel, once the panel is there, and waits for its prompt. */
async function openTerminal(): Promise<void> {
  const pod = "xpra-user01-desktop";
  const waiting = { timeout: 30_000, interval: 500 };
  await expect.poll(() => isRunning(pod, "xfce4-panel"), waiting).toBe(true);
  await waitForQuiet(page, 2_000);
  await page.mouse.click(118, 14);
  // Off the button, whose tooltip would lie over the terminal.
  await page.mouse.move(640, 700);
  await expect.poll(() => isRunning(pod, "bash -i|-bash|^bash$"), waiting).toBe(true);
  await waitForQuiet(page, 2_000);
}

/** Types a command into the terminal, waits until it is done, and then until what it has printed is on the page. */
async function runInTerminal(command: string): Promise<void> {
  const file = `/tmp/done-${Date.now()}`;
  await typeInto(page, `${command}; echo done >${file}\n`);
  await expect.poll(() => fileInSession("xpra-user01-desktop", file), { timeout: 30_000, interval: 500 }).toContain("done");
  await waitForQuiet(page);
}

/** Which of the first lines of the terminal, one that `openTerminal` has opened, have something in them on the page. */
function linesInTerminal(): Promise<readonly boolean[]> {
  return page.evaluate(() => {
    const [left, top, width, lineHeight, lines] = [6, 84, 780, 19, 12] as const;
    const context = document.querySelector<HTMLCanvasElement>("#desktop canvas")?.getContext("2d");
    return Array.from({ length: lines }, (_, at) => {
      const pixels = context?.getImageData(left, top + at * lineHeight, width, lineHeight).data ?? new Uint8ClampedArray();
      // Bright ones; the terminal is black.
      return pixels.some((value, index) => index % 4 !== 3 && value > 100);
    });
  });
}

describe("in the browser", () => {
  it("a user signs in and works on an Xfce desktop", async () => {
    await page.goto(demo.url);
    await screenshot(page, join(artifacts, "1-sign-in.png"));
    expect(await signIn(page, { address: demo.url, user: demo.user, password: demo.password })).toBe("choose");
    await screenshot(page, join(artifacts, "2-choose.png"));
    await chooseType(page, "desktop");
    await waitForFirstFrame(page);
    await waitForQuiet(page, 2_000);
    await screenshot(page, join(artifacts, "3-desktop.png"));
    await openTerminal();
    const words = 'Grüße @home #1 {x} ~ "y" \\z';
    await typeInto(page, `cat > /tmp/typed.txt\n${words}\n`);
    await page.keyboard.press("Control+d");
    await screenshot(page, join(artifacts, "4-typed.png"));
    await expect.poll(() => fileInSession("xpra-user01-desktop", "/tmp/typed.txt"), { timeout: 20_000, interval: 500 }).toBe(words);
  });

  it("gives the README its pictures: the page, and a desktop at work", async () => {
    await page.setViewportSize({ width: 1000, height: 640 });
    await page.goto(demo.url);
    await page.getByLabel("User name").fill("alice");
    await screenshot(page, join(pictures, "sign-in.png"));
    await openDesktop("desktop");
    await openTerminal();
    // Nothing of a button's tooltip.
    await page.mouse.move(500, 400);
    await runInTerminal("id -un; uname -sm; grep -E 'CapEff|NoNewPrivs' /proc/self/status");
    await typeInto(page, "mousepad /etc/os-release &\n");
    await expect.poll(() => isRunning("xpra-user01-desktop", "mousepad"), { timeout: 30_000, interval: 500 }).toBe(true);
    await waitForQuiet(page, 2_000);
    await screenshot(page, join(pictures, "desktop.png"));
  });

  it("text is copied both ways", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await openDesktop("desktop");
    await openTerminal();
    await page.evaluate(() => navigator.clipboard.writeText("from the browser"));
    await typeInto(page, "cat > /tmp/pasted.txt\n");
    await page.keyboard.press("Control+Shift+KeyV");
    // The terminal asks for the text only now: the next key is pressed when it is there, as a user would.
    await waitForQuiet(page);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+d");
    await expect
      .poll(() => fileInSession("xpra-user01-desktop", "/tmp/pasted.txt"), { timeout: 20_000, interval: 500 })
      .toContain("from the browser");

    // A double click on the terminal's first line selects its only word.
    await runInTerminal("clear; echo from-the-desktop");
    // On a busy machine the terminal may show it long after the shell has said it: the click would select what stood there before.
    await expect.poll(linesInTerminal, { timeout: 20_000 }).toEqual([true, true, ...Array(10).fill(false)]);
    await page.mouse.dblclick(60, 93);
    await page.keyboard.press("Control+Shift+KeyC");
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()), { timeout: 20_000, interval: 500 })
      .toBe("from-the-desktop");
  });

  it("the desktop takes the size of the window", async () => {
    await openDesktop("desktop");
    await page.setViewportSize({ width: 1000, height: 700 });
    await expect
      .poll(
        async () =>
          kubectl.run(
            "exec",
            "-n",
            demo.namespace,
            "xpra-user01-desktop",
            "--",
            "sh",
            "-c",
            "DISPLAY=$(ls /tmp/.X11-unix | sed s/X/:/) xdpyinfo | grep dimensions",
          ),
        { timeout: 20_000, interval: 500 },
      )
      .toMatch(/1000x700/);
  });

  it("a wrong password is said in words", async () => {
    expect(await signIn(page, { address: demo.url, user: demo.user, password: "not-the-password" })).toBe("sign-in");
    expect(await problemText(page)).toMatch(/password/i);
    await screenshot(page, join(artifacts, "5-refused.png"));
  });

  it("signing out leaves the session, ending it removes the pod", async () => {
    await openDesktop("desktop-failsafe");
    await chooseFromMenu(page, "Sign out");
    await waitForState(page, ["sign-in", "ended"]);
    expect(await kubectl.sessionPods(demo.namespace)).toHaveLength(1);
    // Nothing that could sign somebody in again is left behind.
    expect(await page.evaluate(() => ({ local: { ...localStorage }, session: { ...sessionStorage }, cookie: document.cookie }))).toEqual({
      local: {},
      session: {},
      cookie: "",
    });
  });
});
