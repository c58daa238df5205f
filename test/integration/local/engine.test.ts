import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readLocalLog } from "../../../src/local/logs.ts";
import { runVdi } from "../support/run-vdi.ts";
import { frame } from "./fake-containers.ts";
import { addHome, changeMachine, directory, docker, engine, home, kept, local, on, up } from "./rig.ts";

describe("an engine that fails", () => {
  it("is told in words by up, also while the page is waited for", async () => {
    await up();
    on.failures.set("GET /containers/vdi-vdi-local-proxy/json", "the disk is on fire");
    expect(await local(["up"])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("the disk is on fire") });
    on.failures.clear();
    changeMachine({
      pageProblem: async () => {
        on.failures.set("GET /containers/vdi-vdi-local-broker/json", "the disk is on fire");
        return "nothing yet";
      },
    });
    expect(await local(["up"])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("the disk is on fire") });
  });

  it("is told in words by logs", async () => {
    await up();
    for (const path of ["/containers/json", "/containers/vdi-vdi-local-proxy/logs"]) {
      on.failures.set(`GET ${path}`, "the disk is on fire");
      for (const more of [[], ["-f"]])
        expect(await local(["logs", ...more])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("the disk is on fire") });
      on.failures.clear();
    }
  });

  it("is told in words by images list", async () => {
    await up();
    await engine.close();
    const { exitCode, stderr } = await runVdi(["images", "list"], { cwd: directory(), ports: { connectEngine: async () => docker } });
    expect(exitCode).toBe(5);
    expect(stderr).toContain("the engine could not say whether it has the image localhost/vdi-local/vdi-");
  });

  it("has no lines of a container that has just gone", async () => {
    const lines: unknown[] = [];
    for await (const line of readLocalLog(docker, "gone", { tail: undefined, since: undefined })) lines.push(line);
    expect(lines).toEqual([]);
  });

  it("is asked again when the connection of a log is cut", async () => {
    await up();
    const others = engine.more;
    let calls = 0;
    engine.more = async (call) => {
      if (call.path !== "/containers/vdi-vdi-local-proxy/logs") return others(call);
      calls += 1;
      if (calls > 1) on.containers.delete("vdi-vdi-local-proxy");
      call.response.writeHead(200).write(frame(`2026-01-01T00:00:00.${calls}Z line ${calls}\n`));
      // The first connection is cut, the second one ends.
      setTimeout(() => (calls === 1 ? call.response.destroy() : call.response.end()), 50);
      return true;
    };
    const { exitCode, stdout } = await local(["logs", "-f", "proxy"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "proxy   line 1\nproxy   line 2\n" });
  });
});

describe("another directory of the same name", () => {
  const other = (): string => path.join(home, "other/vdi-local");
  const words = (): string => `vdi-local on this engine is another directory's\n  it was made from ${directory()}, which has the same name`;
  it("takes over nothing of what is up, and takes nothing of it down", async () => {
    await up();
    addHome();
    const before = [on.text("vdi-vdi-local-users", "shadow"), on.text("vdi-vdi-local-ticket", "key")];
    on.writes.length = 0;
    changeMachine({ portProblem: async () => "another program has it" });
    for (const argv of [["up", "--port", "9443"], ["up"], ["down", "--homes", "--yes"]]) {
      const { exitCode, stderr } = await local([...argv, "--dir", other()]);
      expect({ argv, exitCode }).toEqual({ argv, exitCode: 2 });
      expect(stderr).toContain(words());
    }
    const users = await local(["users", "add-demo", "--dir", other()]);
    expect(users.stdout).toContain("vdi-local on this engine is another directory's");
    expect(on.writes).toEqual([]);
    expect([on.text("vdi-vdi-local-users", "shadow"), on.text("vdi-vdi-local-ticket", "key")]).toEqual(before);
    await up();
  });

  it("does not get the homes that stay after down", async () => {
    await up();
    addHome();
    await local(["down"]);
    const { exitCode, stderr } = await local(["up", "--dir", other()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words());
    // As the message says, where the first one is gone.
    mkdirSync(path.join(other(), "protected"), { recursive: true });
    writeFileSync(path.join(other(), "protected/local-id"), kept("protected/local-id"));
    expect((await local(["up", "--dir", other()])).exitCode).toBe(0);
    await local(["down", "--homes", "--yes"]);
    expect(on.volumes.size).toBe(0);
  });

  it("finds a deployment that was there before directories had ids taken by the first one that came", async () => {
    await up();
    on.volumes.delete("vdi-vdi-local-owner");
    for (const part of ["files", "broker", "proxy"]) {
      const labels = on.containers.get(`vdi-vdi-local-${part}`)?.options.Labels as Record<string, string>;
      delete labels["vdi.xpra.org/directory-id"];
    }
    for (const each of [...on.networks.values(), ...[...on.volumes.values()].map(({ labels }) => labels)])
      delete (each as Record<string, string>)["vdi.xpra.org/directory-id"];
    expect((await up()).changes).toEqual([{ kind: "volume", name: "vdi-vdi-local-owner", outcome: "created" }]);
    const { exitCode, stderr } = await local(["up", "--dir", other()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words());
  });
});
