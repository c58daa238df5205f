import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { VdiError } from "../../src/util/vdi-error.ts";
import { network, ports } from "./layout.ts";
import { strangerOnPort } from "./processes.ts";

/** Runs a command; gives its output, or undefined when it fails. */
async function quietly(program: string, ...args: string[]): Promise<string | undefined> {
  const { stdout, failed } = await execa(program, args, { reject: false, env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` } });
  return failed ? undefined : stdout;
}

/** Runs `ip` or `nft`, which must succeed. */
async function must(program: string, args: readonly string[], input = ""): Promise<void> {
  await execa(program, args, { input, env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` } });
}

/** @throws VdiError that names all ports of ours that somebody else listens on, and who that is. */
export async function refuseTakenPorts(): Promise<void> {
  const wanted = new Map<number, string>(Object.entries(ports).map(([name, port]) => [port, name]));
  const taken: string[] = [];
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const lines = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      const port = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16);
      // 0A is LISTEN.
      if (fields[3] !== "0A" || !wanted.has(port)) continue;
      taken.push(
        `port ${port} (${wanted.get(port)}): ${(await strangerOnPort(fields[9] ?? "")) ?? "a process that cannot be seen from here"}`,
      );
    }
  }
  if (taken.length === 0) return;
  throw new VdiError({
    what: "the test cluster needs ports that are taken",
    why: [...new Set(taken)].join("\n"),
    try: "stop what has them (a registry of Debian: `service docker-registry stop`), or use another cluster with VDI_E2E_CONTEXT",
  });
}

/** The largest packet that leaves the machine whole: pods must not send larger ones. */
export async function outerMtu(): Promise<number> {
  const route = await quietly("ip", "-json", "route", "show", "default");
  const device = route === undefined ? undefined : (JSON.parse(route || "[]") as { dev?: string }[])[0]?.dev;
  if (device === undefined) return 1500;
  const mtu = Number((await readFile(`/sys/class/net/${device}/mtu`, "utf8").catch(() => "1500")).trim());
  return Number.isFinite(mtu) && mtu >= 576 ? mtu : 1500;
}

/** The rules that let the pods' packets through a firewall which drops what it does not know, as Docker's does. */
const forwardRules = [
  ["-i", network.podBridge, "-j", "ACCEPT"],
  ["-o", network.podBridge, "-j", "ACCEPT"],
] as const;

/** Makes the node's link and addresses, and the rules for the pods' range. The bridge is made by the first pod. */
export async function makeHostNetwork(): Promise<void> {
  await must("ip", ["link", "add", network.nodeLink, "type", "bridge"]);
  await must("ip", ["address", "add", `${network.nodeAddress}/24`, "dev", network.nodeLink]);
  await must("ip", ["address", "add", `${network.serviceAddress}/32`, "dev", network.nodeLink]);
  await must("ip", ["link", "set", network.nodeLink, "up"]);
  await must("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  const masquerade = `
add table ip ${network.nftTable}
add chain ip ${network.nftTable} postrouting { type nat hook postrouting priority 100; }
add rule ip ${network.nftTable} postrouting ip saddr ${network.podRange} ip daddr != ${network.podRange} masquerade
`;
  await must("nft", ["-f", "-"], masquerade);
  for (const rule of forwardRules) await must("iptables", ["-w", "-I", "FORWARD", ...rule]);
}

/** Takes away everything that a cluster has made in the host's network. Nothing there is fine. */
export async function removeHostNetwork(): Promise<void> {
  const ports = await quietly("ip", "-json", "link", "show", "master", network.podBridge);
  for (const { ifname } of JSON.parse(ports || "[]") as { ifname: string }[]) await quietly("ip", "link", "delete", ifname);
  await quietly("ip", "link", "delete", network.podBridge);
  await quietly("ip", "link", "delete", network.nodeLink);
  for (const rule of forwardRules) {
    // Interrupted runs may have left several.
    while ((await quietly("iptables", "-w", "-D", "FORWARD", ...rule)) !== undefined);
  }
  // The portmap plugin makes these chains for host ports.
  for (const chain of ["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"]) await removeNatChain(chain);
  await quietly("nft", "delete", "table", "ip", network.nftTable);
  for (const family of ["ip", "ip6"]) await quietly("nft", "delete", "table", family, "kube-proxy");
}

async function removeNatChain(chain: string): Promise<void> {
  const rules = (await quietly("iptables", "-w", "-t", "nat", "-S")) ?? "";
  if (!rules.includes(chain)) return;
  for (const line of rules.split("\n")) {
    const words = line.split(" ");
    if (words[0] === "-A" && words.at(-1) === chain) await quietly("iptables", "-w", "-t", "nat", "-D", ...words.slice(1));
  }
  await quietly("iptables", "-w", "-t", "nat", "-F", chain);
  await quietly("iptables", "-w", "-t", "nat", "-X", chain);
}
