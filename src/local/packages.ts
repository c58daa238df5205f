import { access, readFile } from "node:fs/promises";
import { execa } from "execa";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import type { Job } from "../util/wait-until-there.ts";

/** A Debian package that something needs on this machine, and how one sees that it is there. */
export interface Need {
  readonly package: string;
  /** Any of these files will do, so that other people's packages count as well. */
  readonly files: readonly string[];
  readonly purpose: string;
}

/** The engine of Debian; Docker's own packages count as well. */
export const engineNeed: Need = { package: "docker.io", files: ["/usr/sbin/dockerd", "/usr/bin/dockerd"], purpose: "the container engine" };

/** Makes Debian's root file system where no registry has one. */
export const rootfsNeed: Need = { package: "mmdebstrap", files: ["/usr/bin/mmdebstrap"], purpose: "the images' Debian" };

/** What a build and the users' passwords need beside the engine. */
export const certificatesNeed: Need = {
  package: "ca-certificates",
  files: ["/etc/ssl/certs/ca-certificates.crt"],
  purpose: "downloads",
};
export const opensslNeed: Need = { package: "openssl", files: ["/usr/bin/openssl"], purpose: "the users' passwords" };

/** Those of the packages that are not installed; `exists` says whether there is such a file. */
export async function missingPackages(needs: readonly Need[], exists = isThere): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const need of needs) {
    const found = await Promise.all(need.files.map(exists));
    if (!found.includes(true)) missing.push(need.package);
  }
  return missing;
}

/**
 * Installs those of the Debian packages that are not there; says which before it does.
 * @returns the packages that were installed now
 * @throws VdiError when something is missing and this is not Debian, or not root, or `allowed` is false
 */
export async function ensurePackages(needs: readonly Need[], job: Job, allowed = true): Promise<readonly string[]> {
  const missing = await missingPackages(needs);
  if (missing.length === 0) return [];
  await refuseOtherMachines(
    needs.filter((need) => missing.includes(need.package)),
    allowed,
  );
  const docker = missing.includes(engineNeed.package) ? await dockerClientPackage() : [];
  const wanted = [...missing, ...docker];
  job.say(`installing with apt-get: ${wanted.join(" ")}`);
  await aptGet(job, "update");
  await aptGet(job, "install", "--yes", "--no-install-recommends", ...wanted);
  const left = await missingPackages(needs);
  if (left.length > 0) throw new VdiError({ what: `installed, but not where they should be: ${left.join(", ")}` });
  return wanted;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function refuseOtherMachines(missing: readonly Need[], allowed: boolean): Promise<void> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const isDebian = /^ID=debian$/m.test(release) && (await isThere("/usr/bin/apt-get"));
  const isRoot = process.getuid?.() === 0;
  if (isDebian && isRoot && allowed) return;
  const names = missing.map((need) => need.package);
  throw new VdiError({
    what: `this machine lacks ${missing.map((need) => `${need.package} (${need.purpose})`).join(", ")}`,
    why: !isDebian
      ? "they can be installed automatically on Debian 12 and 13 only"
      : allowed
        ? "only root can install packages"
        : "--no-install forbids to install them",
    try: isDebian
      ? `${isRoot ? "" : "sudo "}apt-get install --no-install-recommends ${names.join(" ")}`
      : "install their counterparts of your system, then run the same command again",
    exitCode: ExitCode.usage,
  });
}

/** Debian 13 has the `docker` command in a package of its own. */
async function dockerClientPackage(): Promise<readonly string[]> {
  const { stdout } = await execa("apt-cache", ["pkgnames", "docker-cli"], { reject: false });
  return (stdout ?? "").split("\n").includes("docker-cli") ? ["docker-cli"] : [];
}

async function aptGet(job: Job, ...args: string[]): Promise<void> {
  try {
    await execa("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "ignore",
      cancelSignal: job.signal,
      forceKillAfterDelay: 60_000,
    });
  } catch (error) {
    job.signal.throwIfAborted();
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    throw new VdiError({
      what: `apt-get ${args[0] ?? ""} failed`,
      why:
        [stdout, stderr]
          .map((text) => (text ?? "").trim().split("\n").slice(-8).join("\n"))
          .join("\n")
          .trim() || messageOf(error),
      try: "look whether Debian's mirror can be reached: apt-get update",
      cause: error,
    });
  }
}
