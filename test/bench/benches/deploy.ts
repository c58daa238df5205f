import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { terminalContext } from "../../../src/cli/terminal.ts";
import { configurationOf, preparedDirectory } from "../../../src/commands/prepared.ts";
import { readClusterFacts } from "../../../src/deployment/cluster-facts.ts";
import { pinImages } from "../../../src/deployment/pinned-images.ts";
import { planDeployment } from "../../../src/deployment/plan.ts";
import { connectKubeconfig } from "../../../src/kube/kubeconfig.ts";
import type { KubeObject } from "../../../src/manifests/kube-object.ts";
import type { Bench, World } from "../bench.ts";
import type { Deployment } from "../deployment.ts";
import { interleaved, timeProgram } from "../timing.ts";

/** The command that an admin runs most. */
export const bench: Bench = {
  name: "deploy",
  what: "`vdi deploy` with nothing to change: how long an admin waits for being told so.",
  how: "The program from start to end, in turn with `kubectl apply --server-side` of the very objects that it applies. kubectl is told what to apply; vdi also reads the directory, asks the registry for the images' digests and the cluster for what is there, waits for the rollout and looks for what is to be removed.",
  heldBackBy:
    "Starting Node and loading code, where kubectl is a compiled program: half of its time is the processor's. Reading the proxy's YAML with line numbers is a seventh of that. Each object is read before it is applied, so that a change can be told from none.",
  async run(world) {
    const { root, count, signal } = world;
    const deployment = await world.deployment();
    const directory = await mkdtemp(join(tmpdir(), "vdi-bench-"));
    world.defer(() => rm(directory, { recursive: true, force: true }));
    const file = join(directory, "objects.json");
    const objects = await plannedObjects(world, deployment);
    // Secrets are among them.
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), { mode: 0o600 });
    const env = { KUBECONFIG: deployment.kubeconfig };
    const vdi = (...args: string[]): Promise<number> =>
      timeProgram({ file: process.execPath, args: [join(root, "bin", "vdi"), ...args], cwd: deployment.directory, env });
    const kubectl = (...args: string[]): Promise<number> =>
      timeProgram({ file: deployment.kubectlProgram, args: [...deployment.kubectlArgs, ...args] });
    const onCluster = ["--context", deployment.context];
    const deploy = await interleaved(
      count(30, 2),
      () => vdi("deploy", ...onCluster),
      () => kubectl("apply", "--server-side", "--field-manager=vdi", "-f", file),
      signal,
    );
    const list = await interleaved(
      count(30, 2),
      () => vdi("sessions", "list", ...onCluster),
      () => kubectl("get", "pods", "-n", deployment.namespace),
      signal,
    );
    return [
      {
        what: "vdi deploy, nothing to change",
        unit: "ms",
        samples: deploy.ours,
        plain: { what: `kubectl apply --server-side of the same ${objects.length} objects`, samples: deploy.plain, paired: true },
        targets: [{ of: "p50", timesPlain: 1.5 }],
      },
      {
        what: "vdi sessions list",
        unit: "ms",
        samples: list.ours,
        plain: { what: "kubectl get pods", samples: list.plain, paired: true },
        note: "the least that a command can take which asks the cluster anything.",
      },
    ];
  },
};

/** The objects that `vdi deploy` applies in this directory, secrets included. */
async function plannedObjects({ root, signal }: World, deployment: Deployment): Promise<readonly KubeObject[]> {
  const unneeded = async (): Promise<never> => {
    throw new Error("neither engine nor machine is needed to plan");
  };
  const { version } = JSON.parse(await deployment.vdi("status", "-o", "json").catch(() => "{}")) as { version?: string };
  const ctx = {
    ...terminalContext({
      distribution: root,
      version: version ?? "0.1.0",
      ports: { connectKube: connectKubeconfig, connectEngine: unneeded, machine: unneeded },
      signal,
    }),
    cwd: deployment.directory,
  };
  const { config } = configurationOf(ctx, {});
  const prepared = await preparedDirectory(ctx, config, false);
  const pinned = await pinImages(config, { env: process.env, signal });
  const transport = await connectKubeconfig({ kubeconfig: deployment.kubeconfig, context: deployment.context });
  try {
    const facts = await readClusterFacts(transport, config, signal);
    return planDeployment({ ...prepared.parts, pinnedImages: pinned.images, cluster: facts.traits }).objects;
  } finally {
    transport.close();
  }
}
