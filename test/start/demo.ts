import { homedir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { demoPassword } from "../../src/local/demo-password.ts";
import { pageProblem } from "../../src/local/page-health.ts";
import { waitUntilThere } from "../../src/util/wait-until-there.ts";
import { readyCluster } from "./ready-cluster.ts";

/** The demo deployment on the test cluster, and how to get into it. */
export interface Demo {
  readonly directory: string;
  readonly namespace: string;
  /** `https://ADDRESS/` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly kubeconfig: string;
  readonly context: string;
  /** The API server's audit log; absent on a cluster that is not our own. */
  readonly auditLog: string | undefined;
  /** The image of sessions without a desktop: Xpra's own client is in it too. */
  readonly baseImage: string;
}

/** What the demo is made on. */
export interface DemoOptions {
  readonly root: string;
  /** The deployment directory; its name is the namespace. */
  readonly directory?: string;
  /** Said before each step. */
  say(text: string): void;
  /** Variables of vdi.env beside the ones that the cluster gives. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The proxies' address where the cluster leaves the choice; default: the one that it names. */
  readonly address?: string;
  /** True: a call before this one has seen to machine, cluster and images; only what a deploy puts right is looked at. */
  readonly isBuilt?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Brings up the test cluster and a deployment with demo users on it, from whatever is there already.
 * Every step finds out by itself what is left to do, so that an interrupted run goes on from where it was.
 */
export async function prepareDemo(options: DemoOptions): Promise<Demo> {
  const { root, say } = options;
  const directory = options.directory ?? join(homedir(), "vdi-demo");
  const namespace = basename(directory);
  const run = runner(options);

  const isBuilt = options.isBuilt ?? false;
  if (!isBuilt) {
    say("machine: packages and container engine");
    await run(root, "npm", ["run", "--silent", "machine"]);
    say("cluster: one-node Kubernetes");
    await run(root, "npm", ["run", "--silent", "cluster", "--", "up"]);
  }
  const cluster = await readyCluster(root, options.signal);

  const own = process.env["VDI_E2E_CONTEXT"] === undefined;
  const address = own ? (options.address ?? cluster.serviceAddress) : cluster.serviceAddress;
  const vdi = (args: readonly string[], input?: string) =>
    run(directory, process.execPath, [join(root, "bin", "vdi"), ...args], { KUBECONFIG: cluster.kubeconfig }, input);
  const onCluster = ["--context", cluster.context];
  say(`deployment directory: ${directory}`);
  const settings = {
    XPRA_REGISTRY_SRV: cluster.registry,
    EXTERNALIPS: address,
    DOMNAME: "example.test",
    XPRA_WORKERS: "all",
    ...(cluster.podNetwork === undefined ? {} : { XPRA_CLUSTER_NETWORKS: cluster.podNetwork }),
    ...options.settings,
  };
  const set = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  await run(root, process.execPath, [join(root, "bin", "vdi"), "init", directory, ...set]);
  if (!isBuilt) {
    say("images: Debian, Xpra, the desktop (the first time takes about 10 minutes on 2 cores)");
    await vdi(["images", "rootfs"]);
    await vdi(["build-images", "--push"]);
  }
  say("users: xpra-user01 to xpra-user03");
  const password = await demoPassword(directory);
  await vdi(["users", "add-demo", "--count", "3", "--password-stdin", ...onCluster], `${password}\n`);
  say(`deploy: namespaces ${namespace} and ingress-${namespace}`);
  await vdi(["deploy", ...onCluster]);
  const url = `https://${address}/`;
  await untilAnswers(url, options.signal);
  return {
    directory,
    namespace,
    url,
    user: "xpra-user01",
    password,
    kubeconfig: cluster.kubeconfig,
    context: cluster.context,
    auditLog: cluster.auditLog,
    baseImage: `${cluster.registry}/vdi-base`,
  };
}

/**
 * Waits after a deploy until the page answers: the proxies are ready by then, but the node learns the Service's rules a moment later,
 * and nothing on the cluster tells when.
 */
export async function untilAnswers(url: string, signal?: AbortSignal): Promise<void> {
  await waitUntilThere({ what: `an answer of ${url}`, timeoutMs: 60_000, everyMs: 200 }, () => pageProblem(url), signal);
}

type Run = (cwd: string, command: string, args: readonly string[], env?: Record<string, string>, input?: string) => Promise<string>;

function runner({ signal }: DemoOptions): Run {
  return async (cwd, command, args, env = {}, input = "") => {
    const { stdout } = await execa(command, args, {
      cwd,
      env,
      input,
      stderr: "inherit",
      ...(signal === undefined ? {} : { cancelSignal: signal, forceKillAfterDelay: 20_000 }),
    });
    return stdout;
  };
}
