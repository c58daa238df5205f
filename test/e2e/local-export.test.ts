import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClusterAccess } from "../cluster/access.ts";
import { untilAnswers } from "../start/demo.ts";
import { readyCluster } from "../start/ready-cluster.ts";
import { keepOnFailure } from "./support/artifacts.ts";
import { clusterArtifacts } from "./support/cluster-artifacts.ts";
import { keepContainersOnFailure } from "./support/container-artifacts.ts";
import { testDirectory } from "./support/demo.ts";
import { type Door, doorAt, type SessionEvent, type SignIn } from "./support/door.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";
import { initLocalDirectory } from "./support/local-directory.ts";

const root = join(import.meta.dirname, "..", "..");
// The directories' names are those of all that is made, so that nothing of another deployment is met.
const target = process.env["VDI_E2E_EXPORT_DIRECTORY"] ?? join(homedir(), "vdi-e2e-export");
const machine = `${target}-from`;
const namespace = basename(target);
const port = Number(process.env["VDI_E2E_EXPORT_PORT"] ?? "18444");
const address = process.env["VDI_E2E_EXPORT_ADDRESS"] ?? "10.246.0.12";

const type = "notes";
const script = `to_container/session_types/default/xpra_startup_${type}.sh`;
const renamed = "to_container/session_types/default/xpra_startup_seamless.sh";
const takenAway = "to_container/session_types/default/xpra_startup_desktop.sh";
/** What the admin adds to a directory as `vdi local up` makes it. */
const own: Readonly<Record<string, string>> = {
  [script]: `#!/bin/bash
# title: Notes
# description: What is not to be forgotten
exec xpra start --bind-tcp="0.0.0.0:\${SRC_PORT}" --daemon=no --start-child=notes --exit-with-children=yes
`,
  "images/vdi-notes/Dockerfile.ejs": "FROM <%= XPRA_REGISTRY_SRV %>/vdi-base\nCOPY notes /usr/local/bin/\n",
  "images/vdi-notes/notes": '#!/bin/sh\nexec xterm -T Notes -e sh -c "echo buy ink; exec sleep 1d"\n',
};

const stays = "xpra-user01";
const goes = "xpra-user02";
const comes = "xpra-user04";
const passwords: Record<string, string> = {};
const secrets: string[] = [];
let cluster: ClusterAccess;
let kubectl: Kubectl;
let offered: SignIn["types"] = [];

/** Runs `vdi` as an admin in a directory; throws with its words when it does not come off. */
async function vdi(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = { KUBECONFIG: cluster.kubeconfig };
  const { stdout, stderr, exitCode } = await execa(process.execPath, [join(root, "bin", "vdi"), ...args], { cwd, env, reject: false });
  if (exitCode !== 0) throw new Error(`vdi ${args.join(" ")}: exit code ${exitCode}\n${stderr}\n${stdout}`);
  return stdout;
}

async function data<T>(cwd: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await vdi(cwd, ...args, "-o", "json")) as T;
}

async function removeAll(): Promise<void> {
  if (existsSync(join(target, "deploy/vdi.env"))) await vdi(target, "delete", "--yes");
  if (existsSync(join(machine, "deploy/vdi.env"))) await vdi(machine, "local", "down", "--homes", "--yes");
  for (const directory of [target, machine]) rmSync(directory, { recursive: true, force: true });
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, "utf8")));
}

/** Signs in by a door as the page does, and gives what it offers. */
async function signIn(door: Door, user: string): Promise<SignIn> {
  const answer = await door.signIn(user, passwords[user] ?? "");
  expect(answer).toMatchObject({ status: 200, message: "" });
  return answer;
}

const last = (events: readonly SessionEvent[]): SessionEvent | undefined => events.at(-1);
/** Which script a session runs, and its program, which may begin after the desktop, seen from inside. */
const program = "^/bin/sh /usr/local/bin/notes|^xterm -T Notes";
const inside = `cat "$VDI_SESSION_SCRIPT"; timeout 60 sh -c 'until pgrep -f "${program}"; do sleep 0.2; done' >/dev/null && echo runs; id -u`;

beforeAll(async () => {
  cluster = await readyCluster(root);
  kubectl = kubectlFor(cluster.kubeconfig);
  keepOnFailure(clusterArtifacts({ namespace, kubeconfig: cluster.kubeconfig, password: "", directory: target }));
  keepContainersOnFailure(`vdi-${basename(machine)}`, secrets);
  await removeAll();
  await initLocalDirectory(machine, testDirectory());
}, 120_000);

afterAll(removeAll, 180_000);

// Another cluster's address is taken by the other tests' deployment.
describe.skipIf((process.env["VDI_E2E_CONTEXT"] ?? "") !== "" && process.env["VDI_E2E_EXPORT_ADDRESS"] === undefined)(
  "what an admin made on one machine",
  () => {
    it("runs there, with users, session types and an image of its own", async () => {
      for (const [file, text] of Object.entries(own)) {
        await mkdir(dirname(join(machine, file)), { recursive: true });
        await writeFile(join(machine, file), text, { mode: 0o755 });
      }
      await edit(join(machine, renamed), (text) => text.replace(/^# title: .*$/m, "# title: One by one"));
      await rm(join(machine, takenAway));
      await appendFile(join(machine, "deploy/vdi.env"), `IMAGE_NOTES=\${XPRA_REGISTRY_SRV}/vdi-notes\n`);

      const up = await data<{ password: string }>(machine, "local", "up", "--port", String(port), "--no-install");
      passwords[stays] = up.password;
      passwords[goes] = up.password;
      const added = await data<{ users: readonly { name: string; password?: string }[] }>(
        machine,
        "local",
        "users",
        "add-demo",
        "--count",
        "4",
      );
      passwords[comes] = added.users.find(({ name }) => name === comes)?.password ?? "";
      await vdi(machine, "local", "users", "remove", goes);
      secrets.push(...Object.values(passwords));

      const door = doorAt("localhost", port);
      const { ticket, types } = await signIn(door, stays);
      offered = types;
      expect(offered).toContainEqual(expect.objectContaining({ name: type, title: "Notes", description: "What is not to be forgotten" }));
      expect(offered).toContainEqual(expect.objectContaining({ name: "seamless", title: "One by one" }));
      expect(offered.map(({ name }) => name)).not.toContain("desktop");
      expect(last(await door.start(ticket, type))).toMatchObject({ event: "ready" });
      const container = `vdi-${basename(machine)}-s-${stays}-${type}`;
      expect((await execa("docker", ["exec", container, "sh", "-c", inside])).stdout).toBe(`${own[script]}runs\n20001`);
    }, 2_400_000);

    it("is written for a cluster, without what only fits the machine", async () => {
      const settings = {
        // Beside the other tests' images: these are none of theirs.
        XPRA_REGISTRY_SRV: `${cluster.registry}/${namespace}`,
        EXTERNALIPS: address,
        ...(cluster.podNetwork === undefined ? {} : { XPRA_CLUSTER_NETWORKS: cluster.podNetwork }),
      };
      const set = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
      expect(await data(machine, "local", "export", target, ...set)).toEqual({
        directory: target,
        users: 3,
        ownFiles: [...Object.keys(own), renamed, takenAway].sort(),
        undecided: ["DOMNAME"],
      });
      const lines = readFileSync(join(target, "deploy/vdi.env"), "utf8").split("\n");
      const isOfMachine = (line: string): boolean => /^[^#].*localhost|^[^#].*=127\.|^XPRA_LOCAL_(?!TIME)/.test(line);
      expect(lines.filter((line) => isOfMachine(line) && !line.startsWith("XPRA_REGISTRY_SRV="))).toEqual([]);
      expect(readdirSync(join(target, "protected"))).toEqual(["distribution.json", "users"]);
      expect(readdirSync(join(target, "ssl")).filter((name) => /\.(key|crt)$/.test(name))).toEqual([]);
    });

    it("is built and deployed by the commands that the page names, and nothing else", async () => {
      await edit(join(target, "deploy/vdi.env"), (text) => text.replace("DOMNAME=CHANGEME", "DOMNAME=example.test"));
      await vdi(target, "config", "check");
      await vdi(target, "build-images", "--push");
      await vdi(target, "deploy");
      await untilAnswers(`https://${address}/`);
    }, 1_200_000);

    it("lets the same users in by the same passwords, and offers them the same", async () => {
      const door = doorAt(address);
      expect((await signIn(door, stays)).types).toEqual(offered);
      await signIn(door, comes);
      expect((await door.signIn(goes, passwords[goes] ?? "")).status).toBe(401);
    });

    it("starts the same script in the own image", async () => {
      const door = doorAt(address);
      const { ticket } = await signIn(door, stays);
      expect(last(await door.start(ticket, type))).toMatchObject({ event: "ready" });
      const [pod] = (await kubectl.sessionPods(namespace)) as readonly [V1Pod];
      expect(pod.metadata?.name).toBe(`${stays}-${type}`);
      expect(pod.spec?.containers[0]?.image).toMatch(new RegExp(`^${cluster.registry}/${namespace}/vdi-notes@sha256:`));
      const seen = await kubectl.shell(namespace, pod.metadata?.name ?? "", "session", inside);
      expect(seen).toEqual({ code: 0, output: `${own[script]}runs\n20001` });
    });
  },
);
