import type { V1Pod } from "@kubernetes/client-node";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { type Door, doorAt, proxyDoors, type SessionEvent } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";
import { livingProxies } from "./support/proxies.ts";
import { eventually } from "./support/wait.ts";

let demo: Demo;
let kubectl: Kubectl;
let door: Door;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  door = doorAt(new URL(demo.url).hostname);
}, 2_400_000);

afterEach(async () => {
  await kubectl.removeSessions(demo.namespace);
});

async function sessionPods(): Promise<readonly V1Pod[]> {
  return kubectl.sessionPods(demo.namespace);
}

/** Signs in and starts a session; fails with the door's words when that does not come off. */
async function login(user: string, display: string, at: Door = door): Promise<{ ticket: string; last: SessionEvent | undefined }> {
  const { status, ticket, message } = await at.signIn(user, demo.password);
  expect({ status, message }).toEqual({ status: 200, message: "" });
  const events = await at.start(ticket, display);
  return { ticket, last: events.at(-1) };
}

function uids(pods: readonly V1Pod[]): readonly (string | undefined)[] {
  return pods.map((pod) => pod.metadata?.uid);
}

describe("a user's session", () => {
  it("is the same pod at the second login, and another pod for another user", async () => {
    expect((await login("xpra-user01", "desktop-failsafe")).last?.event).toBe("ready");
    const first = await sessionPods();
    expect(first).toHaveLength(1);
    expect((await login("xpra-user01", "desktop-failsafe")).last?.event).toBe("ready");
    expect(uids(await sessionPods())).toEqual(uids(first));

    expect((await login("xpra-user02", "desktop-failsafe")).last?.event).toBe("ready");
    const both = await sessionPods();
    expect(both.map((pod) => pod.metadata?.name).sort()).toEqual(["xpra-user01-desktop-failsafe", "xpra-user02-desktop-failsafe"]);
    expect(both.map((pod) => pod.spec?.securityContext?.runAsUser).sort()).toEqual([20001, 20002]);
  });

  it("is one pod when two proxies are asked at once, twenty times", async () => {
    const doors = await proxyDoors(kubectl, demo);
    expect(doors).toHaveLength(2);
    const tickets = await Promise.all(doors.map(async (one) => (await one.signIn("xpra-user01", demo.password)).ticket));
    for (let round = 1; round <= 20; round += 1) {
      const ends = await Promise.all(doors.map(async (one, place) => (await one.start(tickets[place] ?? "", "desktop-failsafe")).at(-1)));
      expect(
        ends.map((end) => end?.event),
        `round ${round}: ${JSON.stringify(ends)}`,
      ).toEqual(["ready", "ready"]);
      expect(await sessionPods(), `round ${round}`).toHaveLength(1);
      await kubectl.removeSessions(demo.namespace);
    }
  }, 900_000);

  it("is made anew when its pod was deleted", async () => {
    await login("xpra-user01", "desktop-failsafe");
    const [first] = await sessionPods();
    await kubectl.run("delete", "pod", "-n", demo.namespace, first?.metadata?.name ?? "", "--wait=false");
    // A broker knows a moment after the API server that the pod was deleted.
    const [second] = await eventually(
      "a new pod",
      async () => {
        expect((await login("xpra-user01", "desktop-failsafe")).last?.event).toBe("ready");
        return (await sessionPods()).filter((pod) => pod.metadata?.deletionTimestamp === undefined);
      },
      ({ length }) => length === 1,
    );
    expect(second?.metadata?.uid).not.toBe(first?.metadata?.uid);
  });

  it("is listed and stopped by the admin", async () => {
    await login("xpra-user01", "desktop-failsafe");
    const listed = await vdi(demo, "sessions", "list");
    expect(listed.stdout).toContain("xpra-user01");
    const stopped = await vdi(demo, "sessions", "stop", "xpra-user01", "--yes");
    expect(stopped, stopped.stderr).toMatchObject({ exitCode: 0 });
    expect((await sessionPods()).filter((pod) => pod.metadata?.deletionTimestamp === undefined)).toEqual([]);
  });

  it("is ended by its user", async () => {
    const { ticket } = await login("xpra-user01", "desktop-failsafe");
    await door.end(ticket, "desktop-failsafe");
    expect((await sessionPods()).filter((pod) => pod.metadata?.deletionTimestamp === undefined)).toEqual([]);
  });
});

describe("a refusal", () => {
  it("of a wrong password says so and starts nothing", async () => {
    const refused = await door.signIn("xpra-user01", "not-the-password");
    expect(refused.status).toBe(401);
    expect(refused.message).toMatch(/password/i);
    expect(refused.ticket).toBe("");
    const unknown = await door.signIn("nobody-of-that-name", "x");
    // Nobody learns from the words whether a name exists.
    expect(unknown.message).toBe(refused.message);
    expect(await sessionPods()).toEqual([]);
  });

  it.each([
    ["an unknown type", "no-such-type"],
    ["a path", "../../x"],
    ["a command", "$(touch x)"],
    ["another user's name as prefix", "xpra-user02-desktop"],
    ["an empty part", "mhd-"],
    ["a line break", "desktop\ndesktop"],
  ])("of %s is in words and starts nothing", async (_what, display) => {
    const { last } = await login("xpra-user01", display);
    expect(last?.event).toBe("error");
    expect(last?.message?.length).toBeGreaterThan(10);
    expect(last?.message).not.toMatch(/\n/);
    expect(await sessionPods()).toEqual([]);
  });

  it("of a ticket that is not ours starts nothing", async () => {
    const [event] = await door.start("not.a.ticket", "desktop");
    expect(event?.event).toBe("error");
    expect(await sessionPods()).toEqual([]);
  });
});

describe("a new user", () => {
  it("is known to running proxies without a restart, and unknown again once removed", async () => {
    const restarts = async (): Promise<readonly string[]> =>
      (await livingProxies(kubectl, demo)).map((pod) => pod.metadata?.uid ?? "").sort();
    const before = await restarts();
    const added = await vdi(demo, "users", "add-demo", "--count", "4", "--generate", "-o", "json");
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
    const password = /"password": "([^"]+)"/.exec(added.stdout)?.[1] ?? "";
    expect(password).not.toBe("");
    // A kubelet that looked at the pod before it heard of the Secret looks again a minute later. Seldom enough to stay below the limit for
    // wrong passwords from one place.
    const waiting = { timeout: 120_000, interval: 5_000 };
    await expect.poll(async () => (await door.signIn("xpra-user04", password)).status, waiting).toBe(200);
    expect(await vdi(demo, "users", "remove", "xpra-user04")).toMatchObject({ exitCode: 0 });
    await expect.poll(async () => (await door.signIn("xpra-user04", password)).status, waiting).toBe(401);
    expect(await restarts()).toEqual(before);
  }, 300_000);
});
