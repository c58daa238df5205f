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
  waitForOpened,
  waitForQuiet,
  waitForState,
} from "./page/page.ts";
import { testDemo } from "./support/demo.ts";
import { keepKeysSingle } from "./support/keys.ts";
import { type Kubectl, kubectlFor, type ShellOutcome } from "./support/kubectl.ts";

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

/** Runs a shell command in the session's pod. */
function inSession(command: string): Promise<ShellOutcome> {
  return kubectl.shell(demo.namespace, "xpra-user01-desktop", "session", command);
}

async function openDesktop(type: string): Promise<void> {
  await signIn(page, { address: demo.url, user: demo.user, password: demo.password });
  await chooseType(page, type);
  await waitForOpened(page);
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
  const waiting = { timeout: 90_000, interval: 500 };
  // The panel's program runs, and its window is there, before its buttons are.
  await expect.poll(isButtonPainted, waiting).toBe(true);
  await waitForQuiet(page, 2_000);
  await page.mouse.click(118, 14);
  // Off the button, whose tooltip would lie over the terminal.
  await page.mouse.move(640, 700);
  await expect.poll(() => isRunning(pod, "bash -i|-bash|^bash$"), waiting).toBe(true);
  await expect.poll(linesInTerminal, waiting).toEqual([true, ...Array(11).fill(false)]);
  await keepKeysSingle(inSession);
  await waitForQuiet(page, 2_000);
}

/** Types a command into the terminal, waits until it is done, and then until what it has printed is on the page. */
async function runInTerminal(command: string): Promise<void> {
  const file = `/tmp/done-${Date.now()}`;
  await typeInto(page, `${command}; echo done >${file}\n`);
  await expect.poll(() => fileInSession("xpra-user01-desktop", file), { timeout: 30_000, interval: 500 }).toContain("done");
  await waitForQuiet(page);
}

/** The darkest and the brightest pixel, 0 to 255, of each of the lines from a place of the desktop on, as the page shows them. */
function shades(left: number, top: number, width: number, lineHeight: number, lines: number) {
  return page.evaluate(
    ([left, top, width, lineHeight, lines]) => {
      const context = document.querySelector<HTMLCanvasElement>("#desktop canvas")?.getContext("2d");
      return Array.from({ length: lines }, (_, line) => {
        const data = context?.getImageData(left, top + line * lineHeight, width, lineHeight).data ?? new Uint8ClampedArray();
        let [darkest, brightest] = [255, 0];
        for (let at = 0; at < data.length; at += 4) {
          const brightness = Math.max(...data.subarray(at, at + 3));
          darkest = Math.min(darkest, brightness);
          brightest = Math.max(brightest, brightness);
        }
        return { darkest, brightest };
      });
    },
    [left, top, width, lineHeight, lines] as const,
  );
}

/** Whether the page shows the terminal's button: something dark on the bright panel. */
async function isButtonPainted(): Promise<boolean> {
  return (await shades(108, 4, 20, 20, 1)).every(({ darkest, brightest }) => darkest < 100 && brightest > 200);
}

/** Which of the first lines of the terminal, one that `openTerminal` has opened, have something bright in them; it is black. */
async function linesInTerminal(): Promise<readonly boolean[]> {
  return (await shades(6, 84, 780, 19, 12)).map(({ brightest }) => brightest > 100);
}

describe("in the browser", { timeout: 300_000 }, () => {
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
    // The terminal asks for the text only then, and has it at some time, or nothing when the answer takes more than Xpra waits for it.
    const pasted = async (): Promise<string> => {
      await page.keyboard.press("Control+Shift+KeyV");
      for (let time = 0; ; time++) {
        await page.keyboard.press("Enter");
        const text = await fileInSession("xpra-user01-desktop", "/tmp/pasted.txt");
        if (text.includes("from the browser") || time === 7) return text;
        await page.waitForTimeout(500);
      }
    };
    await expect.poll(pasted, { timeout: 60_000, interval: 100 }).toContain("from the browser");
    await page.keyboard.press("Control+d");
    await waitForQuiet(page);

    // A double click on the terminal's first line selects its only word.
    await runInTerminal("clear; echo from-the-desktop");
    // On a busy machine the terminal may show it long after the shell has said it: the click would select what stood there before.
    await expect.poll(linesInTerminal, { timeout: 20_000 }).toEqual([true, true, ...Array(10).fill(false)]);
    // Two clicks that reach the desktop too far apart are no double click.
    const copied = async (): Promise<string> => {
      await page.mouse.dblclick(60, 93);
      await page.keyboard.press("Control+Shift+KeyC");
      await page.waitForTimeout(1_000);
      return page.evaluate(() => navigator.clipboard.readText());
    };
    await expect.poll(copied, { timeout: 30_000, interval: 500 }).toBe("from-the-desktop");
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

  it("says that a desktop is open elsewhere before anything happens there; it can be shared and taken over", async () => {
    await openDesktop("desktop-failsafe");
    const other = await openContext(browser);
    try {
      const second = await other.newPage();
      await signIn(second, { address: demo.url, user: demo.user, password: demo.password });
      await chooseType(second, "desktop-failsafe");
      expect(await waitForState(second, ["working", "elsewhere", "error"])).toBe("elsewhere");
      expect(await waitForState(page, ["working", "ended"])).toBe("working");
      await screenshot(second, join(artifacts, "6-elsewhere.png"));
      await second.getByRole("button", { name: "Share it" }).click();
      await waitForFirstFrame(second);
      expect(await waitForState(page, ["working", "ended"])).toBe("working");
      const third = await other.newPage();
      await signIn(third, { address: demo.url, user: demo.user, password: demo.password });
      await chooseType(third, "desktop-failsafe");
      await third.getByRole("button", { name: "Take it over" }).click();
      await waitForFirstFrame(third);
      for (const left of [page, second]) {
        await waitForState(left, ["ended"]);
        expect(await left.locator("main").textContent()).toContain("taken it over");
      }
    } finally {
      await other.close();
    }
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
    await openDesktop("desktop-failsafe");
    await chooseFromMenu(page, "End my session");
    await page.getByRole("dialog").getByRole("button", { name: "End my session" }).click();
    await waitForState(page, ["ended"]);
    const left = async (): Promise<readonly (string | undefined)[]> =>
      (await kubectl.sessionPods(demo.namespace)).map(({ metadata }) => metadata?.name);
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
  });
});
