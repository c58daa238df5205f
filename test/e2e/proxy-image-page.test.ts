import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, hasImages, Rig } from "./proxy-image/rig.ts";

// The page's side of the proxy's image: files, headers, sign-in, tickets, and the streams that tell how a desktop is getting on.
let rig: Rig;
let ticket: string;

beforeAll(async () => {
  if (!(await hasImages()))
    throw new Error("the images of the proxy and of a session are missing; set VDI_PROXY_IMAGE and VDI_SESSION_IMAGE");
  rig = await Rig.up(`vdi-test-page-${process.pid}`, "-e VDI_TICKET_SECONDS=30 -e VDI_TICKET_MAX_SECONDS=120 -e VDI_ATTACH_SECONDS=6");
  ticket = await rig.ticket();
});

afterAll(async () => {
  await rig?.down();
});

const bearer = (text = ticket): Record<string, string> => ({ Authorization: `Bearer ${text}` });
const code = (text: string): string => JSON.parse(text).error.code;

describe("files", () => {
  it.each(["/", "/desktop.html", "/mhd-desktop-index.html", "/index.html"])("serves the page at %s with strict headers", async (path) => {
    const answer = await rig.http("GET", path);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(answer.headers["content-security-policy"]).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(answer.headers["content-security-policy"]).not.toMatch(/unsafe|blob:|\*/);
    expect(answer.headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    });
    expect(answer.headers["content-security-policy"]).toContain("require-trusted-types-for 'script'; trusted-types vdi");
    expect(answer.headers["strict-transport-security"]).toBe("max-age=15552000");
  });

  it("serves the page's script compressed and for ever, and answers 304", async () => {
    const page = await rig.http("GET", "/");
    const script = /\/?(app-[A-Z0-9]{8}\.js)/.exec(page.text)?.[1];
    const answer = await rig.http("GET", `/${script}`, undefined, { "Accept-Encoding": "br" });
    expect(answer.headers).toMatchObject({ "content-encoding": "br", "content-type": "text/javascript; charset=utf-8" });
    expect(answer.headers["cache-control"]).toMatch(/immutable/);
    const again = await rig.http("GET", `/${script}`, undefined, { "If-None-Match": String(answer.headers["etag"]) });
    expect(again.status).toBe(304);
  });

  it.each([
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/Status",
    "/Info",
    "/Sessions",
    "/Displays",
    "/Menu",
    "/background.png",
    "/icons",
    "//etc/passwd",
  ])("has nothing at %s", async (path) => {
    const answer = await rig.http("GET", path);
    expect(answer.status).toBe(404);
    expect(answer.text).not.toMatch(/root:|xpra/);
  });

  it("is healthy", async () => {
    expect(await rig.http("GET", "/healthz")).toMatchObject({ status: 200, text: "ok\n" });
  });
});

describe("signing in", () => {
  it("gives a ticket and the types", async () => {
    const answer = await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user02", password: Rig.password });
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    const body = JSON.parse(answer.text);
    expect(body).toMatchObject({ user: "xpra-user02", types: [{ name: "desktop", default: true }, { name: "seamless" }] });
    expect(body.expiresAt - Date.now()).toBeGreaterThan(20_000);
    expect((await rig.asked()).at(-1)).toMatchObject({
      path: "/v1/types",
      body: {
        user: {
          name: "xpra-user02",
          uid: 20002,
          gid: 20002,
          home: "/home/xpra-user02",
          groups: [{ name: "xpra-user02" }, { name: "staff2" }],
        },
      },
    });
  });

  it.each([
    ["a wrong password", "xpra-user02", "wrong", 401, "credentials"],
    ["an unknown user", "nobody-here", Rig.password, 401, "credentials"],
    ["an empty password", "xpra-user02", "", 401, "credentials"],
    ["a password with a null", "xpra-user02", `${Rig.password}\0x`, 401, "credentials"],
    ["an expired account", "xpra-expired", Rig.password, 403, "account"],
    ["root", "root", "x", 403, "account"],
    ["an expired account with a wrong password", "xpra-expired", "wrong", 401, "credentials"],
  ])("refuses %s", async (_, user, password, status, expected) => {
    const began = Date.now();
    const answer = await rig.http("POST", "/api/v1/sign-in", { user, password });
    expect([answer.status, code(answer.text)]).toEqual([status, expected]);
    expect(Date.now() - began).toBeGreaterThan(900);
  });

  it("takes a few wrong passwords a minute from one place, and lets another user in meanwhile", async () => {
    const wrong = (): Promise<Answer> => rig.http("POST", "/api/v1/sign-in", { user: "xpra-user03", password: "no" });
    const answers = await Promise.all(Array.from({ length: 6 }, wrong));
    expect(answers.map((answer) => answer.status)).toEqual(Array(6).fill(401));
    // One more every ten seconds, which a slow machine may have needed.
    const right = (): Promise<Answer> => rig.http("POST", "/api/v1/sign-in", { user: "xpra-user03", password: Rig.password });
    let limited = await wrong();
    const afterLimit = async (): Promise<number> => {
      limited = await wrong();
      // The next one may become free between the two.
      if (limited.status === 429) limited = await right();
      return limited.status;
    };
    await expect.poll(afterLimit, { timeout: 60_000 }).toBe(429);
    expect(code(limited.text)).toBe("too-many");
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    expect(await rig.ticket("xpra-user02")).toMatch(/^vdi1\./);
  });

  it.each([
    ["another origin", { Origin: "https://evil.example" }, undefined, 403, "origin"],
    ["plain http as its origin", { Origin: "http://127.0.0.1" }, undefined, 403, "origin"],
    ["a form's content type", { "Content-Type": "text/plain" }, undefined, 415, "content-type"],
    ["no JSON", {}, "{", 400, "json"],
    ["a list", {}, "[]", 400, "json"],
    ["a number for a user", {}, '{"user":1,"password":"x"}', 400, "request"],
    ["20 KB", {}, JSON.stringify({ user: "x", password: "x".repeat(20_000) }), 413, "too-long"],
  ])("refuses a request with %s", async (_, headers, body, status, expected) => {
    const answer = await rig.http("POST", "/api/v1/sign-in", body ?? { user: "xpra-user01", password: Rig.password }, headers);
    expect([answer.status, code(answer.text)]).toEqual([status, expected]);
  });

  it("answers GET with what to do, and unknown paths with 404", async () => {
    expect((await rig.http("GET", "/api/v1/sign-in")).status).toBe(405);
    expect((await rig.http("POST", "/api/v1/other", {})).status).toBe(404);
  });
});

describe("a ticket", () => {
  it("can be renewed, and its renewal used", async () => {
    const answer = await rig.http("POST", "/api/v1/ticket", {}, bearer());
    expect(answer.status).toBe(200);
    const renewed = JSON.parse(answer.text);
    expect(renewed.ticket).not.toBe(ticket);
    expect((await rig.http("POST", "/api/v1/sessions/state", { display: "desktop" }, bearer(renewed.ticket))).text).toMatch(
      /"state":"ready"/,
    );
  });

  it.each([
    ["none", {}],
    ["a changed signature", { Authorization: "Bearer vdi1.eyJ1IjoieHByYS11c2VyMDEifQ.AAAA" }],
    ["basic authentication", { Authorization: "Basic eDp5" }],
  ])("is wanted: %s is refused", async (_, headers) => {
    const answer = await rig.http("POST", "/api/v1/ticket", {}, headers);
    expect([answer.status, code(answer.text)]).toEqual([401, "ticket"]);
  });

  it("is refused when a letter of it is changed", async () => {
    for (const place of [8, ticket.lastIndexOf(".") - 3, ticket.length - 4]) {
      const letter = ticket[place] === "A" ? "B" : "A";
      const forged = ticket.slice(0, place) + letter + ticket.slice(place + 1);
      expect((await rig.http("POST", "/api/v1/ticket", {}, bearer(forged))).status).toBe(401);
    }
  });

  it("attaches its user's desktop in the password's place, and nobody else's", async () => {
    const fresh = await rig.ticket();
    const own = await rig.raw({ password: fresh, hello: { display: "desktop" } });
    expect(own.at(-1)?.[1]).toBe("hello");
    const other = await rig.raw({ user: "xpra-user02", password: fresh, hello: { display: "desktop" } });
    expect(other.at(-1)).toEqual([expect.any(Number), "disconnect", "authentication failed"]);
    const forged = await rig.raw({ password: `${fresh}x`, hello: { display: "desktop" } });
    expect(forged.at(-1)?.[1]).toBe("disconnect");
  });

  it("is no password for the sign-in", async () => {
    expect((await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user01", password: ticket })).status).toBe(401);
  });

  it("ends, and is then good for a fresh one only", async () => {
    const { ticket: short, expiresAt } = JSON.parse(
      (await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user02", password: Rig.password })).text,
    );
    await sleep(expiresAt - Date.now() + 500);
    expect(code((await rig.http("POST", "/api/v1/sessions/state", { display: "desktop" }, bearer(short))).text)).toBe("ticket");
    expect((await rig.http("POST", "/api/v1/ticket", {}, bearer(short))).status).toBe(200);
    const packets = await rig.raw({ user: "xpra-user02", password: short, hello: { display: "slow" } });
    expect(packets.at(-1)?.[1]).toBe("disconnect");
    ticket = await rig.ticket();
  });
});

describe("a session", () => {
  it("is prepared in a stream that keeps the session's address and secret back", async () => {
    const answer = await rig.http("POST", "/api/v1/sessions", { display: "desktop" }, bearer());
    expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    expect(
      answer.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([{ event: "ready", session: "xpra-user01-desktop" }]);
    expect(answer.text).not.toContain(rig.secret);
  });

  it("tells of its progress line by line", async () => {
    const answer = await rig.http("POST", "/api/v1/sessions", { display: "slow" }, bearer());
    const events = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0]).toEqual({ event: "progress", phase: "scheduling", message: "finding a machine" });
    expect(events.at(-1)).toEqual({ event: "ready", session: "xpra-user01-slow" });
    ticket = await rig.ticket();
  });

  it("says in words why it does not come", async () => {
    const lines = async (display: string): Promise<unknown> =>
      JSON.parse((await rig.http("POST", "/api/v1/sessions", { display }, bearer())).text.trim().split("\n").at(-1) ?? "");
    expect(await lines("../../x")).toMatchObject({ event: "error", code: 4, message: "There is no desktop type '../../x' for you." });
    expect(await lines("broken")).toMatchObject({ event: "error", code: 5, reason: "configuration" });
  });

  it("can be looked at and ended", async () => {
    expect(JSON.parse((await rig.http("POST", "/api/v1/sessions/state", { display: "none" }, bearer())).text)).toEqual({ state: "absent" });
    expect(JSON.parse((await rig.http("POST", "/api/v1/sessions/end", { display: "desktop" }, bearer())).text)).toEqual({
      state: "ending",
    });
  });

  it("is out of reach in words while the broker is away", async () => {
    await rig.docker("stop", "-t", "0", `${rig.name}-broker`);
    const signIn = await rig.http("POST", "/api/v1/sign-in", { user: "xpra-user01", password: Rig.password });
    expect([signIn.status, code(signIn.text)]).toEqual([503, "broker"]);
    const attach = await rig.raw({ hello: { display: "desktop" } });
    expect(attach.at(-1)).toEqual([expect.any(Number), "disconnect", expect.stringMatching(/cannot be reached at this moment/)]);
    await rig.docker("start", `${rig.name}-broker`);
    await expect.poll(async () => (await rig.http("POST", "/api/v1/ticket", {}, bearer())).status, { timeout: 60_000 }).toBe(200);
  });

  it("is refused to a WebSocket from another origin", async () => {
    expect(await rig.raw({ origin: "https://evil.example" })).toEqual([[0, "http", "HTTP/1.1 403 Forbidden"]]);
  });
});
