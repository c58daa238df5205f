import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { policyName } from "../../src/manifests/deployment-names.ts";
import type { Demo } from "../start/demo.ts";
import { askedByBrokers } from "./support/audit-log.ts";
import { testDemo, vdi, vdiWith } from "./support/demo.ts";
import { type Door, doorAt, proxyDoors, untilConfigured } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";

let demo: Demo;
let kubectl: Kubectl;
const display = "desktop-failsafe";

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
  await untilConfigured(kubectl, demo);
}, 2_400_000);

afterAll(async () => {
  if (kubectl === undefined) return;
  await vdi(demo, "deploy");
  await kubectl.removeSessions(demo.namespace);
});

/** Starts a session and ends it, one after the other, until it is told to stop; gives what was answered to each start. */
function keepStarting(door: Door, user: string): () => Promise<readonly string[]> {
  const answers: string[] = [];
  let isOver = false;
  const work = (async () => {
    const { ticket } = await door.signIn(user, demo.password);
    while (!isOver) {
      const last = (await door.start(ticket, display)).at(-1);
      answers.push(last?.event === "ready" ? "ready" : JSON.stringify(last));
      await door.end(ticket, display);
    }
  })();
  return async () => {
    isOver = true;
    await work;
    return answers;
  };
}

it.skipIf(process.env["VDI_E2E_CONTEXT"] !== undefined)("a deploy with another session image refuses nobody a session", async () => {
  const from = Date.now();
  const name = policyName({ namespace: demo.namespace, ingressNamespace: `ingress-${demo.namespace}`, deployName: "xpra-proxy" });
  const doors = await proxyDoors(kubectl, demo);
  const users = ["xpra-user01", "xpra-user02", "xpra-user03"];
  const stops = users.map((user, at) => keepStarting(doors[at % doors.length] as Door, user));
  let ended: readonly PromiseSettledResult<readonly string[]>[] = [];
  try {
    // There and back.
    for (const variables of [{ IMAGE_DEFAULT: demo.baseImage }, {}]) {
      const outcome = await vdiWith(variables, demo, "deploy");
      expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0 });
      const policy = await kubectl.run("get", "validatingadmissionpolicy", name, "-o", "json");
      expect(policy, "it is narrow again").not.toContain("variables.");
      // Whoever would still start one of the image before is refused by now.
      await sleep(4_000);
    }
  } finally {
    // Judged below: what a deploy itself has said comes before what followed from it.
    ended = await Promise.allSettled(stops.map((stop) => stop()));
  }
  const answers = ended.flatMap((each) => (each.status === "fulfilled" ? each.value : [String(each.reason)]));
  expect(answers.filter((answer) => answer !== "ready")).toEqual([]);
  // How the API server answered the brokers' creations of pods.
  const creations = askedByBrokers(demo, from).filter(({ verb, objectRef }) => verb === "create" && objectRef?.resource === "pods");
  const codes = creations.map(({ responseStatus }) => responseStatus?.code);
  expect(codes.length).toBeGreaterThan(5);
  // The API server may take the wider policy up after a broker has the new image: it asks again, and its user has waited a moment.
  expect(codes.filter((code) => code !== 201 && code !== 403)).toEqual([]);
  expect(codes.filter((code) => code === 403).length).toBeLessThanOrEqual(2);
});

async function openPorts(): Promise<string> {
  return kubectl.run("get", "networkpolicy", "sessions", "-n", demo.namespace, "-o", "jsonpath={.spec.ingress[0].ports[*].port}");
}

it("a deploy with another PORT leaves the sessions that run within reach, until they have ended", async () => {
  const door = doorAt(new URL(demo.url).hostname);
  const { ticket } = await door.signIn("xpra-user01", demo.password);
  expect((await door.start(ticket, display)).at(-1)).toMatchObject({ event: "ready" });
  const another = { PORT: "14600" };
  expect(await vdiWith(another, demo, "deploy")).toMatchObject({ exitCode: 0 });
  expect(await openPorts()).toBe("14500 14600");
  expect((await door.start(ticket, display)).at(-1)).toMatchObject({ event: "ready" });
  await kubectl.removeSessions(demo.namespace);
  expect(await vdiWith(another, demo, "deploy")).toMatchObject({ exitCode: 0 });
  expect(await openPorts()).toBe("14600");
});
