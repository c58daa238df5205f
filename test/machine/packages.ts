import { access, readFile } from "node:fs/promises";
import { execa } from "execa";
import { ExitCode } from "../../src/util/exit-code.ts";
import { messageOf, VdiError } from "../../src/util/vdi-error.ts";
import type { Job } from "../cluster/say.ts";

/** What the tests and `npm start` need on the machine: a Debian package, and how one sees that it is there. */
interface Need {
  readonly package: string;
  /** Any of these files will do, so that Docker's own packages count as well. */
  readonly files: readonly string[];
  readonly purpose: string;
}

const needs: readonly Need[] = [
  { package: "ca-certificates", files: ["/etc/ssl/certs/ca-certificates.crt"], purpose: "downloads" },
  { package: "zsh", files: ["/usr/bin/zsh"], purpose: "completion of vdi in zsh" },
  { package: "fish", files: ["/usr/bin/fish"], purpose: "completion of vdi in fish" },
  { package: "chromium", files: ["/usr/bin/chromium"], purpose: "the page, as a user sees it" },
  { package: "containerd", files: ["/usr/bin/containerd"], purpose: "the test cluster" },
  { package: "containernetworking-plugins", files: ["/usr/lib/cni/bridge"], purpose: "the test cluster" },
  { package: "docker-registry", files: ["/usr/bin/docker-registry"], purpose: "the test cluster" },
  { package: "docker.io", files: ["/usr/sbin/dockerd", "/usr/bin/dockerd"], purpose: "building images" },
  { package: "fonts-dejavu-core", files: ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"], purpose: "the page, as a user sees it" },
  { package: "iproute2", files: ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"], purpose: "the test cluster" },
  { package: "iptables", files: ["/usr/sbin/iptables"], purpose: "the test cluster" },
  { package: "mmdebstrap", files: ["/usr/bin/mmdebstrap"], purpose: "the images' Debian" },
  { package: "nftables", files: ["/usr/sbin/nft"], purpose: "the test cluster" },
  { package: "openssl", files: ["/usr/bin/openssl"], purpose: "the test cluster" },
  { package: "procps", files: ["/usr/sbin/sysctl", "/sbin/sysctl"], purpose: "the test cluster" },
  { package: "python3", files: ["/usr/bin/python3"], purpose: "the addon's tests" },
  // PyPI's Go needs it, on a machine without Go.
  { package: "python3-venv", files: ["/usr/share/doc/python3-venv"], purpose: "the test cluster" },
  { package: "runc", files: ["/usr/sbin/runc", "/usr/bin/runc"], purpose: "the test cluster" },
  { package: "xauth", files: ["/usr/bin/xauth"], purpose: "native clients" },
  { package: "x11-xkb-utils", files: ["/usr/bin/setxkbmap"], purpose: "the page, as a user types" },
  { package: "xdotool", files: ["/usr/bin/xdotool"], purpose: "the page, as a user types" },
  { package: "xvfb", files: ["/usr/bin/Xvfb"], purpose: "native clients" },
];

/** Those of the packages that are not installed; `exists` says whether there is such a file. */
export async function missingPackages(exists: (file: string) => Promise<boolean>): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const need of needs) {
    const found = await Promise.all(need.files.map(exists));
    if (!found.includes(true)) missing.push(need.package);
  }
  return missing;
}

/**
 * Installs the Debian packages that the tests and `npm start` need and that are not there; says which before it does.
 * @returns the packages that were installed now
 * @throws VdiError when something is missing and this is not Debian, or not root
 */
export async function ensurePackages(job: Job): Promise<readonly string[]> {
  const missing = await missingPackages(isThere);
  if (missing.length === 0) return [];
  await refuseOtherMachines(missing);
  const docker = missing.includes("docker.io") ? await dockerClientPackage() : [];
  const wanted = [...missing, ...docker];
  job.say(`installing with apt-get: ${wanted.join(" ")}`);
  await aptGet(job, "update");
  await aptGet(job, "install", "--yes", "--no-install-recommends", ...wanted);
  // Debian starts a registry of its own on the port that the test cluster's registry uses.
  if (wanted.includes("docker-registry")) await stopService("docker-registry");
  const left = await missingPackages(isThere);
  if (left.length > 0) throw new VdiError({ what: `installed, but not where they should be: ${left.join(", ")}` });
  return wanted;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function refuseOtherMachines(missing: readonly string[]): Promise<void> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const debian = /^ID=debian$/m.test(release) && (await isThere("/usr/bin/apt-get"));
  const root = process.getuid?.() === 0;
  if (debian && root) return;
  throw new VdiError({
    what: `this machine lacks ${missing.join(", ")}`,
    why: debian ? "only root can install packages" : "they can be installed automatically on Debian 12 and 13 only",
    try: debian
      ? `sudo apt-get install --no-install-recommends ${missing.join(" ")}`
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

async function stopService(name: string): Promise<void> {
  if (await isThere("/run/systemd/system")) await execa("systemctl", ["disable", "--now", name], { reject: false });
  else await execa("service", [name, "stop"], { reject: false });
}
