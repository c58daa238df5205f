import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildPage } from "../../../web/build.mjs";
import { accessibilityFindings } from "./accessible.ts";
import { type FakeDoor, startFakeDoor } from "./fake-door.ts";
import { chooseType, openBrowser, screenshot, signIn, waitForState } from "./page.ts";

// Every card that the page can show, as a phone and as a desk show it, in both colour schemes.
const artifacts = join(import.meta.dirname, "..", "..", "..", "artifacts", "cards");
const right = { user: "alice", password: "only-for-this-test" };

let www = "";
let browser: Browser;

beforeAll(async () => {
  mkdirSync(artifacts, { recursive: true });
  www = await mkdtemp(join(tmpdir(), "vdi-page-"));
  await buildPage(www);
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await rm(www, { recursive: true, force: true });
});

/** One way to a card, from a freshly opened page on. */
type Way = (page: Page, door: FakeDoor) => Promise<void>;

const toChoice: Way = async (page, door) => {
  await signIn(page, { ...right, address: door.address });
};

const toError =
  (reason: string, message: string): Way =>
  async (page, door) => {
    door.behaviour.refusal = { code: 1, reason, message };
    await toChoice(page, door);
    await chooseType(page, "desktop");
    await waitForState(page, ["error"]);
  };

const cards: readonly (readonly [name: string, way: Way])[] = [
  [
    "sign-in",
    async (page, door) => {
      await page.goto(door.address);
    },
  ],
  [
    "sign-in refused",
    async (page, door) => {
      await signIn(page, { ...right, password: "wrong", address: door.address });
    },
  ],
  ["choose", toChoice],
  [
    "choose after an unknown type",
    async (page, door) => {
      await signIn(page, { ...right, address: `${door.address}/cad.html` });
    },
  ],
  [
    "starting",
    async (page, door) => {
      door.behaviour.stepMs = 10_000;
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await page.getByText(/Time so far: 0:(0[3-9]|[1-5]\d)/).waitFor();
    },
  ],
  ["error", toError("no-node", "No machine has room for the session at the moment. It starts as soon as there is room.")],
  ["error of a configuration", toError("image", "The session's software cannot be fetched. Please tell your administrator.")],
  [
    "error with its details shown",
    async (page, door) => {
      await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
      await toError("stuck", "The previous session cannot be closed.")(page, door);
      await page.getByRole("button", { name: "Copy details" }).click();
    },
  ],
  [
    "error of a page that is not there as a whole",
    async (page, door) => {
      await page.route("**/client-*.js", (route) => route.abort("connectionfailed"));
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await page.getByRole("button", { name: "Load this page again" }).waitFor();
    },
  ],
  [
    "open elsewhere",
    async (page, door) => {
      door.behaviour.goodbye = ["session busy", "this session is shown elsewhere"];
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await waitForState(page, ["elsewhere"]);
    },
  ],
  [
    "locked",
    async (page, door) => {
      door.behaviour.goodbye = ["session busy, this session is locked"];
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await waitForState(page, ["error"]);
    },
  ],
  [
    "over before the first picture",
    async (page, door) => {
      door.behaviour.goodbye = ["server shutdown"];
      door.behaviour.gone = "Your session has ended.";
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await waitForState(page, ["ended"]);
    },
  ],
  [
    "taken over",
    async (page, door) => {
      door.behaviour.goodbye = ["new client", "the new client does not wish to share"];
      await toChoice(page, door);
      await chooseType(page, "desktop");
      await waitForState(page, ["ended"]);
    },
  ],
  [
    "session being closed",
    async (page, door) => {
      await toError("stuck", "The previous session cannot be closed.")(page, door);
      await page.getByRole("button", { name: "End the session" }).click();
      await page.locator('[data-how="closing"]').waitFor();
    },
  ],
  [
    "signed out",
    async (page, door) => {
      await toChoice(page, door);
      await page.getByRole("button", { name: "Sign out" }).click();
      await waitForState(page, ["ended"]);
    },
  ],
];

const looks = [
  { width: 390, height: 844, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 1280, height: 800, colorScheme: "light" },
  { width: 1280, height: 800, colorScheme: "dark" },
] as const;

/** What sticks out to the side, and what is too small for a finger. */
function misfits(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const overflow = document.documentElement.scrollWidth - window.innerWidth;
    const small = [...document.querySelectorAll<HTMLElement>("#page button, #page input")].filter(
      (item) => item.checkVisibility() && item.getBoundingClientRect().height < 32,
    );
    return [...(overflow > 0 ? [`${overflow} pixels too wide`] : []), ...small.map((item) => `too small: ${item.textContent || item.id}`)];
  });
}

test.each(cards)("the card %s fits, and axe has nothing against it", async (name, way) => {
  const door = await startFakeDoor({ www, ...right, ticket: "ticket-1", stepMs: 20 });
  let context: BrowserContext | undefined;
  try {
    context = await browser.newContext({ locale: "en-US" });
    const page = await context.newPage();
    await way(page, door);
    const findings: string[] = [];
    for (const { width, height, colorScheme } of looks) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      const look = `${width}-${colorScheme}`;
      await screenshot(page, join(artifacts, `${name.replaceAll(" ", "-")}-${look}.png`));
      const found = [...(await accessibilityFindings(page)), ...(await misfits(page))];
      findings.push(...found.map((finding) => `${look}: ${finding}`));
    }
    expect(findings).toEqual([]);
  } finally {
    await context?.close();
    await door.close();
  }
});
