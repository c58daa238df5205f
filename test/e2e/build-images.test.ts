import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import Dockerode from "dockerode";
import { create, list } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageDigest } from "../../src/images/image-digest.ts";
import { runVdi } from "../integration/support/run-vdi.ts";

const docker = new Dockerode();
const hasEngine = await docker.ping().then(
  () => true,
  () => false,
);
/** In a mount of a build's environment; it must be found nowhere else. */
const secretMark = "vdi-test-mark-of-this-machine";

describe.skipIf(!hasEngine)("vdi build-images with a real engine", () => {
  let directory = "";
  let registry = "";
  let mirror: http.Server;
  let asked: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), "vdi-e2e-build-"));
    mirror = http.createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => mirror.listen(0, "127.0.0.1", resolve));
    registry = `127.0.0.1:${(mirror.address() as AddressInfo).port}`;
    writeSite("one");
    write("ca.crt", `-----BEGIN CERTIFICATE-----\n${secretMark}\n-----END CERTIFICATE-----\n`);
    write(
      "images/e2e-base/Dockerfile.ejs",
      `FROM <%= BASE_IMAGE %>\nARG COLOUR=red\nLABEL colour=$COLOUR workers=<%= XPRA_WORKERS %>\nCOPY x to_container/bin/tool /\n`,
    );
    write("images/e2e-base/x", "one");
    write("images/e2e-base/.dockerignore", "*.log\n");
    write("to_container/bin/tool", "tool", 0o755);
    write("images/e2e-child/Dockerfile.tmpl", "FROM {{XPRA_REGISTRY_SRV}}/e2e-base\nCOPY y /\n");
    write("images/e2e-child/y", "y");
    await rootfs("first");
  });
  afterAll(async () => {
    mirror.close();
    for (const image of await docker.listImages()) {
      const ours = (image.RepoTags ?? []).filter((tag) => tag.startsWith(`${registry}/`));
      for (const tag of ours) await docker.getImage(tag).remove({ force: true });
    }
    for (const reference of bases) await docker.getImage(reference).remove({ force: true });
    rmSync(directory, { recursive: true });
  });

  const bases = new Set<string>();

  function write(at: string, text: string, mode = 0o644): void {
    const file = path.join(directory, at);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  }

  function writeSite(workers: string): void {
    write(
      "deploy/vdi.env",
      `NAMESPACE=vdi-e2e\nXPRA_REGISTRY_SRV=${registry}\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=${workers}\n`,
    );
  }

  /** Puts a program of this machine with its libraries into the root file system, for steps that run. */
  function addProgram(program: string, name: string): void {
    const libraries = execFileSync("ldd", [program], { encoding: "utf8" }).match(/\/\S+(?= \()/g) ?? [];
    for (const [from, to] of [[program, name] as const, ...libraries.map((each) => [each, each] as const)]) {
      mkdirSync(path.join(directory, "rootfs", path.dirname(to)), { recursive: true });
      copyFileSync(from, path.join(directory, "rootfs", to));
    }
  }

  /** A root file system with a file that says which one it is. */
  async function rootfs(text: string): Promise<void> {
    write("rootfs/etc/first", text);
    mkdirSync(path.join(directory, "images/vdi-base"), { recursive: true });
    await create({ cwd: path.join(directory, "rootfs"), file: path.join(directory, "images/vdi-base/rootfs.tar.gz"), gzip: true }, ["."]);
  }

  async function build(words: readonly string[] = [], env: Record<string, string> = {}): Promise<string[]> {
    const { exitCode, stdout, stderr } = await runVdi(["build-images", ...words, "-o", "json"], {
      cwd: directory,
      env: { HOME: directory, VDI_CA_BUNDLE: path.join(directory, "ca.crt"), ...env },
      ports: { connectEngine: async () => docker },
    });
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    const result = JSON.parse(stdout) as { baseImage: string; images: { name: string; action: string }[] };
    bases.add(result.baseImage);
    return result.images.filter((image) => image.action === "built").map((image) => image.name);
  }

  async function exported(reference: string): Promise<Map<string, { mode: number; text: string }>> {
    const container = await docker.createContainer({ Image: reference, Cmd: ["none"] });
    try {
      const found = new Map<string, { mode: number; text: string }>();
      const reader = list({
        onReadEntry: (entry) => {
          let text = "";
          entry.on("data", (chunk: Buffer) => {
            text += chunk.toString("latin1");
          });
          entry.on("end", () => found.set(entry.path, { mode: (entry.mode ?? 0) & 0o777, text }));
        },
      });
      for await (const chunk of await container.export()) reader.write(chunk as Buffer);
      await new Promise<void>((resolve) => {
        reader.on("end", resolve);
        reader.end();
      });
      return found;
    } finally {
      await container.remove({ force: true });
    }
  }

  it("builds an image and its child, with the files, modes and values that belong in them", async () => {
    expect(await build()).toEqual(["e2e-base", "e2e-child"]);
    const files = await exported(`${registry}/e2e-child`);
    expect(files.get("x")).toEqual({ mode: 0o644, text: "one" });
    expect(files.get("tool")).toEqual({ mode: 0o755, text: "tool" });
    expect(files.get("y")?.text).toBe("y");
    expect(files.get("etc/first")?.text).toBe("first");
    const { Config } = await docker.getImage(`${registry}/e2e-base`).inspect();
    expect(Config.Labels).toMatchObject({ colour: "red", workers: "one" });
  });

  const changes: readonly [string, readonly string[], () => void | Promise<void>, (readonly string[])?][] = [
    ["nothing", [], () => undefined],
    ["a time", [], () => utimesSync(path.join(directory, "images/e2e-base/x"), 1, 1)],
    ["a file that .dockerignore leaves out", [], () => write("images/e2e-base/a.log", "log")],
    ["a file", ["e2e-base", "e2e-child"], () => write("images/e2e-base/x", "two")],
    ["a file of to_container", ["e2e-base", "e2e-child"], () => write("to_container/bin/tool", "tool 2", 0o755)],
    ["a file's mode", ["e2e-base", "e2e-child"], () => chmodSync(path.join(directory, "images/e2e-base/x"), 0o755)],
    ["a file of the child", ["e2e-child"], () => write("images/e2e-child/y", "z")],
    ["a template's value", ["e2e-base", "e2e-child"], () => writeSite("two")],
    ["the base image", ["e2e-base", "e2e-child"], () => rootfs("second")],
    ["a build argument", ["e2e-base", "e2e-child"], () => undefined, ["--build-arg", "COLOUR=blue"]],
  ];
  it.each(changes)("after a change of %s builds %j", async (_, names, change, words = []) => {
    await change();
    expect(await build(words)).toEqual(names);
    expect(await build(words)).toEqual([]);
  });

  it("reports a push to a registry that does not take it, in the engine's words", async () => {
    const { exitCode, stderr } = await runVdi(["build-images", "e2e-base", "--build-arg", "COLOUR=blue", "--push"], {
      cwd: directory,
      env: { HOME: directory },
      ports: { connectEngine: async () => docker },
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`could not be pushed to ${registry}`);
    expect(await imageDigest(`${registry}/e2e-base`, { env: { HOME: directory } })).toMatchObject({ digest: undefined });
  });

  describe("with steps that run", () => {
    beforeAll(async () => {
      addProgram("/bin/bash", "/bin/sh");
      addProgram("/bin/sleep", "/bin/sleep");
      await rootfs("third");
    });

    it("gives a step the certificates and settings of this machine, and the image nothing of them", async () => {
      asked = [];
      const port = registry.split(":")[1] ?? "";
      const step = [
        "RUN --mount=type=bind,from=vdi-build-env,target=/run/build-env . /run/build-env/env.sh",
        `case "$(< "$SSL_CERT_FILE")" in *${secretMark}*) ;; *) exit 3;; esac`,
        'test "$PIP_INDEX_URL" = "http://mirror.example/secret""-mirror"',
        `exec 3<>/dev/tcp/127.0.0.1/${port}`,
        "printf 'GET /probe HTTP/1.0\\r\\n\\r\\n' >&3",
        "read -r line <&3",
      ];
      // The image that is made to look for the mark must not hold it itself.
      const words = step.join(" && ").replace(secretMark, `${secretMark.slice(0, 5)}""${secretMark.slice(5)}`);
      write("images/e2e-step/Dockerfile.ejs", `FROM <%= BASE_IMAGE %>\n${words}\n`);
      expect(await build(["e2e-step"], { PIP_INDEX_URL: "http://mirror.example/secret-mirror" })).toEqual(["e2e-step"]);
      // The step ran on this machine's network.
      expect(asked).toContain("/probe");
      const reference = `${registry}/e2e-step`;
      const image = docker.getImage(reference);
      const told = JSON.stringify([await image.inspect(), await image.history()]);
      const files = await exported(reference);
      const saved = await savedImage(reference);
      for (const mark of [secretMark, "secret-mirror"]) {
        expect(told).not.toContain(mark);
        for (const { text } of files.values()) expect(text).not.toContain(mark);
        expect(saved.includes(mark)).toBe(false);
      }
      expect([...files.keys()].filter((name) => name.startsWith("run/build-env/") && name !== "run/build-env/")).toEqual([]);
      // Other settings of the machine are no reason to build anew.
      expect(await build(["e2e-step"], { PIP_INDEX_URL: "http://other.example" })).toEqual([]);
    });

    it("shows what a failing step printed, and stops", async () => {
      write("images/e2e-step/Dockerfile.ejs", "FROM <%= BASE_IMAGE %>\nRUN echo to stdout; echo to stderr >&2; exit 7\n");
      const { exitCode, stderr, stdout } = await runVdi(["build-images", "e2e-step"], {
        cwd: directory,
        env: { HOME: directory },
        ports: { connectEngine: async () => docker },
      });
      expect(exitCode).toBe(1);
      expect(stdout).toBe("");
      for (const words of [
        "the image e2e-step could not be built",
        "RUN echo to stdout",
        "    to stdout\n",
        "    to stderr\n",
        "exit code: 7",
      ])
        expect(stderr).toContain(words);
    });

    it("ends the running step when it is interrupted", async () => {
      write("images/e2e-step/Dockerfile.ejs", "FROM <%= BASE_IMAGE %>\nRUN /bin/sleep 987\n");
      const interrupt = new AbortController();
      const building = runVdi(["build-images", "e2e-step"], {
        cwd: directory,
        env: { HOME: directory },
        ports: { connectEngine: async () => docker },
        signal: interrupt.signal,
      });
      try {
        // It runs, or the build has ended.
        await Promise.race([expect.poll(runningSleeps, { timeout: 60_000 }).toBeGreaterThan(0), building]);
      } finally {
        interrupt.abort();
      }
      expect((await building).exitCode).toBe(130);
      await expect.poll(runningSleeps, { timeout: 60_000 }).toBe(0);
    });
  });

  async function runningSleeps(): Promise<number> {
    const lines = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "latin1");
        } catch {
          return "";
        }
      });
    return lines.filter((line) => line.split("\u0000").includes("987")).length;
  }

  /** All of an image, with every layer, as the engine would hand it on. */
  async function savedImage(reference: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await docker.getImage(reference).get()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
});
