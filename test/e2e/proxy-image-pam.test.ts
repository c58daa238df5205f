import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasImages, Rig } from "./proxy-image/rig.ts";

// The door before PAM modules that are slow, hang, die, or take a code once: fake ones, by pam_exec, under real PAM.
let rig: Rig;
let fake: string;

const service = `auth [success=1 default=ignore] pam_exec.so quiet expose_authtok /fake/fake-pam
auth requisite pam_deny.so
auth required pam_permit.so
account required pam_unix.so
account required pam_exec.so quiet /fake/fake-pam
`;
const hanging = Array.from({ length: 50 }, (_, at) => `hang${String(at + 1).padStart(2, "0")}`);

beforeAll(async () => {
  if (!(await hasImages()))
    throw new Error("the images of the proxy and of a session are missing; set VDI_PROXY_IMAGE and VDI_SESSION_IMAGE");
  fake = mkdtempSync(join(tmpdir(), "vdi-fake-pam-"));
  mkdirSync(join(fake, "codes"));
  writeFileSync(join(fake, "runs"), "");
  writeFileSync(join(fake, "service"), service);
  cpSync(join(import.meta.dirname, "proxy-image", "fake-pam"), join(fake, "fake-pam"));
  const mounts = `-v ${fake}:/fake -v ${join(fake, "service")}:/etc/pam.d/fake:ro`;
  rig = await Rig.up(`vdi-test-pam-${process.pid}`, `${mounts} -e XPRA_AUTH_METHOD=pam:service=fake -e VDI_PAM_SECONDS=75`);
  await rig.users("passwd", (text) => text + hanging.map((name, at) => `${name}:x:${21_000 + at}:21000::/home/${name}:/bin/sh\n`).join(""));
  await rig.users("group", (text) => `${text}hanging:x:21000:\n`);
  const line = /^xpra-user01:.*$/m.exec(readFileSync(join(rig.directory, "users", "shadow"), "utf8"))?.[0] ?? "";
  await rig.users("shadow", (text) => text + hanging.map((name) => `${line.replace("xpra-user01", name)}\n`).join(""));
});

afterAll(async () => {
  await rig?.down();
  if (fake) rmSync(fake, { recursive: true, force: true });
});

const bearer = (ticket: string): Record<string, string> => ({ Authorization: `Bearer ${ticket}` });
let codes = 100_000;

/** A new one-time code, as it is typed behind the password. */
function passwordWithCode(): string {
  codes += 1;
  mkdirSync(join(fake, "codes", String(codes)));
  return `${Rig.password}.${codes}`;
}

/** How often a user's password and code were asked of PAM so far. */
const authentications = (user: string): number =>
  readFileSync(join(fake, "runs"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith(`auth ${user} `)).length;

const signIn = (user: string, password: string) => rig.http("POST", "/api/v1/sign-in", { user, password });

describe("a one-time code", () => {
  it("is spent once by the page: types, progress, attach, reconnect and renewal go by the ticket", async () => {
    const secret = passwordWithCode();
    const first = await signIn("xpra-user01", secret);
    expect(first.status).toBe(200);
    const { ticket, types } = JSON.parse(first.text);
    expect(types).toHaveLength(2);
    const progress = await rig.http("POST", "/api/v1/sessions", { display: "desktop" }, bearer(ticket));
    expect(progress.text).toMatch(/"event":"ready"/);
    expect((await rig.raw({ password: ticket, hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
    const renewed = JSON.parse((await rig.http("POST", "/api/v1/ticket", {}, bearer(ticket))).text);
    expect(renewed.types).toHaveLength(2);
    // The line was lost: the page looks at the session and attaches again.
    expect((await rig.http("POST", "/api/v1/sessions/state", { display: "desktop" }, bearer(renewed.ticket))).status).toBe(200);
    expect((await rig.raw({ password: renewed.ticket, hello: { display: "desktop" } })).at(-1)?.[1]).toBe("hello");
    expect(authentications("xpra-user01")).toBe(1);
    // And it was a code that is good once.
    expect((await signIn("xpra-user01", secret)).status).toBe(401);
  });

  it.each(["wss", "ssl"])("is spent once by Xpra's own client by %s", async (scheme) => {
    const before = authentications("xpra-user01");
    const address = rig.address(scheme, "desktop", passwordWithCode());
    expect(await rig.native(/running, \d+ windows/, "attach", address)).toMatch(/running, \d+ windows/);
    expect(authentications("xpra-user01") - before).toBe(1);
    expect(await rig.native(/Authentication failed/i, "attach", address)).toMatch(/Authentication failed/i);
  });

  it("is good for one of many who show it at once", async () => {
    const secret = passwordWithCode();
    const answers = await Promise.all(Array.from({ length: 5 }, () => signIn("xpra-user02", secret)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
  });
});

describe("PAM that hangs", () => {
  it("for 50 users at once holds up no other, and tells each of the 50 after its deadline", async () => {
    const attach = await rig.readyRaw({ password: passwordWithCode(), hello: { display: "desktop" } });
    const stuck = hanging.map((user) => signIn(user, "anything"));
    await expect.poll(() => hanging.filter((user) => authentications(user) > 0).length, { timeout: 60_000 }).toBe(50);
    let answered = 0;
    for (const answer of stuck)
      void answer.then(() => {
        answered += 1;
      });
    for (const user of ["xpra-user01", "xpra-user02", "xpra-user03"]) expect((await signIn(user, passwordWithCode())).status).toBe(200);
    expect((await attach()).at(-1)?.[1]).toBe("hello");
    // Still stuck: that the others came in is no matter of waiting for the 50 to end.
    expect(answered).toBe(0);
    for (const answer of await Promise.all(stuck)) {
      expect([answer.status, JSON.parse(answer.text).error]).toEqual([
        503,
        { code: "unavailable", message: "Signing in does not work at this moment. Please try again later." },
      ]);
    }
    const lines = (await rig.events("sign-in")).filter(({ user }) => user.startsWith("hang"));
    expect(new Set(lines.map(({ outcome, reason }) => `${outcome} ${reason}`))).toEqual(new Set(["unavailable timeout"]));
    expect(lines).toHaveLength(50);
    // With the programs that the modules had started.
    const left = async (): Promise<string> => rig.docker("top", `${rig.name}-proxy`, "-eo", "pid,args");
    await expect.poll(left, { timeout: 60_000 }).not.toMatch(/sleep|fake-pam/);
  }, 300_000);

  it("for more users than there are places lets the others in, in the place of who has waited longest", async () => {
    let answered = 0;
    const stuck = [...hanging, ...hanging, ...hanging].map(async (user) => {
      const answer = await signIn(user, "anything");
      answered += 1;
      return answer;
    });
    // Answered: who had to give a place up. From now on there is none left.
    await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThan(0);
    for (const user of ["xpra-user01", "xpra-user02", "xpra-user03"]) expect((await signIn(user, passwordWithCode())).status).toBe(200);
    const answers = await Promise.all(stuck);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(answers.map(({ text }) => JSON.parse(text).error.code)).toContain("busy");
  }, 300_000);
});

describe("the PAM helper", () => {
  // The processes of attempts are named alike, and one may end before it is killed.
  const kill = (signal: string): Promise<string> => {
    const find = "pids=$(grep -l '[p]am_helper' /proc/[0-9]*/cmdline | cut -d/ -f3)";
    return rig.docker("exec", `${rig.name}-proxy`, "sh", "-c", `${find}; [ -n "$pids" ] || exit 1; kill -${signal} $pids || :`);
  };

  it("is started again when it was killed, while people sign in", async () => {
    for (let round = 0; round < 3; round++) {
      const asked = ["xpra-user01", "xpra-user02", "xpra-user03"].map((user) => signIn(user, passwordWithCode()));
      await kill("KILL");
      // Those whose attempt died with it are told to try again, and nobody waits for a deadline.
      for (const answer of await Promise.all(asked)) expect([200, 503]).toContain(answer.status);
      expect((await signIn("xpra-user02", passwordWithCode())).status).toBe(200);
    }
  });

  it("is replaced when it has stopped", async () => {
    await kill("STOP");
    // The first one finds out.
    await signIn("xpra-user01", passwordWithCode());
    await kill("KILL");
    expect((await signIn("xpra-user02", passwordWithCode())).status).toBe(200);
  });
});
