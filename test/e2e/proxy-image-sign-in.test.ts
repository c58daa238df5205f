import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openContext, signIn, waitForState } from "./page/page.ts";
import { type LoadOrder, loadOn } from "./proxy-image/load.ts";
import { hasImages, type Packet, Rig } from "./proxy-image/rig.ts";

// Wrong passwords, accounts that come to an end, and a full proxy: whom it meets, and whom it does not.
let rig: Rig;

beforeAll(async () => {
  if (!(await hasImages()))
    throw new Error("the images of the proxy and of a session are missing; set VDI_PROXY_IMAGE and VDI_SESSION_IMAGE");
  rig = await Rig.up(`vdi-test-sign-in-${process.pid}`);
});

afterAll(async () => {
  await rig?.down();
});

const bearer = (ticket: string): Record<string, string> => ({ Authorization: `Bearer ${ticket}` });
const refusal = (text: string): { code: string; message: string } => JSON.parse(text).error;
const last = (packets: Packet[]): unknown[] => packets.at(-1)?.slice(1) ?? [];

/** Changes one of a user's fields in the shadow file: 1 is the password, 2 the day of its last change, 7 the account's end. */
async function shadow(user: string, change: (fields: string[]) => void): Promise<void> {
  await rig.users("shadow", (text) =>
    text
      .split("\n")
      .map((line) => {
        const fields = line.split(":");
        if (fields[0] === user) change(fields);
        return fields.join(":");
      })
      .join("\n"),
  );
}

describe("20 wrong passwords a second for a minute", () => {
  const good = [
    { user: "xpra-user01", address: "127.0.0.1" },
    { user: "xpra-user02", address: "127.0.7.2" },
  ];
  // A machine that is too busy to answer 20 a second is not asked for more than it answers.
  const order: Omit<LoadOrder, "addresses" | "names"> = {
    ...{ seconds: 60, wrongPerSecond: 20, unanswered: 32 },
    ...{ good, goodPerSecond: 2, quiet: false },
  };
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);

  it("from one address keep nobody out, there or elsewhere, and only they are refused", async () => {
    // Good ones come from the guesser's own address as well: whole offices share one.
    const load = await loadOn(rig, { ...order, addresses: ["127.0.0.1"], names: ["xpra-user03", "nobody-here", "", "root"] });
    expect(load.loaded.failed).toEqual([]);
    expect(load.loaded.signIn.length).toBeGreaterThan(5);
    expect(sum(load.wrong)).toBeGreaterThan(100);
    // Six for each name, and one in ten seconds after that; the rest is refused before PAM is asked. root is refused for what it is.
    expect(Object.keys(load.wrong).sort()).toEqual(["401", "403", "429"]);
    const asked = 3 * (6 + 7);
    expect(load.wrong["401"]).toBeLessThanOrEqual(asked);
    // Three of the four names, however many the machine had time for.
    expect(load.wrong["429"]).toBeGreaterThan(0.7 * sum(load.wrong) - asked);
    const signIns = (await rig.events("sign-in")).filter(({ door }) => door === "page");
    expect(signIns.filter(({ user, outcome }) => user === "xpra-user03" && outcome === "credentials")).not.toEqual([]);
    // Names that are no accounts may be passwords in the wrong field.
    expect(await rig.logs("proxy")).not.toContain("nobody-here");
    // Few lines tell of many that were limited.
    const limited = signIns.filter(({ outcome }) => outcome === "too-many");
    expect(limited.length).toBeLessThan(50);
    expect(limited.some(({ times = 0 }) => times > 5)).toBe(true);
  });

  it("from many addresses for many names, each asked of PAM, keep nobody out", async () => {
    const addresses = Array.from({ length: 200 }, (_, at) => `127.1.${at % 20}.${1 + at}`);
    const names = [...Array.from({ length: 40 }, (_, at) => `guess-${at}`), "xpra-user01", "xpra-user02", "xpra-user03"];
    const load = await loadOn(rig, { ...order, addresses, names });
    expect(load.loaded.failed).toEqual([]);
    expect(load.loaded.signIn.length).toBeGreaterThan(5);
    expect(sum(load.wrong)).toBeGreaterThan(100);
    expect(load.wrong).toEqual({ "401": sum(load.wrong) });
    // The same users attach from elsewhere all the same.
    expect((await rig.raw({ hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
  });
});

describe("an account", () => {
  it("that is locked (!) ends its tickets, and they are good again when it is not", async () => {
    const ticket = await rig.ticket("xpra-user02");
    await shadow("xpra-user02", (fields) => {
      fields[1] = `!${fields[1]}`;
    });
    const renewal = await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket));
    expect([renewal.status, refusal(renewal.text)]).toEqual([
      403,
      { code: "account", message: "This account is locked. Please ask your administrator." },
    ]);
    expect((await rig.http("POST", "/api/v1/sessions", { display: "desktop" }, bearer(ticket))).status).toBe(403);
    expect(last(await rig.raw({ user: "xpra-user02", password: ticket }))).toEqual(["disconnect", "authentication failed"]);
    const asked = await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user02", password: Rig.password });
    // Whoever only guesses a password does not learn that.
    expect([asked.status, refusal(asked.text).code]).toEqual([401, "credentials"]);
    const lines = (await rig.events("sign-in")).filter(({ user, reason }) => user === "xpra-user02" && reason === "locked");
    expect(lines.map(({ outcome, door }) => `${outcome} ${door}`)).toEqual([
      "account ticket",
      "account ticket",
      "account ticket",
      "credentials page",
    ]);
    await shadow("xpra-user02", (fields) => {
      fields[1] = fields[1]?.slice(1) ?? "";
    });
    expect((await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket))).status).toBe(200);
  });

  it("whose password was changed ends its tickets", async () => {
    const ticket = await rig.ticket("xpra-user02");
    const renewed = JSON.parse((await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket))).text).ticket;
    let before = "";
    await shadow("xpra-user02", (fields) => {
      before = fields[1] ?? "";
      // "other" by openssl passwd -6 -salt saltsalt
      fields[1] = "$6$saltsalt$r4j7z8gOqxO9zYH/VSQ4MPgAu/GTg0.tIK5o0K3dXowoILt/JRmXmiqFa26mKioMH3Fwhg6qaU0XTibPpoJ8z.";
    });
    for (const each of [ticket, renewed]) {
      const answer = await rig.http("POST", "/api/v1/ticket", {}, bearer(each));
      expect([answer.status, refusal(answer.text)]).toEqual([
        401,
        { code: "ticket", message: "Your password has been changed: please sign in again." },
      ]);
    }
    expect(await rig.ticket("xpra-user02", "other")).toMatch(/^vdi1\./);
    await shadow("xpra-user02", (fields) => {
      fields[1] = before;
    });
  });

  it.each([
    ["that has expired", 7, "15001", "This account has expired. Please ask your administrator.", "expired"],
    [
      "whose password must be changed",
      2,
      "0",
      "This password has expired, and cannot be changed here. Please ask your administrator.",
      "password-expired",
    ],
  ])("%s is told so with the right password only, and its tickets end", async (_, field, value, message, reason) => {
    const ticket = await rig.ticket("xpra-user03");
    let before = "";
    await shadow("xpra-user03", (fields) => {
      before = fields[field] ?? "";
      fields[field] = value;
    });
    const right = await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user03", password: Rig.password });
    expect([right.status, refusal(right.text)]).toEqual([403, { code: "account", message }]);
    const wrong = await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user03", password: "wrong" });
    expect([wrong.status, refusal(wrong.text).code]).toEqual([401, "credentials"]);
    const renewal = await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket));
    expect([renewal.status, refusal(renewal.text)]).toEqual([403, { code: "account", message }]);
    const denied = /Authentication failed/i;
    expect(await rig.native(denied, "attach", rig.address("wss", "desktop", Rig.password, "xpra-user03"))).toMatch(denied);
    const doors = (await rig.events("sign-in")).filter((line) => line.user === "xpra-user03" && line.reason === reason);
    expect(doors.map(({ outcome, door }) => `${outcome} ${door}`)).toEqual(["account page", "account ticket", "account client"]);
    await shadow("xpra-user03", (fields) => {
      fields[field] = before;
    });
    expect((await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket))).status).toBe(200);
  });
});

describe("the log", () => {
  it("has no password and no ticket in it, and no line for each look at the door's health", async () => {
    for (let look = 0; look < 20; look++) expect((await rig.http("GET", "/healthz")).status).toBe(200);
    const before = (await rig.logs("proxy")).split("\n").length;
    const fresh = Array.from({ length: 20 }, () => rig.freshHttp("GET", "/healthz"));
    for (const answer of await Promise.all(fresh)) expect(answer.status).toBe(200);
    const log = await rig.logs("proxy");
    // Clients of the tests before may still say goodbye.
    expect(log.split("\n").length - before).toBeLessThan(15);
    expect(log).not.toContain(Rig.password);
    expect(log).not.toMatch(/vdi1\.|wrong-\d/);
    expect(log).not.toMatch(/Traceback/);
  });
});
describe("a proxy with XPRA_MAX_CLIENTS=1", () => {
  let full: Rig;
  const words = "Too many people are working through this door at this moment. Please try again later.";

  beforeAll(async () => {
    full = await Rig.up(`vdi-test-full-${process.pid}`, "-e XPRA_MAX_CLIENTS=1");
    await full.answer("xpra-user02", "desktop", { display: `tcp://xpra-user02:x@${full.unusedAddress}:14500/` });
  });

  afterAll(async () => {
    await full?.down();
  });

  it("refuses the next one in words, page and native client, and takes them when there is room again", async () => {
    // A session lets clients without windows work beside each other.
    const hello = { display: "desktop", windows: true };
    // Ended long before by who comes back.
    const working = full.raw({ hello, until: "disconnect", seconds: 240 });
    await expect.poll(async () => (await full.events("attach")).length, { timeout: 60_000 }).toBe(1);

    const native = full.address("wss", "desktop", Rig.password, "xpra-user02");
    expect(await full.native(/Too many people/, "attach", native)).toContain(words);
    // The page learns it before a desktop is made for nobody.
    const ticket = await full.ticket("xpra-user02");
    const before = (await full.asked()).filter(({ path }) => path === "/v1/sessions").length;
    const prepared = await full.http("POST", "/api/v1/sessions", { display: "desktop" }, bearer(ticket));
    expect(JSON.parse(prepared.text)).toEqual({ event: "error", code: 1, reason: "busy", message: words });
    expect((await full.asked()).filter(({ path }) => path === "/v1/sessions")).toHaveLength(before);
    expect(last(await full.raw({ user: "xpra-user02", password: ticket }))).toEqual(["disconnect", expect.stringContaining(words)]);
    const browser = await openBrowser();
    try {
      const page = await (await openContext(browser)).newPage();
      const address = `https://${full.host}:${full.port}/desktop.html`;
      await signIn(page, { address, user: "xpra-user02", password: Rig.password });
      await waitForState(page, ["error"]);
      expect(await page.locator("#page").textContent()).toContain("Too many people are working through this door");
    } finally {
      await browser.close();
    }
    // Who comes back after a lost line takes the place of their old connection.
    expect(last(await full.raw({ hello }))[0]).toBe("hello");
    expect(last(await working)).toEqual(expect.arrayContaining(["disconnect", "new client"]));

    const events = await full.events("attach");
    expect(events.filter(({ outcome }) => outcome === "full").map(({ user, message }) => [user, message])).toEqual([
      ["xpra-user02", words],
      ["xpra-user02", words],
    ]);
    await expect
      .poll(async () => (await full.events("detach")).map(({ user, session }) => `${user} ${session}`), { timeout: 60_000 })
      .toEqual(["xpra-user01 xpra-user01-desktop", "xpra-user01 xpra-user01-desktop"]);
    await full.answer("xpra-user02", "desktop", { error: { code: 4, reason: "no-such-type", message: "There is room again." } });
    // The line is written before the place is free.
    const next = async () => last(await full.raw({ user: "xpra-user02", hello: { display: "desktop" } }));
    await expect.poll(next, { timeout: 60_000, interval: 1_000 }).toEqual(["disconnect", "There is room again."]);
  }, 400_000);
});
