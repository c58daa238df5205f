import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, devices, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Session } from "../session-image/session.ts";
import { sessionImage } from "../support/images.ts";
import { startNativeClient } from "../support/native-client.ts";
import { accessibilityFindings } from "./accessible.ts";
import {
  chooseFromMenu,
  frames,
  openBrowser,
  openContext,
  problemText,
  screenshot,
  typeInto,
  waitForOpened,
  waitForQuiet,
  waitForState,
} from "./page.ts";
import { person, type SessionRig, startSessionRig } from "./session-rig.ts";

// The page with a real session behind a played door.
const artifacts = join(import.meta.dirname, "..", "..", "..", "artifacts", "desktop");

let rig: SessionRig;
let browser: Browser;
let contexts: BrowserContext[] = [];
let violations: string[] = [];

beforeAll(async () => {
  mkdirSync(artifacts, { recursive: true });
  browser = await openBrowser();
  rig = await startSessionRig();
});

afterAll(async () => {
  await browser?.close();
  await rig?.close();
});

beforeEach(() => {
  violations = [];
});

afterEach(async () => {
  await Promise.all(contexts.map((each) => each.close()));
  contexts = [];
  // Whatever a test has done: nothing of it was against the page's policy.
  expect(violations).toEqual([]);
});

/** A page that reports whatever is against its policy. */
async function newPage(made?: BrowserContext): Promise<Page> {
  const context = made ?? (await openContext(browser));
  contexts.push(context);
  await context.exposeFunction("vdiViolation", (words: string) => violations.push(words));
  await context.addInitScript(() => {
    const report = (window as unknown as { vdiViolation(words: string): void }).vdiViolation;
    document.addEventListener("securitypolicyviolation", (event) =>
      report(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`),
    );
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted ?(Types|Script|HTML)/i.test(message.text())) violations.push(message.text());
  });
  page.on("pageerror", (error) => violations.push(error.message));
  return page;
}

describe("a session that is open elsewhere", () => {
  test("a second tab is told before anything happens, and takes it over", async () => {
    const first = await newPage();
    const second = await newPage();
    await rig.open(first);
    await rig.open(second, "Take it over");
    await waitForState(first, ["ended"]);
    expect(await first.locator("main").textContent()).toContain("taken it over");
    await first.getByRole("button", { name: "Bring it here" }).click();
    await waitForState(first, ["working"]);
    await waitForState(second, ["ended"]);
  });

  test("is left alone by who cancels, and shared by who shares it", async () => {
    const first = await newPage();
    const second = await newPage();
    await rig.open(first);
    await rig.ask(second);
    await waitForState(second, ["elsewhere"]);
    await second.getByRole("button", { name: "Cancel" }).click();
    await waitForState(second, ["choose"]);
    expect(await waitForState(first, ["working", "ended"])).toBe("working");
    await rig.open(second, "Share it");
    await rig.expectTyped("from the second", () => typeInto(second, "from the second\n"));
    await rig.expectTyped("from the first", () => typeInto(first, "from the first\n"));
  });

  test("who has taken it over can be joined", async () => {
    const first = await newPage();
    const second = await newPage();
    const third = await newPage();
    await rig.open(first);
    await rig.open(second, "Take it over");
    await rig.open(third, "Share it");
    expect(await waitForState(second, ["working"])).toBe("working");
  });

  test("Xpra's own client counts as well", async () => {
    const { host, port } = await rig.session.address();
    const client = await startNativeClient(sessionImage, Session.password, ["attach", `tcp://${person.user}@${host}:${port}/`]);
    try {
      await client.line(/Attached to/i);
      const page = await newPage();
      await rig.open(page, "Take it over");
      expect(await client.ended()).toMatch(/new client/i);
    } finally {
      await client.stop();
    }
  });

  test("leaving it and coming back is no second client", async () => {
    const page = await newPage();
    await rig.open(page);
    await chooseFromMenu(page, "Sign out");
    // The session notices a moment later.
    await rig.left();
    await page.getByRole("button", { name: "Sign in again" }).click();
    await page.getByLabel("User name").fill(person.user);
    await page.getByLabel("Password", { exact: true }).fill(person.password);
    await page.keyboard.press("Enter");
    await waitForState(page, ["choose"]);
    await page.locator('[data-type="desktop"]').click();
    expect(await waitForState(page, ["working", "elsewhere", "error"])).toBe("working");
  });
});

test("opens although the workers' file could not be fetched, neither in advance nor for the connection", async () => {
  const page = await newPage();
  const before = rig.door.calls.length;
  const timesAsked = (): number => rig.door.calls.slice(before).filter((call) => call === "sessions").length;
  let fetches = 0;
  await page.route("**/client-*.js", (route) => {
    fetches += 1;
    // The first one is the page's own. The session is asked for a second time when the connection has met the loss.
    return fetches > 1 && timesAsked() < 2 ? route.abort("connectionfailed") : route.continue();
  });
  await rig.open(page);
  // And for a third time where it is taken over from the former test's page.
  expect([2, 3]).toContain(timesAsked());
});

test("a page whose client could not be fetched at first opens the desktop, at the latest when it is loaded again", async () => {
  const page = await newPage();
  let fetches = 0;
  await page.route("**/client-*.js", (route) => {
    fetches += 1;
    return fetches === 1 ? route.abort("connectionfailed") : route.continue();
  });
  await rig.ask(page);
  if ((await waitForOpened(page)) === "error") {
    expect(await problemText(page)).toContain("This page could not be loaded as a whole.");
    expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(0);
    await page.getByRole("button", { name: "Load this page again" }).click();
    await page.getByLabel("User name").waitFor();
    await rig.ask(page);
  }
  expect(await waitForOpened(page)).toBe("working");
});

test("a page whose workers cannot be had any more says so", async () => {
  const page = await newPage();
  let fetches = 0;
  await page.route("**/client-*.js", (route) => {
    fetches += 1;
    // As after an update of the service: what the page itself has it keeps, and the file is gone.
    return fetches > 1 ? route.fulfill({ status: 404 }) : route.continue();
  });
  await rig.ask(page);
  await page.getByRole("button", { name: "Load this page again" }).waitFor();
});

test("by keyboard alone: in, to the menu and back to the desktop, and out", async () => {
  await rig.left();
  const page = await newPage();
  await page.goto(rig.door.address);
  await page.keyboard.type(person.user);
  await page.keyboard.press("Tab");
  await page.keyboard.type(person.password);
  await page.keyboard.press("Enter");
  await waitForState(page, ["choose"]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await waitForState(page, ["working"]);
  await waitForQuiet(page);
  await rig.expectTyped("keys", () => typeInto(page, "keys\n"));
  // Tab belongs to the desktop; only these keys lead out of it.
  await page.keyboard.press("Tab");
  expect(await focused(page)).toMatch(/^Your desktop/);
  await page.keyboard.press("Control+Alt+Shift+KeyM");
  expect(await focused(page)).toBe("Clipboard");
  expect(await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)).toBe("solid");
  const seen = [];
  for (let step = 0; step < 3; step++) {
    await page.keyboard.press("Tab");
    seen.push(await focused(page));
  }
  expect(seen).toEqual(["Full screen", "Sign out", "End my session"]);
  await screenshot(page, join(artifacts, "menu-by-keyboard.png"));
  await page.keyboard.press("Escape");
  expect(await focused(page)).toMatch(/^Your desktop/);
  await rig.expectTyped("more", async () => {
    // What was pressed while the menu was open did not reach the desktop.
    await page.keyboard.press("Control+KeyU");
    await typeInto(page, "more\n");
  });
  await page.keyboard.press("Control+Alt+Shift+KeyM");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await waitForState(page, ["ended"]);
  expect(await page.locator("#tool-tab").getAttribute("aria-expanded")).toBe("false");
});

test("a window's own buttons leave the keyboard to the desktop, and an emptied canvas is painted anew", async () => {
  const page = await newPage();
  await rig.open(page);
  await page.locator("#desktop canvas").first().click();
  await page.locator(".frame-maximise").first().click();
  expect(await focused(page)).toMatch(/^Your desktop/);
  await waitForQuiet(page);
  await rig.expectTyped("after the button", () => typeInto(page, "after the button\n"));
  await waitForQuiet(page);
  const before = await frames(page);
  await page.locator("#desktop canvas").first().dispatchEvent("contextrestored");
  await expect.poll(() => frames(page), { timeout: 15_000, interval: 200 }).toBeGreaterThan(before);
});

/** The name of what has the keyboard. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const item = document.activeElement;
    return item?.getAttribute("aria-label") ?? item?.firstChild?.textContent ?? "";
  });
}

/** Prints what is selected in the session, whose terminal says "ready" in its first line. */
const selection = `DISPLAY=$(ls /tmp/.X11-unix | head -n 1 | sed s/X/:/) timeout 20 python3 -c '
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
print(Gtk.Clipboard.get(Gdk.SELECTION_PRIMARY).wait_for_text() or "")'`;

describe("on a phone", () => {
  async function openPhone(): Promise<Page> {
    const { defaultBrowserType: _, ...phone } = devices["Pixel 5"] as (typeof devices)[string];
    const page = await newPage(await browser.newContext({ ...phone, viewport: { width: 390, height: 844 }, locale: "en-US" }));
    await rig.open(page);
    return page;
  }

  test("the screen's keyboard is in the menu, and what it does is typed", async () => {
    const page = await openPhone();
    const mode = () => page.evaluate(() => document.querySelector<HTMLTextAreaElement>(".key-target")?.inputMode);
    expect(await mode()).toBe("none");
    await page.locator("#tool-tab").tap();
    await page.getByRole("button", { name: "Keyboard" }).waitFor();
    await screenshot(page, join(artifacts, "menu-390.png"));
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.getByRole("button", { name: "Keyboard" }).tap();
    await expect.poll(mode, { timeout: 15_000, interval: 100 }).toBe("text");
    const devtools = await page.context().newCDPSession(page);
    const write = (text: string) =>
      devtools.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    await rig.expectTyped("hello wörld x", async () => {
      // A word grows, is corrected, and is done; one letter too many is taken back.
      for (const text of ["h", "he", "hel", "hrl", "hell"]) await write(text);
      await devtools.send("Input.insertText", { text: "hello " });
      await devtools.send("Input.insertText", { text: "wörld xy" });
      await page.evaluate(() => document.execCommand("delete"));
      await page.keyboard.press("Enter");
    });
    await page.locator("#tool-tab").tap();
    await page.getByRole("button", { name: "Keyboard" }).tap();
    await expect.poll(mode, { timeout: 15_000, interval: 100 }).toBe("none");
  });

  test("a finger is a pointer: two taps on a word select it, a rest opens the program's menu", async () => {
    const page = await openPhone();
    const where = await page.locator("#desktop canvas").first().boundingBox();
    if (where === null) throw new Error("there is no window");
    const place = { x: where.x + 20, y: where.y + 14 };
    // Two taps that reach the desktop too far apart are no double one, and more than two are another one.
    const selected = async (): Promise<string | undefined> => {
      await page.touchscreen.tap(place.x, place.y);
      await page.touchscreen.tap(place.x, place.y);
      await waitForQuiet(page);
      // The library's warnings come after it.
      return (await rig.session.inside(selection)).output.split("\n")[0];
    };
    await expect.poll(selected, { timeout: 30_000, interval: 500 }).toBe("ready");
    await screenshot(page, join(artifacts, "selected-390.png"));
    const before = await page.locator("#desktop canvas").count();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: place.x + 80, y: place.y + 120 }] });
    await expect.poll(() => page.locator("#desktop canvas").count(), { timeout: 15_000, interval: 200 }).toBeGreaterThan(before);
    await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await screenshot(page, join(artifacts, "context-menu-390.png"));
    expect(await problemText(page)).toBe("");
  });
});
