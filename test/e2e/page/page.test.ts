import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { buildPage } from "../../../web/build.mjs";
import { type FakeDoor, startFakeDoor } from "./fake-door.ts";
import { chooseType, openBrowser, openContext, problemText, signIn, waitForState } from "./page.ts";

const user = "alice";
const password = "only-for-this-test";

let www = "";
let browser: Browser;
let door: FakeDoor;
let page: Page;
let refusedByPolicy: string[] = [];

beforeAll(async () => {
  www = await mkdtemp(join(tmpdir(), "vdi-page-"));
  await buildPage(www);
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await rm(www, { recursive: true, force: true });
});

beforeEach(async () => {
  door = await startFakeDoor({ www, user, password, ticket: "ticket-1", stepMs: 50 });
  page = await (await openContext(browser)).newPage();
  refusedByPolicy = [];
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) refusedByPolicy.push(message.text());
  });
});

afterEach(async () => {
  await page.context().close();
  await door.close();
  expect(refusedByPolicy).toEqual([]);
});

const right = () => ({ address: door.address, user, password });

test("a wrong password is refused in words and the name stays", async () => {
  expect(await signIn(page, { ...right(), password: "wrong" })).toBe("sign-in");
  expect(await problemText(page)).toContain("The name or the password is not right.");
  expect(await page.getByLabel("User name").inputValue()).toBe(user);
  expect(await page.getByLabel("Password", { exact: true }).inputValue()).toBe("");
});

test("a page whose own script could not be fetched says so, and loads again", async () => {
  let fetches = 0;
  await page.route("**/app-*.js", (route) => {
    fetches += 1;
    return fetches === 1 ? route.abort("connectionfailed") : route.continue();
  });
  await page.goto(door.address);
  const again = page.getByRole("link", { name: "Load it again" });
  // It waits some seconds: on most lines the script is only slow.
  expect(await page.locator(".late").evaluate((late) => getComputedStyle(late).animationDelay)).toBe("5s");
  await again.click();
  await page.getByLabel("User name").waitFor();
  expect(await again.count()).toBe(0);
});

test("the password is kept nowhere: not in the page, its address, its storage or its cookies", async () => {
  await signIn(page, right());
  const traces = await page.evaluate(() =>
    [
      document.documentElement.outerHTML,
      location.href,
      JSON.stringify(history.state),
      JSON.stringify({ ...localStorage, ...sessionStorage }),
      document.cookie,
      ...[...document.querySelectorAll("input")].map((input) => input.value),
    ].join("\n"),
  );
  expect(traces).not.toContain(password);
  expect(traces).not.toContain("ticket-1");
});

test("the types are offered with title and description, and a start shows its progress", async () => {
  expect(await signIn(page, right())).toBe("choose");
  expect(await page.getByRole("button", { name: /Desktop A whole Xfce desktop/ }).count()).toBe(1);
  await chooseType(page, "seamless");
  await waitForState(page, ["starting"]);
  // Without a session behind the door the page begins again after a second: the words may stand there twice.
  await page.getByText("Starting your desktop").first().waitFor();
  expect(await page.getByRole("heading").textContent()).toBe("Opening Single windows");
  await page.getByRole("button", { name: "Cancel" }).click();
  await waitForState(page, ["choose"]);
});

test("an old address opens its session type without asking", async () => {
  expect(await signIn(page, { ...right(), address: `${door.address}/mhd-desktop-index.html` })).toBe("starting");
});

test("an address with a type that does not exist says so and offers the others", async () => {
  expect(await signIn(page, { ...right(), address: `${door.address}/cad.html` })).toBe("choose");
  expect(await problemText(page)).toContain('There is no session "cad" for you.');
});

test("a refusal to start is shown in the door's words, with what to do", async () => {
  door.behaviour.refusal = { code: 5, reason: "configuration-missing", message: "The image of this session is not there." };
  await signIn(page, right());
  await chooseType(page, "desktop");
  await waitForState(page, ["error"]);
  expect(await problemText(page)).toContain("The image of this session is not there.");
  door.behaviour.refusal = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await waitForState(page, ["starting"]);
});

test("a session that ends before its first picture is said to be over, and a new one starts only when the user wants it", async () => {
  door.behaviour.goodbye = ["server shutdown"];
  door.behaviour.gone = "Your last session ended with an error.";
  await signIn(page, right());
  await chooseType(page, "desktop");
  await waitForState(page, ["ended"]);
  expect(await page.locator("main").textContent()).toContain(door.behaviour.gone);
  expect(door.calls.filter((call) => call === "sessions")).toHaveLength(2);
  await page.getByRole("button", { name: "Open a new one" }).click();
  await waitForState(page, ["starting"]);
});

test("who lost a session is told why when the new one is there", async () => {
  door.behaviour.notice = "Your last session was ended because it needed more memory than a session may use.";
  await signIn(page, right());
  await chooseType(page, "desktop");
  // As above, it may be told twice.
  await page.getByText(door.behaviour.notice).first().waitFor();
  expect(await page.locator(".toast strong").first().textContent()).toBe("This is a new session");
});

test("a door that is away is told from a wrong password", async () => {
  await page.goto(door.address);
  await door.close();
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.keyboard.press("Enter");
  await page.locator('[data-reason="offline"]').waitFor();
  expect(await problemText(page)).toContain("cannot be reached");
});

test("a ticket is renewed in time and the renewed one is used", async () => {
  await door.close();
  door = await startFakeDoor({ www, user, password, ticket: "ticket-1", ticketLifeMs: 6_000, stepMs: 50 });
  await signIn(page, right());
  await expect.poll(() => door.calls.includes("ticket"), { timeout: 60_000 }).toBe(true);
});

test("everything before the desktop works by keyboard alone", async () => {
  await page.goto(door.address);
  await page.keyboard.type(user);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await waitForState(page, ["choose"]);
  await page.keyboard.press("Enter");
  await waitForState(page, ["starting"]);
});

test("signing out says that sessions go on, and leads back to the sign-in", async () => {
  await signIn(page, right());
  await page.getByRole("button", { name: "Sign out" }).click();
  await waitForState(page, ["ended"]);
  expect(await page.locator("main").textContent()).toContain("keep running");
  await page.getByRole("button", { name: "Sign in again" }).click();
  await waitForState(page, ["sign-in"]);
});
