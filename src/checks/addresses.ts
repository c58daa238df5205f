import { isInNetworks } from "../util/networks.ts";

/** Addresses that no machine of a site can answer on from outside, with the reason. */
const implausible: readonly (readonly [range: string, why: string])[] = [
  ["0.0.0.0/8", "it is no address of a machine"],
  ["127.0.0.0/8", "each machine means itself by it"],
  ["169.254.0.0/16", "it is valid on one link only"],
  ["224.0.0.0/4", "it is a multicast address"],
  ["240.0.0.0/4", "it is reserved"],
  ["::/128", "it is no address of a machine"],
  ["::1/128", "each machine means itself by it"],
  ["fe80::/10", "it is valid on one link only"],
  ["ff00::/8", "it is a multicast address"],
];

/** Why an address cannot be one of the proxies'; undefined: it can. `inside` are the networks of pods and Services. Pure. */
export function whyImplausible(address: string, inside: readonly string[]): string | undefined {
  for (const [range, why] of implausible) if (isInNetworks(address, [range])) return why;
  const own = inside.find((range) => isInNetworks(address, [range]));
  return own === undefined ? undefined : `it lies in ${own}, a network inside the cluster`;
}
