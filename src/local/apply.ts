import type Dockerode from "dockerode";
import { dockerLabels } from "../engine/docker-names.ts";
import { VdiError } from "../util/vdi-error.ts";
import { fileChanges, filesOf, tarOf } from "./archive.ts";
import { engineError, engineStatus, ifThere, unlessDone } from "./engine-error.ts";
import { definitionLabel } from "./names.ts";
import { refuseOtherOwner } from "./owner.ts";
import { filesPlace, type LocalPlan, type WantedContainer, type WantedVolume } from "./plan.ts";

/** What became of one thing of a plan. */
export interface Applied {
  readonly kind: "network" | "volume" | "files" | "container";
  readonly name: string;
  readonly outcome: "created" | "changed" | "unchanged";
}

/** What applying needs besides the engine. */
export interface ApplyJob {
  status(text: string): void;
  readonly signal: AbortSignal;
  now(): number;
}

/**
 * Brings the engine to what the plan says, and only where it differs: a container is made anew when its definition changed, files
 * are put when their content or mode did. Can be interrupted anywhere; the next run goes on.
 */
export async function applyPlan(docker: Dockerode, plan: LocalPlan, job: ApplyJob): Promise<readonly Applied[]> {
  const applied: Applied[] = [];
  const note = (kind: Applied["kind"], name: string, outcome: Applied["outcome"]): void => void applied.push({ kind, name, outcome });
  try {
    note("network", plan.network.name, await ensureNetwork(docker, plan.network));
    for (const volume of plan.volumes) {
      job.signal.throwIfAborted();
      note("volume", volume.name, await ensureVolume(docker, volume));
    }
    note("container", plan.files.name, await ensureContainer(docker, plan.files, false, job));
    const changes = await Promise.all(plan.volumes.map((volume) => ensureFiles(docker, plan, volume, job)));
    for (const [at, outcome] of changes.entries()) if (outcome !== undefined) note("files", plan.volumes[at]?.name ?? "", outcome);
    for (const container of [plan.broker, plan.proxy])
      note("container", container.name, await ensureContainer(docker, container, true, job));
    return applied;
  } catch (thrown) {
    throw engineError(thrown, "the engine could not make what is needed");
  }
}

/** Puts the files of one volume where running parts read them; undefined when nothing was ever brought up. */
export async function putVolumeFiles(
  docker: Dockerode,
  plan: LocalPlan,
  name: string,
  job: ApplyJob,
): Promise<Applied["outcome"] | undefined> {
  const volume = plan.volumes.find((each) => each.config?.volume === name);
  const isThere = async ({ name: container }: WantedContainer): Promise<boolean> =>
    (await ifThere(docker.getContainer(container).inspect())) !== undefined;
  const hasFiles = await isThere(plan.files);
  if (volume === undefined || !(hasFiles || (await isThere(plan.proxy)))) return undefined;
  try {
    // It never runs: `docker system prune` takes it away while the proxy works on.
    if (!hasFiles) await ensureContainer(docker, plan.files, false, job);
    return await ensureFiles(docker, plan, volume, job);
  } catch (thrown) {
    throw engineError(thrown, `the files of ${volume.name} could not be written`);
  }
}

async function ensureNetwork(docker: Dockerode, { name, labels }: LocalPlan["network"]): Promise<Applied["outcome"]> {
  const found = await ifThere(docker.getNetwork(name).inspect() as Promise<{ Labels?: Record<string, string> }>);
  if (found !== undefined) {
    refuseStranger("network", name, found.Labels, labels);
    return "unchanged";
  }
  // Another network of the same name is no hindrance to the engine by itself.
  await docker.createNetwork({ Name: name, Driver: "bridge", CheckDuplicate: true, Labels: { ...labels } });
  return "created";
}

async function ensureVolume(docker: Dockerode, { name, labels }: WantedVolume): Promise<Applied["outcome"]> {
  const found = await ifThere(docker.getVolume(name).inspect());
  if (found !== undefined) {
    refuseStranger("volume", name, found.Labels, labels);
    return "unchanged";
  }
  await docker.createVolume({ Name: name, Labels: { ...labels } });
  return "created";
}

/** The name may be somebody else's: nothing of a stranger is taken over or removed. */
function refuseStranger(
  kind: string,
  name: string,
  has: Readonly<Record<string, string>> | null | undefined,
  wants: Readonly<Record<string, string>>,
): void {
  if (has?.[dockerLabels.deployment] === wants[dockerLabels.deployment]) {
    refuseOtherOwner(wants[dockerLabels.deployment] ?? "", has, wants);
    return;
  }
  throw new VdiError({
    what: `the ${kind} ${name} is not one of vdi's`,
    why: "the engine has one of that name which vdi did not make",
    try: [`docker ${kind} rm ${name} (if nothing needs it)`, "vdi local up --dir DIR (a directory of another name)"],
  });
}

async function ensureContainer(docker: Dockerode, wanted: WantedContainer, isToRun: boolean, job: ApplyJob): Promise<Applied["outcome"]> {
  job.signal.throwIfAborted();
  const found = await ifThere(docker.getContainer(wanted.name).inspect());
  if (found !== undefined) refuseStranger("container", wanted.name, found.Config.Labels, wanted.options.Labels ?? {});
  const isSame = found?.Config.Labels[definitionLabel] === wanted.definition;
  if (isSame && (!isToRun || found.State.Running)) return "unchanged";
  job.status(
    `${wanted.component}: ${found === undefined ? "starting" : isSame ? "starting again" : "its definition changed, starting anew"}`,
  );
  if (found !== undefined && !isSame) await removeContainer(docker, wanted.name);
  if (!isSame) await docker.createContainer(wanted.options);
  if (isToRun) await startContainer(docker, wanted, isSame);
  return found === undefined ? "created" : "changed";
}

/** Starts a container; one that was there is made anew where the engine cannot find all that it is made of. */
async function startContainer(docker: Dockerode, { name, options }: WantedContainer, wasThere: boolean): Promise<void> {
  const start = (): Promise<unknown> => docker.getContainer(name).start();
  try {
    await start();
  } catch (thrown) {
    const status = engineStatus(thrown);
    // It runs already.
    if (status === 304) return;
    if (status !== 404 || !wasThere) throw thrown;
    // It stood still while a session ended, whose network it was in: the engine does not start it without that one any more.
    await removeContainer(docker, name);
    await docker.createContainer(options);
    await start();
  }
}

/** Stops a container with a moment for its end, and removes it with its anonymous volumes. */
export async function removeContainer(docker: Dockerode, name: string, graceSeconds = 10): Promise<void> {
  const container = docker.getContainer(name);
  await unlessDone(container.stop({ t: graceSeconds }));
  await unlessDone(container.remove({ force: true, v: true }), 409);
}

async function ensureFiles(
  docker: Dockerode,
  plan: LocalPlan,
  { name, config }: WantedVolume,
  job: ApplyJob,
): Promise<Applied["outcome"] | undefined> {
  if (config === undefined) return undefined;
  const place = filesPlace(config.volume);
  const files = docker.getContainer(plan.files.name);
  const there = await filesOf((await files.getArchive({ path: place })) as AsyncIterable<Uint8Array>);
  const { put, remove } = fileChanges(config.files, there);
  if (put.length === 0 && remove.length === 0) return "unchanged";
  job.signal.throwIfAborted();
  if (put.length > 0) await files.putArchive(tarOf(put, job.now()), { path: place });
  if (remove.length > 0) await removeFiles(docker, plan, name, remove);
  return there.size === 0 ? "created" : "changed";
}

/** The engine's interface can put files, but not take any away: a program in a container of its own does it. */
async function removeFiles(docker: Dockerode, plan: LocalPlan, volume: string, paths: readonly string[]): Promise<void> {
  const name = `${plan.files.name}-remove`;
  await unlessDone(docker.getContainer(name).remove({ force: true }));
  const container = await docker.createContainer({
    name,
    Image: plan.files.options.Image ?? "",
    Entrypoint: ["/bin/rm", "-f", "--"],
    Cmd: paths.map((path) => `/volume/${path}`),
    Labels: { ...plan.files.options.Labels },
    HostConfig: { NetworkMode: "none", Mounts: [{ Type: "volume", Source: volume, Target: "/volume" }] },
  });
  try {
    await container.start();
    await container.wait();
  } finally {
    await unlessDone(container.remove({ force: true }));
  }
}
