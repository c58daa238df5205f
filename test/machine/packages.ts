import { access } from "node:fs/promises";
import { execa } from "execa";
import { certificatesNeed, engineNeed, ensurePackages, type Need, opensslNeed, rootfsNeed } from "../../src/local/packages.ts";
import type { Job } from "../../src/util/wait-until-there.ts";

/** What the tests and `npm start -- --kubernetes` need on the machine. */
export const testNeeds: readonly Need[] = [
  certificatesNeed,
  { package: "zsh", files: ["/usr/bin/zsh"], purpose: "completion of vdi in zsh" },
  { package: "fish", files: ["/usr/bin/fish"], purpose: "completion of vdi in fish" },
  { package: "chromium", files: ["/usr/bin/chromium"], purpose: "the page, as a user sees it" },
  { package: "containerd", files: ["/usr/bin/containerd"], purpose: "the test cluster" },
  { package: "containernetworking-plugins", files: ["/usr/lib/cni/bridge"], purpose: "the test cluster" },
  { package: "docker-registry", files: ["/usr/bin/docker-registry"], purpose: "the test cluster" },
  engineNeed,
  { package: "fonts-dejavu-core", files: ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"], purpose: "the page, as a user sees it" },
  { package: "iproute2", files: ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"], purpose: "the test cluster" },
  { package: "iptables", files: ["/usr/sbin/iptables"], purpose: "the test cluster" },
  rootfsNeed,
  { package: "nftables", files: ["/usr/sbin/nft"], purpose: "the test cluster" },
  opensslNeed,
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

/** Installs those of them that are not there; gives their names. */
export async function ensureTestPackages(job: Job): Promise<readonly string[]> {
  const installed = await ensurePackages(testNeeds, job);
  // Debian starts a registry of its own on the port that the test cluster's registry uses.
  if (installed.includes("docker-registry")) await stopService("docker-registry");
  return installed;
}

async function stopService(name: string): Promise<void> {
  const bySystemd = await access("/run/systemd/system").then(
    () => true,
    () => false,
  );
  if (bySystemd) await execa("systemctl", ["disable", "--now", name], { reject: false });
  else await execa("service", [name, "stop"], { reject: false });
}
