import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { VdiError } from "../../src/util/vdi-error.ts";
import { clusterLayout, type Layout, network, ports } from "./layout.ts";
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

/**
 * The state directory of another test cluster in this network; undefined when there is none.
 * Links and rules have fixed names, so only one can be here, and a cluster must not remove another's.
 */
async function otherCluster(layout: Layout): Promise<string | undefined> {
  const text = await quietly("ip", "-json", "link", "show", network.nodeLink);
  const owner = (JSON.parse(text || "[]") as { ifalias?: string }[])[0]?.ifalias;
  if (owner === undefined || owner === layout.state) return undefined;
  return existsSync(clusterLayout({ VDI_CLUSTER_DIR: owner }).run) ? owner : undefined;
}

/** @throws VdiError when another test cluster is up in this network. */
export async function refuseOtherCluster(layout: Layout): Promise<void> {
  const owner = await otherCluster(layout);
  if (owner === undefined) return;
  throw new VdiError({
    what: "another test cluster is up on this machine",
    why: `it is kept in ${owner}`,
    try: [`VDI_CLUSTER_DIR=${owner} npm run cluster -- down`, "a network namespace of its own for this one (ip netns add, nsenter --net)"],
  });
}

/** Makes the node's link and addresses, and the rules for the pods' range. The bridge is made by the first pod. */
export async function makeHostNetwork(layout: Layout): Promise<void> {
  await must("ip", ["link", "add", network.nodeLink, "type", "bridge"]);
  await must("ip", ["link", "set", network.nodeLink, "alias", layout.state]);
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
  await writeFile(tablesBefore(layout), (await quietly("nft", "list", "tables")) ?? "");
  for (const rule of forwardRules) await must("iptables", ["-w", "-I", "FORWARD", ...rule]);
}

/** Which nftables tables there were before iptables could make its own. */
function tablesBefore(layout: Layout): string {
  return join(layout.run, "nft-tables-before");
}

/** Takes away everything that this cluster has made in the host's network. Nothing there is fine. */
export async function removeHostNetwork(layout: Layout): Promise<void> {
  if ((await otherCluster(layout)) !== undefined) return;
  const members = await quietly("ip", "-json", "link", "show", "master", network.podBridge);
  for (const { ifname } of JSON.parse(members || "[]") as { ifname: string }[]) await quietly("ip", "link", "delete", ifname);
  await quietly("ip", "link", "delete", network.podBridge);
  await quietly("ip", "link", "delete", network.nodeLink);
  for (const rule of forwardRules) {
    // Interrupted runs may have left several.
    while ((await quietly("iptables", "-w", "-D", "FORWARD", ...rule)) !== undefined);
  }
  await quietly("nft", "delete", "table", "ip", network.nftTable);
  for (const family of ["ip", "ip6"]) await quietly("nft", "delete", "table", family, "kube-proxy");
  const before = await readFile(tablesBefore(layout), "utf8").catch(() => undefined);
  if (before?.split("\n").includes("table ip filter") === false) await removeEmptyFilter();
}

/** iptables makes its table when it first needs it; one in which nothing is left goes with the cluster. */
async function removeEmptyFilter(): Promise<void> {
  const rules = await quietly("iptables", "-w", "-S");
  const untouched = rules?.split("\n").every((line) => /^-P \S+ ACCEPT$/.test(line.trim()) || line.trim() === "");
  if (untouched === true) await quietly("nft", "delete", "table", "ip", "filter");
}
