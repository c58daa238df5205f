import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { askedByBrokers } from "./support/audit-log.ts";
import { testDemo, vdi } from "./support/demo.ts";
import { doorAt, untilOffered } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

let demo: Demo;
let kubectl: Kubectl;

// A session that takes twenty seconds: long enough for a broker that polls to be seen.
const slowType = `#!/bin/bash
# title: Slow
# description: Takes twenty seconds to start
sleep 20
xpra start --bind-tcp=0.0.0.0:\${SRC_PORT} --daemon=no --start=xterm
`;

function slowScript(): string {
  return join(demo.directory, "to_container/session_types/default/xpra_startup_slow.sh");
}

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  writeFileSync(slowScript(), slowType, { mode: 0o755 });
  expect(await vdi(demo, "deploy")).toMatchObject({ exitCode: 0 });
  await untilOffered(kubectl, demo, ["slow"]);
}, 2_400_000);

afterAll(async () => {
  rmSync(slowScript(), { force: true });
  await vdi(demo, "deploy");
  await kubectl?.removeSessions(demo.namespace);
});

it.skipIf(process.env["VDI_E2E_CONTEXT"] !== undefined)(
  "a broker asks nothing twice while a session starts for twenty seconds",
  async () => {
    const door = doorAt(new URL(demo.url).hostname);
    const { ticket } = await door.signIn(demo.user, demo.password);
    const from = Date.now();
    const events = await door.start(ticket, "slow");
    expect(events.at(-1), JSON.stringify(events)).toMatchObject({ event: "ready" });
    expect(Date.now() - from).toBeGreaterThan(20_000);
    const lines = askedByBrokers(demo, from);
    const asked = lines.filter(({ verb }) => verb === "get" || verb === "list").map(({ verb, requestURI }) => `${verb} ${requestURI}`);
    expect(asked.filter((request) => !request.includes("/log?"))).toEqual([]);
    // One log that is followed; a second try where the first one came before the container.
    expect(asked.filter((request) => request.includes("/log?")).length).toBeLessThanOrEqual(2);
    expect(lines.filter(({ verb }) => verb === "create").length).toBe(1);
  },
);
