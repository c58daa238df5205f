import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { type Browser, chromium } from "playwright-core";
import { keepPagesOnFailure } from "../support/page-artifacts.ts";
import { capture } from "./capture.ts";

/** Where the page stands, as it says itself. */
export type PageState = "sign-in" | "choose" | "starting" | "elsewhere" | "working" | "reconnecting" | "ended" | "error";

/** Who signs in where. */
export interface SignIn {
  /** Without a path, e.g. `https://127.0.0.1:8443`; a path such as `/desktop.html` names a type. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
}

/** Switches with which Chromium runs in a container and looks for nothing on the net. */
export const chromiumSwitches = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's Chromium, or the program that `VDI_E2E_CHROMIUM` names. */
export const executablePath = join(import.meta.dirname, "chromium.py");

/** Starts Chromium without a screen. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: chromiumSwitches });
}

/** Opens a window of the browser with no state of others; self-signed certificates are accepted. */
export async function openContext(browser: Browser, size = { width: 1280, height: 800 }): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: size, ignoreHTTPSErrors: true, locale: "en-US" });
  keepPagesOnFailure(context);
  return context;
}

/** Waits until the page is in one of these states; says what the page showed instead. */
export async function waitForState(page: Page, states: readonly PageState[], timeoutMs = 30_000): Promise<PageState> {
  try {
    await page.waitForFunction((wanted) => wanted.some((state) => state === document.body.dataset.state), states, { timeout: timeoutMs });
  } catch {
    throw new Error(`the page did not come to "${states.join(" or ")}" within ${timeoutMs} ms; it shows ${await shownBy(page)}`);
  }
  return (await page.evaluate(() => document.body.dataset.state)) as PageState;
}

/**
 * Waits for the desktop, or what else has come of it, of a page that has asked for the session. The session may not have noticed yet
 * that a former page has left: then it is taken over.
 */
export async function waitForOpened(page: Page, timeoutMs = 120_000): Promise<PageState> {
  const ends = ["working", "error", "ended"] as const;
  const state = await waitForState(page, [...ends, "elsewhere"], timeoutMs);
  if (state !== "elsewhere") return state;
  await page.getByRole("button", { name: "Take it over" }).click();
  return waitForState(page, ends, timeoutMs);
}

/** What a page shows, for the message of a wait that was in vain. */
async function shownBy(page: Page): Promise<string> {
  return page.evaluate(
    () =>
      `${document.body.dataset.state}, ${document.body.dataset.frames ?? "no"} frames: ${document.getElementById("page")?.textContent ?? ""}`,
  );
}

/** Opens the page and signs in; returns the state that follows. */
export async function signIn(page: Page, { address, user, password }: SignIn): Promise<PageState> {
  await page.goto(address);
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .waitForFunction(
      () => document.body.dataset.state !== "sign-in" || document.querySelector(".problem:not([hidden])") !== null,
      undefined,
      { timeout: 60_000 },
    )
    .catch(async () => {
      throw new Error(`the sign-in was not answered within 60 s; the page shows ${await shownBy(page)}`);
    });
  return (await page.evaluate(() => document.body.dataset.state)) as PageState;
}

/** Chooses a session type by its name. */
export async function chooseType(page: Page, type: string): Promise<void> {
  await page.locator(`[data-type="${type}"]`).click();
}

/** Waits until the desktop is on the screen and something of it was painted. */
export async function waitForFirstFrame(page: Page, timeoutMs = 120_000): Promise<void> {
  const state = await waitForState(page, ["working", "error", "ended"], timeoutMs);
  if (state !== "working") throw new Error(`no desktop: ${(await problemText(page)) || state}`);
  await page
    .waitForFunction(() => Number(document.body.dataset.frames) > 0, undefined, { timeout: timeoutMs })
    .catch(async () => {
      throw new Error(`nothing was painted within ${timeoutMs} ms; the page shows ${await shownBy(page)}`);
    });
}

/** How many pictures of the desktop were painted so far. */
export async function frames(page: Page): Promise<number> {
  return page.evaluate(() => Number(document.body.dataset.frames));
}

/** Waits until nothing was painted for a while, so that a screenshot shows a finished desktop; throws when that does not come. */
export async function waitForQuiet(page: Page, quietMs = 1_000, timeoutMs = 90_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  let seen = await frames(page);
  for (;;) {
    await page.waitForTimeout(quietMs);
    const now = await frames(page);
    if (now === seen) return;
    if (Date.now() > end) throw new Error(`there was no pause of ${quietMs} ms within ${timeoutMs} ms; ${await shownBy(page)}`);
    seen = now;
  }
}

const needsShift = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

/** Clicks on a place of the desktop, then types a text as on an American keyboard, Shift key included. */
export async function typeInto(page: Page, text: string, place?: { readonly x: number; readonly y: number }): Promise<void> {
  if (place !== undefined) await page.mouse.click(place.x, place.y);
  for (const character of text) {
    if (character !== "\n" && !/[ -~]/.test(character)) {
      // Not on an American keyboard: it comes as from an input method.
      await page.keyboard.insertText(character);
      continue;
    }
    // By itself the library gives the character and leaves the Shift key up, which no keyboard does.
    const isShifted = needsShift.test(character);
    if (isShifted) await page.keyboard.down("Shift");
    await page.keyboard.press(character === "\n" ? "Enter" : character, { delay: 10 });
    if (isShifted) await page.keyboard.up("Shift");
  }
}

/** The words of the problem that the page shows; empty when there is none. */
export async function problemText(page: Page): Promise<string> {
  const box = page.locator(".problem:not([hidden])").first();
  return (await box.count()) === 0 ? "" : ((await box.textContent()) ?? "");
}

/** Chooses an entry of the menu at the edge of the desktop. */
export async function chooseFromMenu(page: Page, name: string): Promise<void> {
  await page.locator("#tool-tab").click();
  await page.locator("#tool-menu").getByRole("button", { name }).click();
}

/** Keeps a picture of the page as it looks once its images are there and its transitions over. */
export async function screenshot(page: Page, file: string): Promise<void> {
  await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode().catch(() => undefined))));
  await capture(page, { path: file, animations: "disabled" });
}
