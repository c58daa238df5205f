import { BlockList, isIP, isIPv6 } from "node:net";

/** Whether an address lies in one of these networks, in CIDR form. An IPv4 address lies in no network of IPv6. */
export function isInNetworks(address: string, networks: readonly string[]): boolean {
  if (isIP(address) === 0) return false;
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", bits = ""] = network.split("/");
    // For Node every IPv4 address lies in ::/0.
    if (isIPv6(base) === isIPv6(address)) list.addSubnet(base, Number(bits), family);
  }
  return list.check(address, family);
}

/** Whether a text is a network in CIDR form: `10.244.0.0/16`, `fd00::/48`. */
export function isNetwork(text: string): boolean {
  const [base = "", bits = "", ...rest] = text.split("/");
  const version = isIP(base);
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32);
}
