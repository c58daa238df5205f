import { describe, expect, it } from "vitest";
import { styleFor } from "../../../src/cli/output.ts";
import { explainCommand } from "../../../src/commands/explain.ts";
import { explain } from "../../../src/explain/explain.ts";
import type { AccountFact, LogFact, LoginFacts, PodFact } from "../../../src/explain/facts.ts";
import { reasons } from "../../../src/session/reasons.ts";
import type { SessionState } from "../../../src/session/session-state.ts";

const account: AccountFact = { uid: 20001, gid: 20001, isLocked: false };

let second = 0;
/** A line, a second after the one before. */
function line(event: string, fields: Record<string, unknown> = {}): LogFact {
  second += 1;
  const time = new Date(Date.parse("2026-11-25T18:00:00Z") + second * 1000).toISOString();
  const container = ["session", "waiting", "trouble"].includes(event) ? "broker" : "proxy";
  return { time, pod: "xpra-proxy-7c9f-x7k2p", container, event, fields: { user: "alice", ...fields } };
}

const signIn = (outcome: string, reason?: string): LogFact =>
  line("sign-in", { outcome, address: "10.0.0.5", door: "page", ...(reason === undefined ? {} : { reason }) });
const nameless = (outcome: string): LogFact => line("sign-in", { user: "", unknown: true, outcome, address: "10.0.0.5", door: "page" });
const session = (outcome: string, detail?: string): LogFact =>
  line("session", { outcome, session: "alice-desktop", display: "desktop", ...(detail === undefined ? {} : { detail }) });
const attach = (outcome = "ok", message?: string): LogFact =>
  line("attach", { outcome, ...(outcome === "ok" ? { session: "alice-desktop" } : {}), ...(message === undefined ? {} : { message }) });
const detach = (reason: string): LogFact => line("detach", { session: "alice-desktop", reason });
const running: SessionState = { state: "ready", instance: "1", address: { host: "10.1.1.1", port: 14500, secret: "" } };

function pod(status: SessionState, tail: readonly string[] = []): PodFact {
  second += 1;
  const time = new Date(Date.parse("2026-11-25T18:00:00Z") + second * 1000).toISOString();
  return { name: "alice-desktop", view: { status }, time, tail, events: [] };
}
const failed = (reason: Extract<SessionState, { state: "failed" }>["reason"], detail = ""): SessionState => ({
  state: "failed",
  instance: "1",
  reason,
  detail,
});

function facts(more: Partial<LoginFacts>): LoginFacts {
  return {
    now: "2026-11-25T19:00:00.000Z",
    from: "2026-11-24T19:00:00.000Z",
    namespace: "vdi-stp",
    user: "alice",
    account,
    usesLocalUsers: true,
    minUid: 1000,
    types: ["desktop", "seamless"],
    lines: [],
    nameless: [],
    trouble: [],
    proxies: { wanted: 2, ready: 2 },
    pods: [],
    ...more,
  };
}

const { account: _, ...noAccount } = facts({});

/** What is known, the cause, and words of the text. */
const rows: readonly (readonly [string, LoginFacts, string, string])[] = [
  ["a wrong password", facts({ lines: [signIn("credentials")] }), "credentials", "the password was not right"],
  [
    "a wrong password that was right later",
    facts({ lines: [signIn("credentials"), signIn("ok"), session("ready"), attach()], pods: [pod(running)] }),
    "attached",
    "All is well",
  ],
  ["an unknown user", { ...noAccount, nameless: [nameless("credentials")] }, "unknown-user", "one attempt under a name that is no account"],
  ["a user that nobody tried", noAccount, "unknown-user", "There was no attempt under an unknown name"],
  ["local users that are switched off", facts({ usesLocalUsers: false }), "unknown-user", "XPRA_DEMO_USERS is not Y"],
  [
    "a locked account, by the files",
    facts({ account: { ...account, isLocked: true }, lines: [signIn("credentials")] }),
    "locked",
    "is locked",
  ],
  ["a locked account, by PAM", facts({ lines: [signIn("account", "locked")] }), "locked", "is locked"],
  [
    "an expired account",
    facts({ account: { ...account, expired: "2026-10-31" }, lines: [signIn("account", "expired")] }),
    "expired",
    "its last day was 2026-10-31",
  ],
  ["an expired password", facts({ lines: [signIn("account", "password-expired")] }), "password-expired", "is too old"],
  ["a removed account", facts({ lines: [signIn("account", "removed")] }), "removed", "was removed"],
  ["a changed password", facts({ lines: [signIn("credentials", "password changed")] }), "password-changed", "was changed"],
  ["an account rule", facts({ lines: [signIn("account", "hbac")] }), "not-allowed", "account rules"],
  ["an account of the system", facts({ account: { ...account, uid: 33 }, lines: [signIn("account", "system")] }), "low-uid", "uid 33"],
  ["a uid below the least one", facts({ minUid: 30_000, lines: [signIn("ok")] }), "low-uid", "at least 30000"],
  ["too many tries", facts({ lines: [signIn("credentials")], nameless: [nameless("too-many")] }), "limited", "so many wrong passwords"],
  ["PAM that hangs", facts({ lines: [signIn("unavailable", "timeout")] }), "pam-timeout", "no answer in time"],
  ["PAM that is away", facts({ lines: [signIn("unavailable", "no helper")] }), "pam-unavailable", "(no helper)"],
  ["an overload", facts({ lines: [signIn("busy", "overload")] }), "busy", "So many people"],
  [
    "a broker that is away",
    facts({ lines: [signIn("ok")], proxies: { wanted: 2, ready: 1, problem: "xpra-proxy-x, broker, CrashLoopBackOff" } }),
    "broker-away",
    "CrashLoopBackOff",
  ],
  [
    "a client without a broker",
    facts({ lines: [signIn("ok"), attach("broker", "Please try again.")], proxies: { wanted: 2, ready: 1 } }),
    "broker-away",
    "1 of 2",
  ],
  ["no proxy at all", facts({ proxies: { wanted: 2, ready: 0 } }), "no-proxy", "nobody can sign in"],
  [
    "an API server that is away",
    facts({ lines: [signIn("ok")], trouble: [line("trouble", { what: "watch of pods", error: "connect ECONNREFUSED" })] }),
    "away",
    "ECONNREFUSED",
  ],
  ["no type for the user", facts({ types: [], lines: [signIn("ok")] }), "no-types", "not a single session type"],
  ["a type that is not there", facts({ lines: [signIn("ok"), session("no-such-type")] }), "no-such-type", "There are: desktop, seamless"],
  ["a used up quota", facts({ lines: [session("no-room", "exceeded quota: sessions")] }), "no-room", "exceeded quota: sessions"],
  [
    "no node with room",
    facts({ lines: [line("waiting", { reason: "no-node", session: "alice-desktop", detail: "0/1 nodes: insufficient cpu" })] }),
    "no-node",
    "insufficient cpu",
  ],
  [
    "a session that has no room, seen by its pod",
    facts({
      lines: [signIn("ok")],
      pods: [
        pod({ state: "starting", instance: "1", phase: "scheduling", message: "x", trouble: { reason: "no-node", detail: "0/1 nodes" } }),
      ],
    }),
    "no-node",
    "0/1 nodes",
  ],
  ["an image that is missing", facts({ lines: [session("image", "ErrImagePull: not found")] }), "image", "ErrImagePull"],
  [
    "an image that is missing, by the pod",
    facts({ lines: [signIn("ok")], pods: [pod(failed("image", "ErrImagePull"))] }),
    "image",
    "ErrImagePull",
  ],
  [
    "a crash",
    facts({ lines: [signIn("ok"), session("crashed")], pods: [pod(failed("crashed", "code 3 Error"), ["no such file"])] }),
    "crashed",
    "code 3 Error",
  ],
  [
    "a crash in the middle",
    facts({ lines: [signIn("ok"), session("ready"), attach()], pods: [pod(failed("crashed", "code 139"))] }),
    "crashed",
    "alice-desktop failed",
  ],
  ["too much memory", facts({ lines: [attach()], pods: [pod(failed("memory", "OOMKilled"))] }), "memory", "more memory than its limit"],
  ["too much disk", facts({ lines: [attach()], pods: [pod(failed("disk"))] }), "disk", "disk"],
  ["an eviction", facts({ lines: [attach()], pods: [pod(failed("evicted", "Evicted: low on memory"))] }), "evicted", "low on memory"],
  ["a node that is lost", facts({ lines: [attach()], pods: [pod(failed("machine"))] }), "machine", "node"],
  ["rights that are missing", facts({ lines: [session("forbidden")] }), "forbidden", "does not let the broker do its work"],
  ["an admission policy", facts({ lines: [session("policy", "denied by policy")] }), "policy", "denied by policy"],
  [
    "a hung pod",
    facts({ lines: [signIn("ok")], pods: [pod({ state: "ending", instance: "1", overdue: true, detail: "finalizers x/y" })] }),
    "stuck",
    "finalizers x/y",
  ],
  ["a slow session", facts({ lines: [session("slow")] }), "slow", "not ready in time"],
  ["a port that does not answer", facts({ lines: [session("silent")] }), "silent", "network"],
  [
    "a reason of another version",
    facts({ lines: [line("session", { outcome: "moon", admin: "the moon is full" })] }),
    "moon",
    "The moon is full.",
  ],
  ["a cut connection", facts({ lines: [attach(), detach("client ping timeout")], pods: [pod(running)] }), "cut", "runs on"],
  [
    "a silent client",
    facts({ lines: [attach(), detach("no answer from the client for 120 seconds")], pods: [pod(running)] }),
    "cut",
    "runs on",
  ],
  [
    "a refusal of a broker that answered, while another proxy is away",
    facts({ lines: [signIn("ok"), attach("no-session", "Your desktop is being prepared.")], proxies: { wanted: 2, ready: 1 } }),
    "no-session",
    "is being prepared",
  ],
  ["a cut connection to a session that has ended", facts({ lines: [attach(), detach("connection lost")] }), "cut", "has ended since"],
  [
    "a client's refusal with the broker's reason",
    facts({ lines: [session("no-room"), attach("no-session", "No more")] }),
    "no-room",
    "ResourceQuota",
  ],
  ["a full proxy", facts({ lines: [attach("full")] }), "full", "as many clients"],
  ["a client that gave up", facts({ lines: [attach("gone")] }), "gave-up", "went away"],
  [
    "a client that wanted something else",
    facts({ lines: [attach("not-possible", "This door only lets you attach")] }),
    "not-possible",
    "This door only",
  ],
  ["a session that nobody came to", facts({ lines: [session("ready")], pods: [pod(running)] }), "not-attached", "web sockets"],
  ["a sign-in and nothing more", facts({ lines: [signIn("ok")] }), "signed-in", "has not asked for a session"],
  [
    "a session that starts",
    facts({
      lines: [signIn("ok")],
      pods: [pod({ state: "starting", instance: "1", phase: "starting", message: "The desktop is starting." })],
    }),
    "starting",
    "is being started",
  ],
  ["somebody who is there", facts({ lines: [signIn("ok"), session("ready"), attach()], pods: [pod(running)] }), "attached", "All is well"],
  ["a normal end", facts({ lines: [attach(), detach("client exit")], pods: [pod(running)] }), "well", "ended normally"],
  ["a session that has ended", facts({ lines: [attach()] }), "well", "has ended since"],
  ["a user of whom nothing is known", facts({}), "nothing-seen", "No sign-in of alice was seen"],
];

describe("vdi explain", () => {
  it.each(rows)("knows %s", (_, given, cause, words) => {
    const found = explain(given);
    expect(found.cause).toBe(cause);
    expect(found.text.replaceAll("\n", " ")).toContain(words);
    // A sentence, and something to do whenever something is wrong.
    expect(found.text).toMatch(/^[A-Za-z].*\.$/s);
    if (!found.isWell) expect(found.try.length, "things to try").toBeGreaterThan(0);
    const text = explainCommand.human({ user: given.user, ...found }, styleFor(false));
    expect(text.split("\n").filter((one) => one.length > 80)).toEqual([]);
    expect(text).not.toMatch(/\b(?:NS|POD)\b|undefined|\[object/);
  });

  it.each(Object.keys(reasons))("has words for the broker's reason %s", (reason) => {
    const found = explain(facts({ lines: [signIn("ok"), session(reason)] }));
    expect(found.cause).toBe(reason);
    expect(found.text.length).toBeGreaterThan(20);
  });

  it("tells of a new password for this one user only", () => {
    const tried = (user: string, more: Partial<LoginFacts> = {}) =>
      explain(facts({ user, lines: [{ ...signIn("credentials"), fields: { user, outcome: "credentials" } }], ...more })).try.join("\n");
    expect(tried("alice")).toContain("a new hash for alice in protected/users/shadow");
    expect(tried("alice")).not.toContain("add-demo");
    expect(tried("alice", { account: { ...account, isLocked: true } })).not.toContain("add-demo");
    expect(tried("xpra-user02")).toContain("vdi users add-demo --renew xpra-user02: ");
    expect(tried("xpra-user02", { account: { ...account, isLocked: true } })).toContain("vdi users add-demo --renew xpra-user02: ");
  });

  it("shows the last lines of a session that crashed", () => {
    const tail = Array.from({ length: 20 }, (_, at) => `line ${at}`);
    const { evidence } = explain(facts({ lines: [session("crashed")], pods: [pod(failed("crashed"), tail)] }));
    expect(evidence.filter(({ from }) => from === "log of alice-desktop").map(({ text }) => text)).toEqual(tail.slice(-12));
  });

  it("does not hold an attempt from elsewhere or long ago against the user", () => {
    const wrong = signIn("credentials");
    const elsewhere = { ...nameless("too-many"), fields: { user: "", outcome: "too-many", address: "10.9.9.9" } };
    const later = { ...nameless("too-many"), time: "2026-11-25T18:59:00.000Z" };
    expect(explain(facts({ lines: [wrong], nameless: [elsewhere, later] })).cause).toBe("credentials");
  });
});
