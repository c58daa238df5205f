import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerLabels } from "../../../src/engine/docker-names.ts";
import { filtersOf } from "../../../src/engine/engine-client.ts";
import { adminSentence, reasons } from "../../../src/session/reasons.ts";
import type { SessionRefusal } from "../../../src/session/refusal.ts";
import { sessionEntry } from "../../../src/session/session-settings.ts";
import type { SessionState } from "../../../src/session/session-state.ts";
import { proxyImage } from "../support/images.ts";
import { eventually } from "../support/wait.ts";
import { expectOpen } from "./contract.ts";
import { type DockerPlace, dockerPlace } from "./docker-place.ts";
import { type OwnEngine, ownEngine } from "./own-engine.ts";
import { newUser, untilState } from "./place.ts";

// An engine of this test's own, with a disk that is filled: what users, admins and `vdi local up` are told, and that all go on from there.
const kibibyte = 2 ** 10;
const gibibyte = 2 ** 30;
/** What three builds ask for is free while as much again is taken; of this machine's disk it takes what is written. */
const diskBytes = 24 * gibibyte;
const buildBytes = 12 * gibibyte;
const quiet = (): undefined => undefined;
const isAbsent = ({ state }: SessionState): boolean => state === "absent";
const isReady = ({ state }: SessionState): boolean => state === "ready";
const noSpace = /no space left on device/i;
const image = "vdi-scripts";
const vdi = join(import.meta.dirname, "..", "..", "..", "bin", "vdi");
let engine: OwnEngine;
let place: DockerPlace;

beforeAll(async () => {
  engine = await ownEngine({ diskBytes });
  await engine.start();
  await engine.load(proxyImage);
  // An image with a desktop takes twice as long to load, and the scripts need none.
  const entry = '#!/bin/sh\\nexec bash "$VDI_SESSION_SCRIPT"\\n';
  const input = `FROM ${proxyImage}\nRUN printf '${entry}' >${sessionEntry} && chmod 755 ${sessionEntry}\n`;
  await execa("docker", ["-H", `unix://${engine.socket}`, "build", "--network", "none", "--tag", image, "-"], { input });
  place = await dockerPlace({
    socket: engine.socket,
    namespace: "full",
    image,
    network: "10.215.1.0/24",
    root: engine.root(),
    connect: (address) => engine.connect(address),
  });
});

afterAll(async () => {
  try {
    await engine?.disk.makeRoom();
    await place?.remove();
  } finally {
    await engine?.remove();
  }
});

describe("a full disk: a session", () => {
  // Its user's files find no space, or what the engine makes of it, one after the other.
  it.each([0, 16, 64, 128])("is refused for it with %i KiB left, leaves nothing, and the next try starts it", async (left) => {
    const broker = place.broker();
    const user = newUser();
    await broker.runtime.known(20_000);
    await engine.disk.fill(left * kibibyte);
    const refusal = await broker.sessions.getOrStart(user, "listening", quiet).catch((thrown: unknown) => thrown as SessionRefusal);
    expect(refusal).toMatchObject({ reason: "no-space", message: reasons["no-space"].user, detail: expect.stringMatching(noSpace) });
    expect(adminSentence("no-space", { namespace: "full" }, "docker")).toMatch(/disk .* is full.* try: docker system df/);
    const name = `${user.name}-listening`;
    expect(broker.runtime.look(name).status).toEqual({ state: "absent" });
    expect(await place.count(name)).toBe(0);

    await engine.disk.makeRoom();
    expect(await broker.sessions.getOrStart(user, "listening", quiet)).toMatchObject({ name, started: true });
  });

  it("that runs goes on, is known to every broker, and can be ended", async () => {
    const early = place.broker();
    const [staying, leaving] = [newUser(), newUser()];
    const { name, address } = await early.sessions.getOrStart(staying, "listening", quiet);
    const other = await early.sessions.getOrStart(leaving, "listening", quiet);
    await engine.disk.fill();
    await expect(early.sessions.getOrStart(newUser(), "listening", quiet)).rejects.toMatchObject({ reason: "no-space" });

    const late = place.broker();
    expect(await late.runtime.known(20_000)).toBe(true);
    for (const broker of [early, late]) {
      expect(await untilState(broker, name, isReady)).toMatchObject({ address });
      await expectOpen(broker, name, address);
      expect(await broker.sessions.getOrStart(staying, "listening", quiet)).toMatchObject({ started: false, address });
    }
    // It is what makes space.
    expect(await early.sessions.end(leaving, "listening")).toMatchObject({ state: "ending" });
    for (const broker of [early, late]) await untilState(broker, other.name, isAbsent);
    expect(await place.count(other.name)).toBe(0);
    await expectOpen(late, name, address);
    await engine.disk.makeRoom();
    // The engine may have had no space for writing down that nobody is in it any more: then a broker sees to it later.
    await eventually(
      "the end of its network",
      () => place.parts(other.name),
      (parts) => parts.length === 0,
    );
    expect(await early.sessions.getOrStart(leaving, "listening", quiet)).toMatchObject({ started: true });
  });
});

describe("a full disk: vdi local up", () => {
  const directory = (): string => join(engine.disk.path, "vdi-full");

  /** As on a machine with one disk, for the engine and for everything else. */
  async function run(
    ...words: readonly string[]
  ): Promise<{ readonly exitCode: number; readonly stderr: string; readonly stdout: string }> {
    const [nsenter = "", ...beside] = engine.beside();
    const env = { DOCKER_HOST: `unix://${engine.socket}`, TMPDIR: engine.disk.path };
    const { exitCode, stdout, stderr } = await execa(nsenter, [...beside, process.execPath, vdi, ...words, "--dir", directory()], {
      env,
      reject: false,
      timeout: 120_000,
    });
    return { exitCode: exitCode ?? -1, stderr, stdout };
  }

  async function running(): Promise<readonly string[]> {
    const filters = filtersOf({ label: [`${dockerLabels.deployment}=vdi-full`] });
    const all = await place.client.json<readonly { Names: readonly string[] }[]>({ path: "/containers/json", query: { filters } });
    return all.flatMap(({ Names: names }) => names).sort();
  }

  const up = (): ReturnType<typeof run> => run("local", "up", "--no-install");

  beforeAll(async () => {
    // Debian's registry is not asked, and the images are made in a second.
    const query = { repo: "debian", tag: "trixie-slim" };
    await place.client.send({ method: "POST", path: `/images/${proxyImage}/tag`, query });
  });

  it("says so where its own files find no space", async () => {
    await engine.disk.fill(256 * kibibyte);
    const { exitCode, stderr } = await up();
    expect(stderr).toMatch(/^error: .*\/vdi-full\/.* could not be written\n {2}ENOSPC: no space left on device.*\n {2}try: df -h/m);
    expect(exitCode).toBe(1);
  });

  it("says so before a build that cannot end well, with its directory made meanwhile", async () => {
    await engine.disk.fill(2 * gibibyte);
    const { exitCode, stderr } = await up();
    expect(stderr).toMatch(
      /^error: there is not enough free space to build the images\n {2}.* has [12]\.\d GiB free.*\n {2}try: docker system prune/m,
    );
    expect(exitCode).toBe(1);
  });

  it("says so where a build needs more than there is", async () => {
    const dockerfiles = {
      "vdi-base": "FROM <%= BASE_IMAGE %>\n",
      "vdi-proxy": "FROM <%= XPRA_REGISTRY_SRV %>/vdi-base\n",
      "vdi-xfce4": `FROM <%= XPRA_REGISTRY_SRV %>/vdi-base\nUSER 0\nRUN fallocate -l ${buildBytes} /var/tmp/much && rm /var/tmp/much\n`,
    };
    for (const [name, text] of Object.entries(dockerfiles))
      await writeFile(join(engine.root(), directory(), "images", name, "Dockerfile.ejs"), text);
    await engine.disk.fill(buildBytes - gibibyte);
    const { exitCode, stderr } = await up();
    expect(stderr).toMatch(/^error: the image vdi-xfce4 could not be built\n {2}the engine's disk is full\n/m);
    expect(stderr).toMatch(noSpace);
    expect(stderr).toMatch(/^ {2}try: docker system df .*\n {2}try: docker system prune.*\n {2}see: doc\/images.md#space$/m);
    expect(exitCode).toBe(1);
  });

  it("says so where the engine can make no network, volume or container", async () => {
    await engine.disk.makeRoom();
    const built = await run("build-images");
    expect(built.stderr).not.toMatch(/^error/m);
    expect(built.exitCode).toBe(0);
    const said: string[] = [];
    for (const left of [0, 32, 160]) {
      await engine.disk.fill(left * kibibyte);
      const { exitCode, stderr } = await up();
      expect(stderr).toMatch(/^error: .*\n(?: {2}.*\n)* {2}try: docker system df/m);
      expect(stderr).toMatch(noSpace);
      expect(exitCode).toBe(1);
      said.push(stderr);
    }
    expect(said.join("\n")).toContain("error: the engine could not make what is needed\n");
  });

  it("goes on from there once there is space, to the page", async () => {
    await engine.disk.makeRoom();
    const { exitCode, stdout, stderr } = await up();
    expect(stderr).not.toMatch(/^error/m);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("https://localhost:8443/");
    expect(await running()).toEqual(["/vdi-vdi-full-broker", "/vdi-vdi-full-proxy"]);
  });

  it("can be taken down", async () => {
    await engine.disk.fill();
    const { exitCode, stderr } = await run("local", "down");
    expect(stderr).not.toMatch(/^error/m);
    expect(exitCode).toBe(0);
    expect(await running()).toEqual([]);
  });
});
