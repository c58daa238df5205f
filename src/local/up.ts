import type Dockerode from "dockerode";
import type { Config } from "../config/config.ts";
import { ipv4Address } from "../config/value-types.ts";
import { prepareDirectory } from "../deployment/prepare.ts";
import { readUserFiles } from "../deployment/user-files.ts";
import { dockerLabels } from "../engine/docker-names.ts";
import { isLocked } from "../users/demo-users.ts";
import { readUsers } from "../users/user-store.ts";
import type { Input } from "../util/command.ts";
import type { Context } from "../util/context.ts";
import { ExitCode } from "../util/exit-code.ts";
import { flagOf, numberOf, textOf } from "../util/options.ts";
import type { Machine } from "../util/ports.ts";
import { VdiError } from "../util/vdi-error.ts";
import type { Job } from "../util/wait-until-there.ts";
import { type Applied, applyPlan } from "./apply.ts";
import { addLocalDemoUsers } from "./demo-users.ts";
import { preparedConfig } from "./directory.ts";
import { ifThere, inWords } from "./engine-error.ts";
import { provideImages } from "./images.ts";
import { everywhere, pageAddress } from "./local-values.ts";
import { containerName, labelFilters } from "./names.ts";
import { type EngineInfo, neighbourWarning } from "./neighbour-warning.ts";
import { ensureDirectoryId, ownerLabels, refuseOtherDirectory } from "./owner.ts";
import { type LocalPlan, planLocal } from "./plan.ts";
import { waitUntilReady } from "./readiness.ts";

/** What came of bringing a deployment up. */
export interface BroughtUp {
  readonly directory: string;
  readonly namespace: string;
  readonly address: string;
  /** Of the demo users; only the first time. */
  readonly password?: string;
  readonly users: readonly string[];
  readonly built: readonly string[];
  /** What was made or changed on the engine. */
  readonly changes: readonly Applied[];
  readonly warnings: readonly string[];
  readonly seconds: number;
}

/**
 * Brings a deployment up on this machine's engine, everything that it needs included, and gives its address when the page answers.
 * Each step finds out by itself what is left to do: a second run changes nothing, an interrupted one goes on.
 */
export async function bringUp(ctx: Context, input: Input): Promise<BroughtUp> {
  const started = ctx.now();
  checkAddress(input);
  const machine = await ctx.ports.machine();
  const mayInstall = !flagOf(input, "noInstall");
  const job: Job = { signal: ctx.signal, say: (text) => ctx.progress.line(text) };
  await machine.prepareEngine(job, mayInstall);
  const docker = await ctx.ports.connectEngine();
  // Found out now and not after a quarter of an hour of building.
  let before: Found;
  const config = await preparedConfig(ctx, input, async (wanted) => {
    // Before the port: the proxy that has it may be another directory's.
    await refuseOtherDirectory(docker, wanted);
    before = await proxyOf(docker, wanted);
    await checkPort(machine, wanted, before);
    await ensureDirectoryId(wanted.directory);
  });
  const images = await provideImages(ctx, docker, config, () => machine.prepareProgram("mmdebstrap", job, mayInstall));
  const demo = await demoUsers(ctx, config, () => machine.prepareProgram("openssl", job, mayInstall));
  const plan = await localPlan(ctx, docker, config, images.ids);
  const changes = await applyPlan(docker, plan, { status: (text) => ctx.progress.status(text), signal: ctx.signal, now: () => ctx.now() });
  const address = pageAddress(config.local);
  ctx.progress.status("waiting for the page");
  await waitUntilReady(ctx, machine, docker, config.namespace, address);
  const isFirst = demo.added || (before === undefined && !(await hasHomes(docker, config)));
  return {
    directory: config.directory,
    namespace: config.namespace,
    address,
    users: await userNames(config),
    ...(isFirst && demo.password !== undefined ? { password: demo.password } : {}),
    built: images.built,
    changes: changes.filter(({ outcome }) => outcome !== "unchanged"),
    warnings: plan.warnings,
    seconds: (ctx.now() - started) / 1000,
  };
}

/** The plan of a deployment whose images are there; makes what is missing in the directory, such as the certificate. */
export async function localPlan(
  ctx: Context,
  docker: Dockerode,
  config: Config,
  imageIds: ReadonlyMap<string, string>,
): Promise<LocalPlan> {
  const { parts, notes } = await prepareDirectory(config, {
    now: ctx.now(),
    keep: true,
    version: ctx.version,
    distribution: ctx.distribution,
    readUsers: readUserFiles,
  });
  for (const note of notes) ctx.progress.line(note);
  const engine = (await inWords("the engine could not describe its machine", docker.info())) as EngineInfo & { readonly NCPU?: number };
  const plan = planLocal({
    ...parts,
    imageIds,
    processors: engine.NCPU ?? 1,
    engineSocket: engineSocket(ctx.env["DOCKER_HOST"]),
    owner: await ownerLabels(config.directory),
  });
  const warning = neighbourWarning(engine, config.local.listen);
  return warning === undefined ? plan : { ...plan, warnings: [...plan.warnings, warning] };
}

/** The engine's socket on the engine's own machine. Pure. */
export function engineSocket(host: string | undefined): string {
  return host?.startsWith("unix://") === true ? host.slice("unix://".length) : "/var/run/docker.sock";
}

function checkAddress(input: Input): void {
  const listen = textOf(input, "listen");
  const port = numberOf(input, "port");
  const problems = [
    ...(listen === undefined || ipv4Address.problem(listen) === undefined ? [] : [`--listen ${ipv4Address.problem(listen)}`]),
    ...(port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535) ? [] : ["--port must be between 1 and 65535"]),
  ];
  if (problems.length > 0) throw new VdiError({ what: "this address cannot be used", why: problems.join("\n"), exitCode: ExitCode.usage });
}

type Found = Dockerode.ContainerInspectInfo | undefined;

function proxyOf(docker: Dockerode, { namespace }: Config): Promise<Found> {
  return inWords(
    `the engine could not say whether ${namespace} is up`,
    ifThere(docker.getContainer(containerName(namespace, "proxy")).inspect()),
  );
}

async function checkPort(machine: Machine, { local, namespace }: Config, proxy: Found): Promise<void> {
  const bindings = Object.values(proxy?.HostConfig.PortBindings ?? {}).flat() as readonly { HostIp?: string; HostPort?: string }[];
  const isOwn =
    proxy?.State.Running === true &&
    proxy.Config.Labels[dockerLabels.deployment] === namespace &&
    bindings.some(({ HostIp, HostPort }) => overlap(HostIp, local.listen) && HostPort === String(local.port));
  if (isOwn) return;
  const problem = await machine.portProblem(local.listen, local.port);
  if (problem === undefined) return;
  throw new VdiError({
    what: `nothing can listen on ${local.listen}:${local.port}`,
    why: problem,
    try: [
      `vdi local up --port ${local.port === 8443 ? 9443 : 8443} (it is kept in deploy/vdi.env)`,
      `ss -ltnp 'sport = :${local.port}' (which program it is)`,
    ],
    see: "doc/local.md#when-it-does-not-work",
  });
}

/** Whether who listens on the one keeps others from the other: 0.0.0.0 takes the port on every address. */
function overlap(one: string | undefined, other: string): boolean {
  return one === other || one === everywhere || other === everywhere;
}

/** The demo users, made where the directory has no users at all. */
async function demoUsers(
  ctx: Context,
  config: Config,
  prepareOpenssl: () => Promise<void>,
): Promise<{ readonly added: boolean; readonly password?: string }> {
  if (!config.demoUsers) return { added: false };
  return addLocalDemoUsers(ctx, config.directory, prepareOpenssl);
}

async function userNames(config: Config): Promise<readonly string[]> {
  if (!config.demoUsers) return [];
  const { passwd, shadow } = await readUsers(config.directory);
  return passwd.map(({ name }) => name).filter((name) => !isLocked(shadow.find((entry) => entry.name === name)?.hash));
}

async function hasHomes(docker: Dockerode, { namespace }: Config): Promise<boolean> {
  const { Volumes } = await inWords(
    `the engine could not list the homes of ${namespace}`,
    docker.listVolumes({ filters: labelFilters(namespace, "home") }),
  );
  return (Volumes ?? []).length > 0;
}
