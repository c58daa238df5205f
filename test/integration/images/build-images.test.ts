import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type Dockerode from "dockerode";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runVdi } from "../support/run-vdi.ts";
import { FakeEngine, hash, stepLines } from "./fake-engine.ts";

const registry = "127.0.0.1:1";
let directory = "";
let engine: FakeEngine;
let docker: Dockerode;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-build-test-"));
  write("deploy/vdi.env", `NAMESPACE=vdi\nXPRA_REGISTRY_SRV=${registry}\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=none\n`);
  write("images/vdi-base/Dockerfile.ejs", "FROM <%= BASE_IMAGE %>\nARG XPRA_VERSION=6.5.5\nCOPY x to_container/bin/tool /\n");
  write("images/vdi-base/x", "one");
  write("to_container/bin/tool", "tool", 0o755);
  write("images/vdi-xfce4/Dockerfile.tmpl", "FROM {{XPRA_REGISTRY_SRV}}/vdi-base\n");
  write("images/vdi-proxy/Dockerfile", "FROM debian:trixie-slim\n");
  engine = new FakeEngine();
  docker = await engine.listen();
  engine.add("debian:trixie-slim", "debian");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await engine.close();
  rmSync(directory, { recursive: true });
});

function write(at: string, text: string, mode = 0o644): void {
  const file = path.join(directory, at);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

function vdi(words: readonly string[], signal?: AbortSignal) {
  return runVdi(words, {
    cwd: directory,
    env: { HOME: directory, DOCKER_CONFIG: path.join(directory, "docker") },
    ports: { connectEngine: async () => docker },
    ...(signal === undefined ? {} : { signal }),
  });
}
const built = (): string[] => engine.builds.splice(0).map((build) => build.reference.slice(registry.length + 1));

describe("vdi build-images", () => {
  it("builds parents first and sends each what it needs", async () => {
    const { exitCode, stdout, stderr } = await vdi(["build-images", "-o", "json"]);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    const base = engine.builds.find((build) => build.reference.endsWith("/vdi-base"));
    expect(base?.files).toMatchObject({
      Dockerfile: expect.stringContaining("FROM debian:trixie-slim\n"),
      x: "one",
      "to_container/bin/tool": "tool",
    });
    expect(base?.query.get("networkmode")).toBe("host");
    expect(base?.query.get("version")).toBe("2");
    expect(engine.imports).toEqual([expect.stringMatching(/^vdi-build-env:[0-9a-f]{12}$/)]);
    const names = built();
    expect(names.indexOf("vdi-base")).toBeLessThan(names.indexOf("vdi-xfce4"));
    const { images } = JSON.parse(stdout) as { images: { name: string; action: string }[] };
    expect(images.map((image) => `${image.name} ${image.action}`)).toEqual(["vdi-base built", "vdi-proxy built", "vdi-xfce4 built"]);
  });

  it("builds only what has changed, and what is made from it", async () => {
    await vdi(["build-images"]);
    expect(built().sort()).toEqual(["vdi-base", "vdi-proxy", "vdi-xfce4"]);
    await vdi(["build-images"]);
    expect(built()).toEqual([]);
    utimesSync(path.join(directory, "images/vdi-base/x"), 1, 1);
    await vdi(["build-images"]);
    expect(built()).toEqual([]);
    write("images/vdi-base/x", "two");
    await vdi(["build-images"]);
    expect(built()).toEqual(["vdi-base", "vdi-xfce4"]);
    chmodSync(path.join(directory, "images/vdi-base/x"), 0o755);
    await vdi(["build-images"]);
    expect(built()).toEqual(["vdi-base", "vdi-xfce4"]);
    await vdi(["build-images", "--build-arg", "XPRA_VERSION=6.5.4"]);
    expect(built()).toEqual(["vdi-base", "vdi-xfce4"]);
    await vdi(["build-images"]);
    built();
    engine.add("debian:trixie-slim", "debian, a month later");
    await vdi(["build-images"]);
    expect(built().sort()).toEqual(["vdi-base", "vdi-proxy", "vdi-xfce4"]);
    write("images/vdi-proxy/Dockerfile.ejs", "FROM debian:trixie-slim\nENV WORKERS=<%= XPRA_WORKERS %>\n");
    await vdi(["build-images"]);
    expect(built()).toEqual(["vdi-proxy"]);
    write(
      "deploy/vdi.env",
      `NAMESPACE=vdi\nXPRA_REGISTRY_SRV=${registry}\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=node1\n`,
    );
    await vdi(["build-images"]);
    expect(built()).toEqual(["vdi-proxy"]);
    await vdi(["build-images", "vdi-proxy", "--no-cache"]);
    expect(built()).toEqual(["vdi-proxy"]);
  });

  it("builds independent images at the same time", async () => {
    let both: () => void = () => undefined;
    const together = new Promise<void>((resolve) => {
      both = resolve;
    });
    engine.build = async ({ reference }) => {
      if (engine.builds.length === 2) both();
      if (!reference.endsWith("xfce4")) await together;
      return undefined;
    };
    expect((await vdi(["build-images"])).exitCode).toBe(0);
    expect(engine.mostAtOnce).toBe(2);
  });

  it("shows the last lines of the step that failed, stops the others and begins nothing new", async () => {
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at}\n`).join("");
    let stopped = false;
    let proxyRuns: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      proxyRuns = resolve;
    });
    engine.build = async ({ reference }, send, closed) => {
      if (reference.endsWith("vdi-proxy")) {
        proxyRuns();
        await closed;
        stopped = true;
        return undefined;
      }
      await running;
      for (const line of stepLines("sha256:1", "[1/2] RUN true", "fine\n")) send(line);
      for (const line of stepLines("sha256:3", "[other 1/1] RUN sleep", "half\n", "context canceled")) send(line);
      for (const line of stepLines("sha256:2", "[2/2] RUN make", `${lines}E: \u001b[31mbroken\u001b[0m\n`, "exit code: 2")) send(line);
      return { error: "executor failed running [/bin/sh -c make]: exit code: 2" };
    };
    const { exitCode, stderr, stdout, progress } = await vdi(["build-images"]);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("error: the image vdi-base could not be built\n");
    expect(stderr).toContain("[2/2] RUN make");
    expect(stderr).toContain("E: broken\n");
    expect(stderr).toContain("line 59");
    expect(stderr).not.toContain("line 30\n");
    expect(stderr).toContain("exit code: 2");
    await expect.poll(() => stopped, { timeout: 10_000 }).toBe(true);
    expect(built()).not.toContain("vdi-xfce4");
    expect(progress.some((line) => line.startsWith("vdi-base: [1/2] RUN true — 3.5 s"))).toBe(true);
  });

  it("takes an error in a successful answer for a failure, whatever the engine", async () => {
    engine.build = async () => ({ error: "dockerfile parse error line 3: unknown instruction: RUNN" });
    const { exitCode, stderr } = await vdi(["build-images", "vdi-proxy"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("unknown instruction: RUNN");
  });

  it("takes an answer that ends too soon for a failure", async () => {
    engine.build = async (_build, _write, _closed) => {
      await engine.close();
      return undefined;
    };
    const { exitCode, stderr } = await vdi(["build-images", "vdi-proxy"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("the image vdi-proxy could not be built");
    engine = new FakeEngine();
    docker = await engine.listen();
  });

  it("stops at once when it is interrupted, and leaves no file behind", async () => {
    // A directory of its own: others build on this machine as well.
    const temporary = path.join(directory, "tmp");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    const interrupt = new AbortController();
    let closedByUs = false;
    engine.build = async (_build, send, closed) => {
      for (const line of stepLines("sha256:1", "[1/2] RUN sleep", "").slice(0, 2)) send(line);
      interrupt.abort();
      await closed;
      closedByUs = true;
      return undefined;
    };
    const { exitCode } = await vdi(["build-images"], interrupt.signal);
    expect(exitCode).toBe(130);
    await expect.poll(() => closedByUs, { timeout: 10_000 }).toBe(true);
    expect(built()).not.toContain("vdi-xfce4");
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("pushes with docker's own sign-in and tells the digests", async () => {
    write("docker/config.json", JSON.stringify({ auths: { [registry]: { auth: Buffer.from("ann:s3cret:x").toString("base64") } } }));
    const { exitCode, stdout, stderr, progress } = await vdi(["build-images", "vdi-xfce4", "--push", "-o", "json"]);
    expect(exitCode).toBe(0);
    expect(engine.pushes).toEqual([
      { reference: `${registry}/vdi-base:latest`, login: { username: "ann", password: "s3cret:x", serveraddress: registry } },
      { reference: `${registry}/vdi-xfce4:latest`, login: { username: "ann", password: "s3cret:x", serveraddress: registry } },
    ]);
    expect(stdout).toContain(hash(`${registry}/vdi-xfce4`, "manifest"));
    expect(stdout + stderr + progress.join()).not.toContain("s3cret");
  });

  it("takes an error in a push's answer for a failure and says what to do", async () => {
    engine.pushLines = [JSON.stringify({ errorDetail: { message: "no basic auth credentials" }, error: "no basic auth credentials" })];
    const { exitCode, stderr } = await vdi(["build-images", "vdi-proxy", "--push"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`the image vdi-proxy could not be pushed to ${registry}`);
    expect(stderr).toContain(`docker login ${registry}`);
  });

  it("imports a rootfs as the base image, once", async () => {
    write("images/vdi-base/rootfs.tar.gz", "an archive");
    await vdi(["build-images", "vdi-base"]);
    await vdi(["build-images", "vdi-base", "--no-cache"]);
    const imported = engine.imports.filter((reference) => reference.startsWith("vdi-rootfs:"));
    expect(imported).toHaveLength(1);
    expect(engine.builds[0]?.files["Dockerfile"]).toContain(`FROM ${imported[0]}\n`);
    expect(engine.builds[0]?.files["rootfs.tar.gz"]).toBeUndefined();
  });

  it("pulls a base that the registry has a newer one of, and makes do with its own when the registry is away", async () => {
    engine.add("debian:trixie-slim", "old", { repoDigests: [`debian@${hash("old")}`] });
    engine.elsewhere.set("debian:trixie-slim", hash("new"));
    await vdi(["build-images", "vdi-proxy"]);
    expect(engine.images.get("debian:trixie-slim")?.repoDigests).toEqual([`debian@${hash("new")}`]);
    engine.elsewhere.clear();
    const { exitCode, progress } = await vdi(["build-images", "vdi-proxy"]);
    expect(exitCode).toBe(0);
    expect(progress.join("\n")).toContain("its registry does not answer");
  });

  it("says how to come to a base image where there is none", async () => {
    engine.images.delete("debian:trixie-slim");
    const { exitCode, stderr } = await vdi(["build-images"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("the base image debian:trixie-slim could not be fetched");
    expect(stderr).toContain("try: vdi images rootfs");
  });

  it.each([
    ["an unknown image", ["build-images", "vdi-nothing"], "there is no image 'vdi-nothing'"],
    ["a build argument without a value", ["build-images", "--build-arg", "X"], "'X' is not a build argument"],
    [
      "a build argument that no image knows",
      ["build-images", "--build-arg", "XPRA_VERSON=1"],
      "no image knows the build argument XPRA_VERSON",
    ],
  ])("refuses %s before anything is built", async (_, words, message) => {
    const { exitCode, stderr } = await vdi(words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(engine.builds).toEqual([]);
    expect(engine.imports).toEqual([]);
  });

  it("prints no secret of the configuration into a Dockerfile", async () => {
    write("images/vdi-proxy/Dockerfile.ejs", "FROM debian:trixie-slim\nENV X=<%= IDM_ADMIN_PASSWORD %>\n");
    const { exitCode, stderr } = await vdi(["build-images"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("it uses IDM_ADMIN_PASSWORD, which has no value");
  });
});

describe("vdi images list", () => {
  it("tells what an image is made from, and where it is", async () => {
    await vdi(["build-images", "vdi-base"]);
    const { exitCode, stdout } = await vdi(["images", "list"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^vdi-base {3}1 MB here {2}not in the registry \(.*ECONNREFUSED.*\)$/m);
    expect(stdout).toMatch(/^vdi-xfce4 {2}not built here .* from vdi-base$/m);
    const { stdout: json } = await vdi(["images", "list", "-o", "json"]);
    expect(JSON.parse(json)).toHaveLength(3);
  });
});
