import { askedByBrokers } from "../../e2e/support/audit-log.ts";
import type { Bench } from "../bench.ts";
import { lightType } from "../deployment.ts";
import { timeProgram } from "../timing.ts";

/** Each session is asked for less than once a second, so that the broker connects to it every time: what answered a moment ago it takes for open. */
const sessionsInTurn = 20;
const pauseMs = 56;

/** Runs in a proxy's container, beside the socket: asks for running sessions, one after the other, and prints the milliseconds. */
const callerScript = (users: readonly string[], calls: number): string => `
const { request } = require("node:http");
const { readFileSync } = require("node:fs");
const entries = readFileSync("/var/lib/extrausers/passwd", "utf8").split("\\n").map((line) => line.split(":"));
const users = ${JSON.stringify(users)}.map((name) => {
  const [, , uid, gid, gecos, home, shell] = entries.find((entry) => entry[0] === name);
  return { name, uid: Number(uid), gid: Number(gid), gecos, home, shell, groups: [] };
});
function call(user) {
  const body = JSON.stringify({ user, display: ${JSON.stringify(lightType)} });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const options = { socketPath: "/run/vdi/broker/broker.sock", path: "/v1/sessions", method: "POST", headers, agent: false };
    request(options, (response) => {
      let text = "";
      response.on("data", (chunk) => { text += chunk; });
      response.on("end", () => {
        const took = performance.now() - from;
        if (text.includes('"ready"') && !text.includes('"scheduling"')) resolve(took); else reject(new Error(text));
      });
    }).on("error", reject).end(body);
  });
}
(async () => {
  const samples = [];
  for (let at = 0; at < ${calls}; at += 1) {
    const next = performance.now() + ${pauseMs};
    samples.push(await call(users[at % users.length]));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  console.log(JSON.stringify(samples));
})().catch((error) => { console.error(String(error)); process.exit(1); });
`;

/** The same place: starts the one-shot program and the shortest program of Node in turn. */
const oneShotScript = (users: readonly string[], pairs: number): string => `
const { spawnSync } = require("node:child_process");
const users = ${JSON.stringify(users)};
function time(file, args, input) {
  const from = performance.now();
  const { status, stdout, stderr } = spawnSync(file, args, { input, encoding: "utf8" });
  const took = performance.now() - from;
  if (status !== 0) throw new Error(stdout + stderr);
  return took;
}
const ask = (at) => time("start_or_get_pod", [], "USERNAME='" + users[at % users.length] + "'\\nXPRA_POD_DISPLAY='${lightType}'\\n");
const node = () => time("node", ["-e", "0"], "");
ask(0);
node();
const rows = { ours: [], plain: [] };
for (let at = 0; at < ${pairs}; at += 1) {
  if (at % 2 === 0) rows.ours.push(ask(at));
  rows.plain.push(node());
  if (at % 2 === 1) rows.ours.push(ask(at));
}
console.log(JSON.stringify(rows));
`;

/** What a user who comes back waits for. */
export const bench: Bench = {
  name: "existing-session",
  what: "The answer for a user whose session runs: through the broker's socket as the proxy asks it, and by the one-shot program.",
  how: `In the proxy's container, over ${sessionsInTurn} running sessions in turn, each asked for less than once a second, so that the broker really connects to the session's port every time. The plain way is \`kubectl get pod\`, in rounds between the calls; for the one-shot program \`node -e 0\` in the same container, in turn.`,
  heldBackBy:
    "Through the broker: one round trip on a unix socket and one TCP connect to the pod; the tail is other processes' turn on the processors. One-shot: Node's start, of which nothing can be taken away, and `getent` for the user's groups.",
  async run(world) {
    const deployment = await world.deployment();
    const { kubectl, namespace, ingressNamespace } = deployment;
    world.defer(() => deployment.removeUsers());
    world.defer(() => deployment.endSessions());
    const sessionCount = world.count(sessionsInTurn, 2);
    await deployment.endSessions();
    await deployment.needRoom(sessionCount);
    world.say(`starting ${sessionCount} sessions`);
    const users = await deployment.users(sessionCount);
    for (const user of users) await deployment.login(user, lightType);
    const [proxy = ""] = await deployment.proxies();
    const run = async (script: string): Promise<unknown> =>
      JSON.parse(await kubectl.pipe(script, "exec", "-i", "-n", ingressNamespace, proxy, "-c", "proxy", "--", "node", "-"));

    await run(callerScript(users, users.length));
    const from = Date.now();
    const calls: number[] = [];
    const plain: number[] = [];
    const rounds = world.count(5, 1);
    for (let round = 0; round < rounds; round += 1) {
      world.signal.throwIfAborted();
      world.say(`round ${round + 1} of ${rounds}`);
      calls.push(...((await run(callerScript(users, world.count(200, 10)))) as number[]));
      for (let at = 0; at < world.count(10, 2); at += 1) {
        const pod = `${users[at % users.length]}-${lightType}`;
        const args = ["get", "pod", "-n", namespace, pod, "-o", "jsonpath={.status.podIP}"];
        plain.push(await timeProgram({ file: deployment.kubectlProgram, args: [...deployment.kubectlArgs, ...args] }));
      }
    }
    const asked = deployment.auditLog === undefined ? undefined : askedByBrokers(deployment, from);
    world.say("the one-shot program");
    const oneShot = (await run(oneShotScript(users, world.count(60, 4)))) as { ours: number[]; plain: number[] };
    return [
      {
        what: "session runs, through the broker",
        unit: "ms",
        samples: calls,
        plain: { what: "kubectl get pod", samples: plain, paired: false },
        targets: [
          { of: "p50", atMost: 10 },
          { of: "p99", atMost: 30 },
        ],
      },
      {
        what: "session runs, one-shot program",
        unit: "ms",
        samples: oneShot.ours,
        plain: { what: "node -e 0", samples: oneShot.plain, paired: true },
        targets: [{ of: "p50", timesPlain: 1.5, atMost: 40 }],
      },
      ...(asked === undefined
        ? []
        : [
            {
              what: `requests to the cluster's API for these ${calls.length} answers`,
              unit: "" as const,
              samples: [asked.length],
              targets: [{ of: "max", exactly: 0 } as const],
              note: "each session was asked for once before: a broker that has not started it itself looks once into its log, unless it has run for two minutes.",
            },
          ]),
    ];
  },
};
