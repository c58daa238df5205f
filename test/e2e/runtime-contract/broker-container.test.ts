import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deploymentLabelsOf, identityVolumeName } from "../../../src/engine/docker-names.ts";
import { proxyImage, sessionImage } from "../support/images.ts";
import { eventually } from "../support/wait.ts";
import { type DockerPlace, dockerPlace } from "./docker-place.ts";
import { newUser } from "./place.ts";

// The bundled broker in its container, as a deployment has it: root without a capability or a network, and the engine's socket.
const namespace = `broker-${process.pid}`;
const root = join(import.meta.dirname, "..", "..", "..");
const identityDirectory = "/var/lib/vdi/identity";
let place: DockerPlace;
let directory: string;
let broker: string;
let socketPath: string;

beforeAll(async () => {
  place = await dockerPlace({ socket: "/var/run/docker.sock", namespace, image: sessionImage, network: "10.214.4.0/24" });
  directory = await mkdtemp(join(tmpdir(), "vdi-broker-"));
  const config = place.config();
  await writeFile(join(directory, "broker.json"), JSON.stringify({ ...config, docker: { ...config.docker, identityDirectory } }), {
    mode: 0o444,
  });
  const { Mountpoint: sockets } = await place.client.json<{ Mountpoint: string }>({
    method: "POST",
    path: "/volumes/create",
    body: { Name: `vdi-${namespace}-socket`, Labels: deploymentLabelsOf(namespace, "socket") },
  });
  socketPath = join(sockets, "broker", "broker.sock");
  await place.startProxy();
  const { Id: id } = await place.client.json<{ Id: string }>({
    method: "POST",
    path: "/containers/create",
    query: { name: `vdi-${namespace}-broker` },
    body: {
      Image: proxyImage,
      User: "0:0",
      Entrypoint: ["node", "/broker", "--serve"],
      Cmd: [],
      Labels: deploymentLabelsOf(namespace, "broker"),
      HostConfig: {
        NetworkMode: "none",
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        ReadonlyRootfs: true,
        GroupAdd: ["65533"],
        Binds: [
          "/var/run/docker.sock:/var/run/docker.sock",
          `${join(root, "dist", "to_container", "bin", "start_or_get_pod")}:/broker:ro`,
          `${join(directory, "broker.json")}:/etc/vdi/broker.json:ro`,
          `vdi-${namespace}-socket:/run/vdi`,
          `${identityVolumeName(namespace)}:${identityDirectory}`,
        ],
      },
    },
  });
  broker = id;
  await place.client.send({ method: "POST", path: `/containers/${broker}/start` });
});

afterAll(async () => {
  await place?.remove();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** Asks the broker as a door does, and gives the lines of its answer. */
async function ask(path: string, body?: object): Promise<readonly Record<string, unknown>[]> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const answer = await new Promise<string>((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(payload) };
    const outgoing = request({ socketPath, path, method: body === undefined ? "GET" : "POST", headers, timeout: 60_000 }, (response) =>
      text(response).then(resolve, reject),
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer to ${path} within 60 s`)));
    outgoing.once("error", reject).end(payload);
  });
  return answer
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What the broker says of itself, or what stands in the way of asking it. */
function health(): Promise<string> {
  return ask("/v1/health").then(
    (lines) => String(lines[0]?.["status"]),
    (thrown: unknown) => String(thrown),
  );
}

it("starts sessions, ends them, and is missed by nobody when it is killed", async () => {
  await eventually("the broker's health", health, (status) => status === "ok");
  const user = newUser();
  const first = await ask("/v1/sessions", { user, display: "listening" });
  const ready = first.at(-1);
  expect(ready).toMatchObject({ event: "ready", session: `${user.name}-listening` });
  expect(ready?.["display"]).toMatch(new RegExp(`^tcp://${user.name}:[A-Za-z0-9]{24}@10\\.214\\.4\\.\\d+:14500/$`));
  // The user is the one of the files that the broker has written.
  const container = `vdi-${namespace}-s-${user.name}-listening`;
  expect((await place.exec(container, ["id", "-un"])).output.trim()).toBe(user.name);

  await place.client.send({ method: "POST", path: `/containers/${broker}/kill` });
  await place.client.send({ method: "POST", path: `/containers/${broker}/start` });
  await eventually("the broker's health", health, (status) => status === "ok");
  const again = await ask("/v1/sessions", { user, display: "listening" });
  expect(again.at(-1)).toEqual(ready);

  expect(await ask("/v1/end", { user, display: "listening" })).toEqual([{ state: "ending" }]);
  const left = async (): Promise<readonly string[]> => [
    ...(await place.containers("session")).map(({ Names: names }) => names.join(" ")),
    ...(await place.networks()),
  ];
  await eventually("the end of the session", left, (names) => names.length === 0);
});

it("has neither a network nor a capability", async () => {
  const inside = await place.exec(broker, ["sh", "-c", "ls /sys/class/net; grep -E '^Cap(Eff|Bnd)' /proc/self/status"]);
  expect(inside.output.split(/\s+/).filter(Boolean)).toEqual(["lo", "CapEff:", "0".repeat(16), "CapBnd:", "0".repeat(16)]);
});
