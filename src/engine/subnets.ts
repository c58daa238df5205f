import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";

/** Network, gateway, five addresses, broadcast: a session, and as many proxies as one machine has. */
const subnetBits = 29;
const subnetSize = 2 ** (32 - subnetBits);
/** As many sessions are the least that a range is worth having for. */
const leastSubnets = 8;

interface Range {
  readonly first: number;
  readonly subnets: number;
}

/** Whether a network (`10.213.0.0/16`) is one that sessions' networks can be cut out of. */
export function isSubnetPool(network: string): boolean {
  return rangeOf(network) !== undefined;
}

/**
 * The subnets for a network, the one to try first at the beginning: where that is says the name, so that two brokers ask for the same,
 * and one that is taken is followed by the next one, round to the one before the first. Throws for what is no pool.
 */
export function* subnetsFor(network: string, name: string): Generator<string> {
  const range = rangeOf(network);
  if (range === undefined) throw new Error(`${network} is not a network of IPv4 with room for sessions`);
  const start = createHash("sha256").update(name, "utf8").digest().readUInt32BE(0) % range.subnets;
  for (let at = 0; at < range.subnets; at += 1) {
    yield `${addressOf(range.first + ((start + at) % range.subnets) * subnetSize)}/${subnetBits}`;
  }
}

function rangeOf(network: string): Range | undefined {
  const [base = "", bits = "", ...rest] = network.split("/");
  if (!isIPv4(base) || !/^\d{1,2}$/.test(bits) || rest.length > 0 || Number(bits) > 32) return undefined;
  const size = 2 ** (32 - Number(bits));
  const subnets = size / subnetSize;
  if (subnets < leastSubnets) return undefined;
  const address = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { first: address - (address % size), subnets };
}

function addressOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
