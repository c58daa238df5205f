import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { type Door, doorAt, proxyDoors, untilOffered } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";
import { eventually } from "./support/wait.ts";

interface Explained {
  readonly user: string;
  readonly cause: string;
  readonly text: string;
  readonly try: readonly string[];
  readonly evidence: readonly { readonly from: string; readonly text: string }[];
}

const crashing = `#!/bin/bash
# title: Crashing
# description: Ends with an error before the desktop is there
echo "the licence server does not answer" >&2
exit 3
`;

let demo: Demo;
let kubectl: Kubectl;
let door: Door;
const locked = "xpra-user03";
const script = (): string => join(demo.directory, "to_container/session_types/default/xpra_startup_crashing.sh");
const shadow = (): string => join(demo.directory, "protected/users/shadow");
let shadowBefore = "";

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  door = doorAt(new URL(demo.url).hostname);
  writeFileSync(script(), crashing);
  chmodSync(script(), 0o755);
  shadowBefore = readFileSync(shadow(), "utf8");
  writeFileSync(shadow(), shadowBefore.replace(new RegExp(`^${locked}:[^:]*:`, "m"), `${locked}:!:`));
  expect(await vdi(demo, "deploy")).toMatchObject({ exitCode: 0 });
  await untilOffered(kubectl, demo, ["crashing"]);
}, 2_400_000);

afterAll(async () => {
  rmSync(script(), { force: true });
  if (shadowBefore !== "") writeFileSync(shadow(), shadowBefore, { mode: 0o600 });
  await vdi(demo, "deploy");
  await kubectl.removeSessions(demo.namespace);
});

/** Asks until the cause is the wanted one: a log reaches the API a moment after it was written. */
async function explained(who: string, cause: string, evidence = ""): Promise<Explained> {
  const ask = async (): Promise<Partial<Explained>> => {
    const { stdout, stderr } = await vdi(demo, "explain", who, "--since", "10m", "-o", "json");
    return stdout === "" ? { text: stderr } : (JSON.parse(stdout) as Explained);
  };
  // A pod's log and what the broker says of its end come by different ways.
  const isFound = (found: Partial<Explained>): boolean =>
    found.cause === cause && (evidence === "" || found.evidence?.some(({ text }) => text === evidence) === true);
  return (await eventually(`vdi explain ${who} says '${cause}'`, ask, isFound)) as Explained;
}

describe("vdi explain", () => {
  it("knows a wrong password, and what is well again", async () => {
    const wrong = `${demo.password}-not`;
    expect((await door.signIn(demo.user, wrong)).status).toBe(401);
    const found = await explained(demo.user, "credentials");
    expect(found.text).toContain("the password was not right");
    expect(JSON.stringify(found)).not.toContain(demo.password);
    expect((await door.signIn(demo.user, demo.password)).status).toBe(200);
    await explained(demo.user, "signed-in");
  });

  it("knows a locked user", async () => {
    // Each proxy's node brings it its users, and may look for them only once in a minute.
    for (const each of await proxyDoors(kubectl, demo)) {
      const status = async (): Promise<number> => (await each.signIn(locked, demo.password)).status;
      await expect.poll(status, { timeout: 120_000, interval: 5_000 }).toBe(401);
    }
    const { text, try: hints } = await explained(locked, "locked");
    expect(text).toContain(`The account ${locked} is locked`);
    expect(hints.join()).toContain("vdi users add-demo --renew");
  });

  it("knows why a session crashed, with the last lines of its log", async () => {
    const { ticket } = await door.signIn(demo.user, demo.password);
    const events = await door.start(ticket, "crashing");
    expect(events.at(-1)).toMatchObject({ event: "error" });
    await explained(demo.user, "crashed", "the licence server does not answer");
    const byName = await explained(`${demo.user}-crashing`, "crashed");
    expect(byName.user).toBe(demo.user);
    const { stdout } = await vdi(demo, "explain", demo.user);
    expect(stdout).toMatch(/try: /);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});

it("vdi logs --follow goes on with the pod that takes the place of another one", async () => {
  const seen: { pod: string; text?: string; event?: { event?: string } }[] = [];
  const following = execa(process.execPath, [join(import.meta.dirname, "../../bin/vdi"), "logs", "-f", "--tail", "1", "-o", "json"], {
    cwd: demo.directory,
    env: { KUBECONFIG: demo.kubeconfig },
    reject: false,
  });
  createInterface({ input: following.stdout }).on("line", (line) => seen.push(JSON.parse(line)));
  const until = (what: string, is: () => boolean): Promise<unknown> => eventually(what, async () => seen.slice(-3), is, 90_000);
  try {
    await until("a line", () => seen.length > 0);
    const before = new Set((await kubectl.pods(`ingress-${demo.namespace}`)).map(({ metadata }) => metadata?.name));
    await kubectl.run("delete", "pod", "-n", `ingress-${demo.namespace}`, [...before][0] ?? "", "--wait=false");
    await until("the start of another broker", () => seen.some(({ pod, event }) => !before.has(pod) && event?.event === "start"));
  } finally {
    following.kill("SIGINT");
  }
  expect((await following).exitCode).toBe(130);
});
