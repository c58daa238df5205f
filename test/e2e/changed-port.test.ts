import { afterAll, beforeAll, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo, vdi, vdiWith } from "./support/demo.ts";
import { doorAt, untilConfigured } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

let demo: Demo;
let kubectl: Kubectl;
const [user, display] = ["xpra-user01", "desktop-failsafe"];

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  await untilConfigured(kubectl, demo);
}, 2_400_000);

afterAll(async () => {
  if (kubectl === undefined) return;
  await kubectl.removeSessions(demo.namespace);
  await vdi(demo, "deploy");
});

async function openPorts(): Promise<string> {
  return kubectl.run("get", "networkpolicy", "sessions", "-n", demo.namespace, "-o", "jsonpath={.spec.ingress[0].ports[*].port}");
}

it("a deploy with another PORT leaves the sessions that run within reach, until they have ended", async () => {
  const door = doorAt(new URL(demo.url).hostname);
  const { ticket } = await door.signIn(user, demo.password);
  expect((await door.start(ticket, display)).at(-1)).toMatchObject({ event: "ready" });
  const another = { PORT: "14600" };
  expect(await vdiWith(another, demo, "deploy")).toMatchObject({ exitCode: 0 });
  expect(await openPorts()).toBe("14500 14600");
  expect((await door.start(ticket, display)).at(-1)).toMatchObject({ event: "ready" });
  await kubectl.removeSessions(demo.namespace);
  expect(await vdiWith(another, demo, "deploy")).toMatchObject({ exitCode: 0 });
  expect(await openPorts()).toBe("14600");
});
