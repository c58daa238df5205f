import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubeTransport } from "../../../src/kube/transport.ts";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { distribution, type RunOptions, runVdi } from "../support/run-vdi.ts";

let directory = "";
let kube: FakeKube;
beforeAll(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "vdi-completion-")), "vdi-stp");
  for (const part of ["deploy", "protected/users", "images/vdi-base", "images/vdi-proxy"])
    mkdirSync(join(directory, part), { recursive: true });
  writeFileSync(
    join(directory, "deploy/vdi.env"),
    "XPRA_REGISTRY_SRV=127.0.0.1:9\nEXTERNALIPS=192.0.2.10\nDOMNAME=example.test\nXPRA_WORKERS=all\nXPRA_MOTTO=hello\n",
  );
  writeFileSync(join(directory, "protected/users/passwd"), "alice:x:20001:20001:Alice A.:/home/alice:/bin/bash\n");
  writeFileSync(join(directory, "kubeconfig"), "apiVersion: v1\nkind: Config\ncontexts:\n- name: production\n- name: test\n");
  kube = await new FakeKube().start();
  kube.put({
    metadata: { name: "bob-desktop", labels: sessionLabels("vdi-stp", "desktop"), annotations: { "vdi.xpra.org/owner": "bob" } },
    spec: { containers: [{ name: "session" }] },
    status: { phase: "Running", containerStatuses: [] },
  });
});
afterAll(async () => {
  await kube.stop();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

async function wordsWith(options: RunOptions, ...line: string[]): Promise<readonly string[]> {
  const { stdout, stderr, exitCode } = await runVdi(["__complete", ...line], {
    cwd: directory,
    env: { KUBECONFIG: join(directory, "kubeconfig") },
    ports: { connectKube: async () => kubeTransport({ server: kube.url }) },
    ...options,
  });
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return wordsOf(stdout);
}

const words = (...line: string[]): Promise<readonly string[]> => wordsWith({}, ...line);

function wordsOf(stdout: string): readonly string[] {
  return stdout
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => text.split("\t")[0] ?? "");
}

describe("completion", () => {
  it.each<readonly [readonly string[], readonly string[]]>([
    [["con"], ["config"]],
    [
      ["config", ""],
      ["show", "check", "explain"],
    ],
    [["config", "explain", "XPRA_WORK"], ["XPRA_WORKERS"]],
    [["config", "explain", "XPRA_MO"], ["XPRA_MOTTO"]],
    [
      ["explain", ""],
      ["alice", "bob", "bob-desktop"],
    ],
    [["sessions", "stop", "bob-"], ["bob-desktop"]],
    [["users", "remove", "alice", ""], ["bob"]],
    [
      ["logs", ""],
      ["proxy", "broker", "session"],
    ],
    [["logs", "session", "al"], ["alice"]],
    [["logs", "proxy", "--fo"], ["--follow"]],
    [["logs", "--tail", ""], []],
    [
      ["deploy", "--dry-run", "="],
      ["client", "server"],
    ],
    [["deploy", "--dry-run", "=", "s"], ["server"]],
    [["deploy", "--dry-run=s"], ["server"]],
    [
      ["status", "-o", ""],
      ["human", "json", "yaml"],
    ],
    [
      ["status", "--context", ""],
      ["production", "test"],
    ],
    [["status", "--dir", "/da"], [":directories"]],
    [["status", "--kubeconfig", ""], [":files"]],
    [["build-images", "vdi-p"], ["vdi-proxy"]],
    [["completion", "z"], ["zsh"]],
    [["help", "sess"], ["sessions"]],
    [["frobnicate", ""], []],
    [["status", ""], []],
  ])("of %j is %j", async (line, wanted) => {
    // Names that the cluster gives late are left out, so a busy machine may have to ask again.
    await expect.poll(async () => [...(await words(...line))].sort(), { timeout: 20_000 }).toEqual([...wanted].sort());
  });

  it("offers every option of a command that is not there yet", async () => {
    const options = await words("deploy", "--yes", "--timeout", "3", "--");
    expect(options).toEqual(expect.arrayContaining(["--dry-run", "--context", "--output", "--help"]));
    expect(options).not.toContain("--timeout");
  });

  it("is without names of the cluster when that refuses", async () => {
    // Asked once for the users and once for the sessions.
    for (let times = 0; times < 2; times += 1)
      kube.faults.push({ method: "GET", path: /pods/, status: 403, reason: "Forbidden", message: "no" });
    expect(await words("explain", "")).toEqual(["alice"]);
  });

  it("is without names of the cluster when connecting takes for ever", async () => {
    expect(await wordsWith({ ports: { connectKube: () => new Promise(() => undefined) } }, "explain", "")).toEqual(["alice"]);
  });

  it("does not wait for a credentials program that does not end", async () => {
    const program = join(directory, "credentials");
    // It ends with the test's directory.
    writeFileSync(program, `#!/bin/sh\nwhile [ -e "${program}" ]; do sleep 1; done\n`, { mode: 0o755 });
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: program, interactiveMode: "Never" };
    const kubeconfig = {
      clusters: [{ name: "a", cluster: { server: kube.url } }],
      users: [{ name: "a", user: { exec } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    };
    writeFileSync(join(directory, "exec"), JSON.stringify(kubeconfig));
    const line = [join(distribution, "bin/vdi"), "__complete", "explain", ""];
    const { stdout } = await execa(process.execPath, line, { cwd: directory, env: { KUBECONFIG: join(directory, "exec") } });
    expect(wordsOf(stdout)).toEqual(["alice"]);
  });

  it("of contexts leaves out files of KUBECONFIG that are not there, and falls back to ~/.kube/config", async () => {
    const KUBECONFIG = `${join(directory, "kubeconfig")}:${join(directory, "missing")}:`;
    expect(await wordsWith({ env: { KUBECONFIG } }, "status", "--context", "")).toEqual(["production", "test"]);
    mkdirSync(join(directory, ".kube"));
    writeFileSync(join(directory, ".kube/config"), "contexts:\n- name: home\n");
    expect(await wordsWith({ env: { KUBECONFIG: "", HOME: directory } }, "status", "--context", "")).toEqual(["home"]);
  });

  it("prints a script that bash can use", async () => {
    const { stdout } = await runVdi(["completion", "bash"]);
    const vdi = `vdi() { printf 'status\\tsays how it is\\nsessions\\t\\n'; }`;
    const line = `${vdi}; COMP_WORDS=(vdi s); COMP_CWORD=1; _vdi; printf '%s|' "\${COMPREPLY[@]}"`;
    expect((await execa("bash", ["-c", `${stdout}\n${line}`])).stdout).toBe("status|sessions|");
  });
});
