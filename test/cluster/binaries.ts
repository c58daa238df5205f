import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { messageOf, VdiError } from "../../src/util/vdi-error.ts";
import type { Job } from "../../src/util/wait-until-there.ts";
import { findGo, type Go } from "./go-toolchain.ts";
import { kubernetesVersion, type Layout } from "./layout.ts";

const sources = ["go.mod", "go.sum", "main.go", join("pause", "main.go")];

function linkerFlags(): string {
  const [major, minor] = kubernetesVersion.slice(1).split(".");
  const variable = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
  return `-s -w ${variable("gitVersion", kubernetesVersion)} ${variable("gitMajor", major ?? "")} ${variable("gitMinor", minor ?? "")}`;
}

/** The programs that were built: paths of `kubernetes` (every part of Kubernetes, etcd, kubectl) and `pause`. */
export interface Programs {
  readonly kubernetes: string;
  readonly pause: string;
}

/**
 * The cluster's own programs, from the state directory or built now (5 minutes on 2 cores, once).
 * They are kept under a hash of their sources, the flags and the version of Go.
 */
export async function buildPrograms(layout: Layout, repository: string, job: Job): Promise<Programs> {
  const go = await findGo(layout, job);
  const directory = join(repository, "test", "cluster", "kubernetes");
  const hash = createHash("sha256").update(`${go.version}\n${linkerFlags()}\n`);
  for (const file of sources) hash.update(await readFile(join(directory, file))).update("\0");
  const key = hash.digest("hex").slice(0, 16);
  const target = join(layout.builds, key);
  if (!existsSync(target)) await build(go, directory, target, job);
  await removeOthers(layout, key);
  return { kubernetes: join(target, "kubernetes"), pause: join(target, "pause") };
}

/** kubectl for a cluster that may not be up: the newest program that was built, else the one on PATH. */
export async function builtKubernetes(layout: Layout): Promise<string | undefined> {
  for (const key of await readdir(layout.builds).catch(() => [])) {
    const program = join(layout.builds, key, "kubernetes");
    if (existsSync(program)) return program;
  }
  return undefined;
}

async function build(go: Go, directory: string, target: string, job: Job): Promise<void> {
  job.say(`building Kubernetes ${kubernetesVersion} with ${go.version} (once; about 5 minutes on 2 cores)`);
  const started = Date.now();
  const fresh = `${target}.${process.pid}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const compile = (output: string, pattern: string): Promise<unknown> =>
    execa("nice", ["-n", "5", go.program, "build", "-trimpath", "-buildvcs=false", "-ldflags", linkerFlags(), "-o", output, pattern], {
      cwd: directory,
      env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly", GOROOT: go.root },
      cancelSignal: job.signal,
    });
  try {
    await compile(join(fresh, "kubernetes"), ".");
    await compile(join(fresh, "pause"), "./pause");
    await writeFile(join(fresh, "made-with"), `${go.version} ${kubernetesVersion}\n`);
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    job.signal.throwIfAborted();
    const stderr = String((error as { stderr?: unknown }).stderr ?? messageOf(error));
    throw new VdiError({
      what: "Kubernetes could not be built",
      why: stderr.trim().split("\n").slice(-15).join("\n"),
      try: "look whether the Go module proxy can be reached and whether the disk has 6 GB left, then run the same command again",
      cause: error,
    });
  }
  job.say(`Kubernetes is built (${Math.round((Date.now() - started) / 1000)} s)`);
}

/** A build of other sources, or one that was cut short, is of no use any more; it has 140 MB. */
async function removeOthers(layout: Layout, key: string): Promise<void> {
  for (const name of await readdir(layout.builds)) {
    const builder = /\.(\d+)\.new$/.exec(name)?.[1];
    if (name !== key && !(builder !== undefined && existsSync(`/proc/${builder}`)))
      await rm(join(layout.builds, name), { recursive: true, force: true });
  }
}
