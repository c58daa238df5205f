import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Reason, reasons } from "../../../src/session/reasons.ts";
import type { Demo } from "../../start/demo.ts";
import { type BrokerLine, untilBrokerLine } from "../support/broker-log.ts";
import { testDemo, vdi } from "../support/demo.ts";
import { type Door, doorAt, type SessionEvent, untilOffered } from "../support/door.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { eventually } from "../support/wait.ts";

const user = "xpra-user01";
let demo: Demo;
let kubectl: Kubectl;
let door: Door;
let ticket: string;
let from: number;

const types = {
  // Its image is in no registry.
  imageless: "exec xpra start --daemon=no",
  crashing: "echo no licence >&2; exit 3",
  fleeting: "exit 0",
  // Runs as any other until the test has it eat. It ends a second after its child was killed: a runtime is told of a lack of memory and
  // of the end on two ways.
  hungry: `xpra start --bind-tcp=0.0.0.0:\${SRC_PORT} --daemon=no --start=xterm &
until [ -e /tmp/eat ]; do sleep 0.2; done
python3 -c 'kept = []
while True: kept.append(b"x" * (16 << 20))'
code=$?; sleep 1; exit $code`,
} as const;
type TypeName = keyof typeof types;

let settings: string;

function settingsFile(): string {
  return join(demo.directory, "deploy/vdi.env");
}

function scriptOf(type: string): string {
  return join(demo.directory, `to_container/session_types/default/xpra_startup_${type}.sh`);
}

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  door = doorAt(new URL(demo.url).hostname);
  for (const [type, script] of Object.entries(types))
    writeFileSync(scriptOf(type), `#!/bin/bash\n# title: ${type}\n${script}\n`, { mode: 0o755 });
  settings = readFileSync(settingsFile(), "utf8");
  const image = `IMAGE_IMAGELESS=${demo.baseImage}@sha256:${"0".repeat(64)}`;
  writeFileSync(settingsFile(), `${settings}\n${image}\nXPRA_SESSION_MEMORY_LIMIT=384Mi\n`);
  expect(await vdi(demo, "deploy")).toMatchObject({ exitCode: 0 });
  ({ ticket } = await door.signIn(user, demo.password));
  await untilOffered(kubectl, demo, Object.keys(types));
}, 2_400_000);

afterAll(async () => {
  writeFileSync(settingsFile(), settings);
  for (const type of Object.keys(types)) rmSync(scriptOf(type), { force: true });
  await vdi(demo, "deploy");
});

beforeEach(() => {
  from = Date.now();
});

afterEach(async () => {
  await kubectl.removeSessions(demo.namespace);
});

async function start(display: string): Promise<readonly SessionEvent[]> {
  return door.start(ticket, display);
}

async function podOf(display: string): Promise<V1Pod | undefined> {
  return (await kubectl.sessionPods(demo.namespace)).find(({ metadata }) => metadata?.name === `${user}-${display}`);
}

/** The line about a refusal; others than this test's user have no session here. */
function refusalLine(reason: Reason): Promise<BrokerLine | undefined> {
  return untilBrokerLine(kubectl, demo, from, `the admin is told of '${reason}'`, ({ outcome }) => outcome === reason);
}

describe("a session that fails while it starts tells its user in words, and the admin what the cluster says", () => {
  const faults: readonly [string, TypeName, Reason, RegExp, string][] = [
    ["image missing", "imageless", "image", /sha256:0{64}/, "vdi build-images --push"],
    ["script that ends with an error", "crashing", "crashed", /^code 3 Error/, `kubectl logs -n NS ${user}-crashing`],
    ["script that ends at once", "fleeting", "ended", /^code 0 Completed/, "--daemon=no"],
  ];
  it.each(faults)("%s", async (_, type, reason, detail, hint) => {
    const events = await start(type);
    expect(events.at(-1)).toEqual({ event: "error", code: 1, reason, message: reasons[reason].user });
    expect(await refusalLine(reason)).toMatchObject({
      user,
      session: `${user}-${type}`,
      admin: expect.stringContaining(hint.replace("NS", demo.namespace)),
      detail: expect.stringMatching(detail),
    });
    // It stays to be looked at, and the next try starts anew.
    const first = (await podOf(type))?.metadata?.uid;
    expect(first).toBeDefined();
    expect((await start(type)).at(-1)).toMatchObject({ event: "error", reason });
    expect((await podOf(type))?.metadata?.uid).not.toBe(first);
  });
});

it("tells a user whose session was killed for memory, and starts it anew", async () => {
  expect((await start("hungry")).at(-1)).toMatchObject({ event: "ready" });
  const pod = await podOf("hungry");
  await kubectl.shell(demo.namespace, pod?.metadata?.name ?? "", "session", "touch /tmp/eat");
  const ended = await eventually(
    "the session is killed",
    () => podOf("hungry"),
    (seen) => seen?.status?.phase === "Failed",
  );
  expect(ended?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });

  const events = await start("hungry");
  const { previous } = reasons.memory;
  expect(events).toContainEqual({ event: "progress", phase: "ending", message: `${previous} A new one is being started.` });
  expect(events.at(-1)).toMatchObject({ event: "ready", notice: previous });
  expect((await podOf("hungry"))?.metadata?.uid).not.toBe(pod?.metadata?.uid);
});

it("does not start a second session beside one that does not go away, and tells user and admin", async () => {
  const display = "desktop-failsafe";
  const name = `${user}-${display}`;
  const inNamespace = ["-n", demo.namespace];
  expect((await start(display)).at(-1)).toMatchObject({ event: "ready" });
  await kubectl.run("patch", "pod", name, ...inNamespace, "--type=merge", "-p", '{"metadata":{"finalizers":["example.org/held"]}}');
  try {
    await kubectl.run("delete", "pod", name, ...inNamespace, "--wait=false", "--grace-period=1");
    // The broker knows a moment after the API server that its end was asked for.
    const events = await eventually(
      "the session is no longer taken for a running one",
      () => start(display),
      (seen) => seen.at(-1)?.event !== "ready",
    );
    expect(events).toContainEqual({ event: "progress", phase: "ending", message: "The previous session is being closed." });
    expect(events.at(-1)).toEqual({ event: "error", code: 1, reason: "stuck", message: reasons.stuck.user });
    expect(await refusalLine("stuck")).toMatchObject({
      admin: expect.stringContaining(`kubectl delete pod -n ${demo.namespace} ${name} --force, once its node is certainly off`),
      detail: expect.stringMatching(/^to be gone by .*Z, node .*, finalizers example.org\/held$/),
    });
    // Known now: the next one does not wait.
    expect((await start(display)).map(({ event }) => event)).toEqual(["error"]);
  } finally {
    await kubectl.run("patch", "pod", name, ...inNamespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
  }
  // The broker knows a moment after the API server that the pod has gone.
  await eventually(
    "a new session starts",
    async () => (await start(display)).at(-1),
    (end) => end?.event === "ready",
  );
});
