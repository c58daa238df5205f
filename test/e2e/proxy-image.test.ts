import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostilePackets } from "./proxy-image/hostile-packets.ts";
import { hasImages, type Packet, Rig } from "./proxy-image/rig.ts";
import { untilContainerSays } from "./support/container-log.ts";
import { signalContainer } from "./support/signal-tree.ts";
import { eventually } from "./support/wait.ts";

// The proxy's image alone, against a fake broker and one real session: what it lets in, what it refuses, and what it must never say.
let rig: Rig;

beforeAll(async () => {
  if (!(await hasImages()))
    throw new Error("the images of the proxy and of a session are missing; set VDI_PROXY_IMAGE and VDI_SESSION_IMAGE");
  rig = await Rig.up(`vdi-test-proxy-${process.pid}`, "-e VDI_ATTACH_SECONDS=25");
});

afterAll(async () => {
  await rig?.down();
});

const kinds = (packets: Packet[]): string[] => packets.map((packet) => packet[1]);
const words = (packets: Packet[]): string =>
  packets
    .filter((packet) => packet[1] === "disconnect")
    .flatMap((packet) => packet.slice(2))
    .join(" ");
const sessionsAsked = async (): Promise<number> => (await rig.asked()).filter((question) => question.path === "/v1/sessions").length;

const timesAsked = async (display: string): Promise<number> =>
  (await rig.asked()).filter(({ path, body }) => path === "/v1/sessions" && body.display === display).length;

/** Waits until the broker has been asked for a session, once more than `before`. */
async function untilAsked(display: string, before = 0): Promise<void> {
  await eventually(
    `questions for ${display}`,
    () => timesAsked(display),
    (times) => times > before,
  );
}

/** Counts again and again until two counts are the same: what a login leaves behind for a moment is gone then. */
async function settled(count: () => Promise<readonly number[]>): Promise<readonly number[]> {
  let last: readonly number[] = [];
  return eventually(
    "a count that stays the same",
    async () => {
      const before = last;
      await sleep(700);
      last = await count();
      return { before, last };
    },
    ({ before, last }) => `${before}` === `${last}`,
  ).then(({ last: counts }) => counts);
}

/** Sends bytes to the port without TLS and gives what comes back. */
function plain(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(rig.port, rig.host, () => socket.write(text, "latin1"));
    let received = "";
    socket.setEncoding("latin1").on("data", (piece: string) => {
      received += piece;
    });
    socket.setTimeout(6000, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(received));
  });
}

describe("the addon", () => {
  it("passes its own tests inside the image", async () => {
    const said = await rig.addonTests();
    expect(said).toMatch(/^OK( \(skipped=\d+\))?$/m);
    for (const [line] of said.matchAll(/^.* skipped .*$/gm)) process.stderr.write(`${line}\n`);
    // More than the command inside has.
  }, 400_000);

  it("refuses to start without a certificate or with an authentication that it cannot use, in words", async () => {
    expect(await rig.start({ SSL_CERT: "/nowhere.crt" })).toMatch(/error: the proxy cannot start\n {2}the certificate \/nowhere.crt/);
    expect(await rig.start({ XPRA_AUTH_METHOD: "none" })).toMatch(/XPRA_AUTH_METHOD=none is not supported/);
    expect(await rig.start({ XPRA_AUTH_METHOD: "pam:service=../x" })).toMatch(/names no PAM service/);
    expect(await rig.start({ XPRA_AUTH_METHOD: "pam:service=nowhere" })).toMatch(/no PAM service \/etc\/pam.d\/nowhere/);
    expect(await rig.start({ XPRA_MAX_CLIENTS: "many" })).toMatch(/XPRA_MAX_CLIENTS is 'many'/);
  });
});

describe("Xpra's own client", () => {
  it.each(["wss", "ssl"])("attaches by %s", async (scheme) => {
    const [attached, running] = [/Attached to/, /running, \d+ windows/];
    const log = await rig.native([attached, running], "attach", rig.address(scheme, "desktop"));
    expect(log).toMatch(attached);
    expect(log).toMatch(running);
    expect((await rig.asked()).at(-1)).toMatchObject({ path: "/v1/sessions", user: "xpra-user01", body: { display: "desktop" } });
  });

  it("is refused with a wrong password and for an expired account", async () => {
    const before = await sessionsAsked();
    const failed = /Authentication failed/i;
    expect(await rig.native(failed, "attach", rig.address("wss", "desktop", "wrong"))).toMatch(failed);
    expect(await rig.native(failed, "attach", rig.address("ssl", "desktop", Rig.password, "xpra-expired"))).toMatch(failed);
    expect(await sessionsAsked()).toBe(before);
    const signIns = await rig.events("sign-in");
    expect(signIns).toContainEqual(expect.objectContaining({ user: "xpra-user01", outcome: "credentials", door: "client" }));
    expect(signIns).toContainEqual(
      expect.objectContaining({ user: "xpra-expired", outcome: "account", reason: "expired", door: "client" }),
    );
  });

  it("prints the words of a refusal", async () => {
    const refusal = /There is no desktop type 'no-such' for you/;
    expect(await rig.native(refusal, "attach", rig.address("wss", "no-such"))).toMatch(refusal);
  });

  it.each([
    ["info", []],
    ["id", []],
    ["stop", []],
    ["exit", []],
    ["detach", []],
    ["print", ["/etc/hostname"]],
    ["control", ["debug", "enable", "proxy"]],
    ["connect-test", []],
  ])("gets nothing by xpra %s, and no session is asked for", async (subcommand, rest) => {
    const before = await sessionsAsked();
    const log = await rig.native(/not possible here/, subcommand, rig.address("wss", "desktop"), ...rest);
    expect(await sessionsAsked()).toBe(before);
    expect(log).toMatch(/not possible here/);
  });

  it("starts nothing in the proxy by xpra start", async () => {
    await rig.native(/running, \d+ windows|exit \d/, "start", rig.address("ssl", "desktop"), "--start=touch /tmp/started");
    // Processes of the attempts before may still be ending.
    const processes = async (): Promise<readonly string[]> =>
      (await rig.docker("top", `${rig.name}-proxy`, "-eo", "pid,args")).split("\n").filter((line) => /xpra|Xvfb|touch/.test(line));
    await expect.poll(async () => (await processes()).length, { timeout: 60_000, interval: 500 }).toBe(2);
    expect((await processes()).join("\n")).not.toMatch(/Xvfb|touch|seamless/);
  });
});

describe("a hello", () => {
  it.each([
    ["as browsers and clients before 6.5 name a display", { display: "desktop" }],
    ["as clients of 6.5 do", { display: { "desktop-size": [800, 600] }, session: { display: "desktop" } }],
  ])("attaches %s", async (_, hello) => {
    const packets = await rig.raw({ hello });
    expect(kinds(packets)).toEqual(["challenge", "hello"]);
    expect(packets[1]?.[2]).toMatchObject({ "session-type": "X11 desktop" });
    expect((await rig.asked()).at(-1)?.body.display).toBe("desktop");
  });

  it.each([
    ["request", { request: "info" }, "info"],
    ["request by its old name", { info_request: true }, "info"],
    ["screenshot", { request: "screenshot" }, "screenshot"],
    ["stop", { stop_request: true }, "stop"],
    ["command", { command_request: ["debug", "enable", "proxy"] }, "control"],
    ["look without connecting", { connect: false }, "start"],
  ])("with a %s is refused in words", async (_, hello, word) => {
    const before = await sessionsAsked();
    expect(words(await rig.raw({ hello: { display: "desktop", ...hello } }))).toContain(`'${word}' is not possible here`);
    expect(await sessionsAsked()).toBe(before);
  });

  it("cannot start a session in the proxy", async () => {
    const hello = { display: "desktop", "start-new-session": { mode: "seamless", start: ["touch /tmp/started"] } };
    expect(kinds(await rig.raw({ hello }))).toEqual(["challenge", "hello"]);
    expect(await rig.docker("top", `${rig.name}-proxy`, "-eo", "pid,args")).not.toMatch(/seamless|touch/);
  });

  it("is used once: a second one on the same connection ends it", async () => {
    const before = await sessionsAsked();
    const packets = await rig.raw({ hello: { display: "very-slow" }, again: 6, until: "disconnect", seconds: 60 });
    expect(words(packets)).toMatch(/used already/);
    expect(await sessionsAsked()).toBe(before + 1);
  });

  it.each(["root", "toor", "nobody-of-that-name", ""])("of user %j is refused", async (user) => {
    const before = await sessionsAsked();
    expect(words(await rig.raw({ user, hello: { display: "desktop" } }))).toMatch(/authentication failed/i);
    expect(await sessionsAsked()).toBe(before);
  });
});

describe("waiting", () => {
  it("ends with words when the session does not come, and the broker is not asked again", async () => {
    const packets = await rig.raw({ hello: { display: "very-slow" }, until: "disconnect", seconds: 60 });
    expect(words(packets)).toMatch(/being prepared: fetching the programs.*connect again/);
    // VDI_ATTACH_SECONDS of this rig is 25.
    expect(packets.at(-1)?.[0]).toBeGreaterThan(24);
  });

  it("of one user holds up no other", async () => {
    const other = await rig.readyRaw({ hello: { display: "desktop" } });
    const before = await timesAsked("very-slow");
    const slow = rig.raw({ hello: { display: "very-slow" }, until: "disconnect", seconds: 60 });
    await untilAsked("very-slow", before);
    expect(kinds(await Promise.race([slow, other()]))).toContain("hello");
    await slow;
  });

  it("is not refused for wrong passwords of others", async () => {
    const wrong = Array.from({ length: 6 }, () => rig.http("POST", "/api/v1/sign-in", { user: "xpra-user03", password: "wrong" }));
    const packets = await rig.raw({ hello: { display: "desktop" } });
    expect(packets.at(-1)?.[1]).toBe("hello");
    for (const answer of await Promise.all(wrong)) expect([401, 429]).toContain(answer.status);
  });

  it("for a session whose address is dead ends with words, and holds up no other", async () => {
    await rig.answer("xpra-user01", "gone", { display: `tcp://xpra-user01:${rig.secret}@${rig.unusedAddress}:14500/` });
    const other = await rig.readyRaw({ hello: { display: "desktop" } });
    const dead = rig.raw({ hello: { display: "gone" }, until: "disconnect", seconds: 60 });
    await untilAsked("gone");
    expect(kinds(await Promise.race([dead, other()]))).toContain("hello");
    expect(words(await dead)).toMatch(/does not answer/);
  });

  it("goes on when the session dies between the first connection and the hand-over", async () => {
    const secret = "killed0123456789abcdef";
    const address = await rig.session("killed", secret);
    await untilContainerSays(`${rig.name}-killed`, /xpra is ready\./, 60_000);
    await rig.answer("xpra-user01", "killed", { display: `tcp://xpra-user01:${secret}@${address}:14500/`, afterSeconds: 15 });
    const attach = rig.raw({ hello: { display: "killed" }, until: "disconnect", seconds: 60 });
    await untilAsked("killed");
    // The kernel still takes connections for it, and it says nothing: it is there for the first connection only.
    await signalContainer(`${rig.name}-killed`, "SIGSTOP");
    await eventually(
      "the hand-over has begun",
      () => rig.events("attach"),
      (events) => events.some(({ session, outcome }) => session === "xpra-user01-killed" && outcome === "ok"),
    );
    await rig.docker("rm", "-f", `${rig.name}-killed`);
    expect(kinds(await attach)).not.toContain("hello");
    expect(await rig.logs("proxy")).not.toContain(secret);
    expect(kinds(await rig.raw({ hello: { display: "desktop" } }))).toContain("hello");
  });
});

describe("the port", () => {
  it("takes no plain HTTP, Xpra, WebSocket or ssh", async () => {
    expect(await plain("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).not.toMatch(/ 200 /);
    expect(await plain("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")).not.toMatch(/ 101 /);
    expect(await plain("P\x10\0\0\0\0\0\x02\xc1\x85")).not.toMatch(/challenge/);
    expect(await plain("SSH-2.0-OpenSSH_9.9\r\n")).not.toMatch(/^SSH-/);
  });

  it("makes no noise about what is not TLS, and answers on", async () => {
    await Promise.all(["\x16\x03\x01\0\x05hello", "\0", "x".repeat(5000), ""].map((text) => plain(text)));
    expect((await rig.http("GET", "/healthz")).status).toBe(200);
    expect(await rig.logs("proxy")).not.toMatch(/Traceback/);
  });

  it("has room for a burst of connections while it is busy", async () => {
    const count = 100;
    const proxy = `${rig.name}-proxy`;
    const pid = (await rig.docker("inspect", "--format", "{{.State.Pid}}", proxy)).trim();
    // The kernel's table of the proxy's own network: local port 8443, established. It ends there before the proxy takes it in.
    const connected = (): number => readFileSync(`/proc/${pid}/net/tcp`, "utf8").match(/^\s*\d+: [0-9A-F]{8}:20FB \S+ 01 /gm)?.length ?? 0;
    await signalContainer(proxy, "SIGSTOP");
    const answer = (): Promise<number | string> => rig.freshHttp("GET", "/healthz").then(({ status }) => status, String);
    let answers: Promise<(number | string)[]>;
    try {
      answers = Promise.all(Array.from({ length: count }, answer));
      await expect.poll(connected, { timeout: 60_000 }).toBeGreaterThanOrEqual(count);
    } finally {
      await signalContainer(proxy, "SIGCONT");
    }
    expect((await answers).filter((each) => each !== 200)).toEqual([]);
  });

  it("hangs up on a hello without a way to ask for the password, and on packets that are not the network's to send", async () => {
    const hello = {
      version: "6.5.5",
      rencodeplus: true,
      "packet-encoders": ["rencodeplus"],
      digest: ["xor"],
      "salt-digest": ["hmac+sha512"],
    };
    const nonsense: readonly (readonly unknown[])[] = [
      ["hello", { ...hello, digest: ["hmac+sha512"] }],
      ["hello", { ...hello, "salt-digest": ["rot13"] }],
      ["hello", { ...hello, digest: [], "salt-digest": [] }],
      ["hello", 7],
      ...["hello", "disconnect", "connection-lost", "gibberish", "invalid", "ssl-upgrade", "shutdown-server"].map((kind) => [kind]),
      ["gibberish", "x", "y"],
    ];
    for (const [at, packet] of nonsense.entries()) {
      const packets = await rig.raw({ transport: at % 2 ? "ssl" : "wss", first: [packet], until: "closed", seconds: 15 });
      // Hung up on, and not merely unanswered.
      expect(["disconnect", "closed"], `${packet}`).toContain(packets.at(-1)?.[1]);
    }
    expect((await rig.events("sign-in")).filter(({ outcome }) => outcome === "unavailable")).toEqual([]);
    expect(await rig.logs("proxy")).not.toMatch(/Traceback/);
  });

  it("unpacks and keeps little before somebody has signed in", async () => {
    const bomb = await rig.raw({ transport: "ssl", bomb: 64 * 1024 * 1024, until: "closed", seconds: 20 });
    expect(["disconnect", "closed"]).toContain(bomb.at(-1)?.[1]);
    expect(await rig.logs("proxy")).toContain("zlib packet decompression failed");
    const endless = await rig.raw({ transport: "wss", endless: 2000, until: "closed", seconds: 20 });
    expect(["disconnect", "closed"]).toContain(endless.at(-1)?.[1]);
    expect(await rig.logs("proxy")).toContain("sent too much before it signed in");
    expect(kinds(await rig.raw({ hello: { display: "desktop" } }))).toContain("hello");
  });

  it("is not ended by what its decoders do not survive", async () => {
    for (const packet of hostilePackets)
      for (const transport of ["wss", "ssl"] as const) {
        const packets = await rig.raw({ transport, hostile: [packet], until: "closed", seconds: 15 });
        expect(["disconnect", "closed"], `${packet} by ${transport}`).toContain(packets.at(-1)?.[1]);
      }
    const log = await rig.logs("proxy");
    for (const why of ["nested too deeply", "too much in it", "cut off", "no packet's type"])
      expect(log).toContain(`sent a packet that is not taken (${why})`);
    expect(kinds(await rig.raw({ hello: { display: "desktop" } }))).toContain("hello");
  });

  it("writes no line for programs that a stranger has made up", async () => {
    const made = JSON.stringify({ time: "2026-11-25T18:00:00.000Z", event: "sign-in", user: "made-up", outcome: "ok" });
    for (const first of [
      ["disconnect", `x\n${made}`],
      [`x\n${made}`, 1],
      ["disconnect", "x", `\r${made}`, `\n ${made}`],
    ])
      await rig.raw({ first: [first], until: "closed", seconds: 10 });
    const log = await rig.logs("proxy");
    expect(log).toContain("made-up");
    expect(log.split(/[\n\r]/).filter((line) => line.includes("made-up") && line.trim().startsWith("{"))).toEqual([]);
    expect((await rig.events("sign-in")).filter(({ user }) => user === "made-up")).toEqual([]);
  });

  it("wants TLS 1.2 or newer", async () => {
    const version = (options: object): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ host: rig.host, port: rig.port, rejectUnauthorized: false, ...options }, () => {
          resolve(socket.getProtocol() ?? "none");
          socket.destroy();
        });
        socket.once("error", (error) => resolve(error.message));
      });
    expect(await version({})).toBe("TLSv1.3");
    expect(await version({ maxVersion: "TLSv1.2" })).toBe("TLSv1.2");
    expect(await version({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" })).not.toMatch(/^TLS/);
  });
});

describe("running", () => {
  it("knows a changed set of users without a restart", async () => {
    const line = (await rig.docker("exec", `${rig.name}-proxy`, "cat", "/var/lib/extrausers/shadow")).split("\n")[0] ?? "";
    await rig.users("passwd", (text) => `${text}late:x:20050:20050::/home/late:/bin/sh\n`);
    await rig.users("group", (text) => `${text}late:x:20050:\n`);
    await rig.users("shadow", (text) => `${text}${line.replace("xpra-user01", "late")}\n`);
    expect(await rig.ticket("late")).toMatch(/^vdi1\./);
    const ticket = await rig.ticket("late");
    await rig.users("passwd", (text) => text.replace(/^late:.*\n/m, ""));
    expect((await rig.http("POST", "/api/v1/sign-in", { user: "late", password: Rig.password })).status).toBe(401);
    expect((await rig.http("POST", "/api/v1/ticket", {}, { Authorization: `Bearer ${ticket}` })).status).toBe(401);
  });

  it("starts its PAM helper again after it was killed", async () => {
    // The processes of attempts are named alike, and one may end before it is killed.
    const killed = "kill -9 $(grep -l '[p]am_helper' /proc/[0-9]*/cmdline | cut -d/ -f3) || :";
    await rig.docker("exec", `${rig.name}-proxy`, "sh", "-c", killed);
    expect(await rig.ticket()).toMatch(/^vdi1\./);
  });

  it("leaks neither threads nor descriptors with its logins", async () => {
    const count = async (): Promise<number[]> => {
      const out = await rig.docker("exec", `${rig.name}-proxy`, "sh", "-c", "ls /proc/1/fd | wc -l; ls /proc/1/task | wc -l");
      return out.trim().split("\n").map(Number);
    };
    await rig.raw({ hello: { display: "desktop" } });
    const [descriptors = 0, threads = 0] = await settled(count);
    for (let round = 0; round < 8; round++) await rig.raw({ transport: round % 2 ? "ssl" : "wss", hello: { display: "desktop" } });
    await expect.poll(async () => (await count())[0], { timeout: 60_000 }).toBeLessThanOrEqual(descriptors + 1);
    await expect.poll(async () => (await count())[1], { timeout: 60_000 }).toBeLessThanOrEqual(threads + 1);
  });

  it("has never printed a session's secret or a user's password", async () => {
    const log = await rig.logs("proxy");
    expect(log).not.toContain(rig.secret);
    expect(log).not.toContain(Rig.password);
    expect(log).not.toMatch(/vdi1\./);
    expect(log).not.toMatch(/Traceback/);
  });

  it("stops by itself when it is told to", async () => {
    await rig.docker("stop", "-t", "60", `${rig.name}-proxy`);
    const code = await rig.docker("inspect", "--format", "{{.State.ExitCode}}", `${rig.name}-proxy`);
    // 137: it had to be killed.
    expect(Number(code)).not.toBe(137);
    await rig.docker("start", `${rig.name}-proxy`);
  });
});
