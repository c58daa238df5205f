import { statSync } from "node:fs";
import { isNetwork } from "../util/networks.ts";
import { isPlainPath } from "../util/plain-path.ts";

/** A kind of value: how it is called in the documentation, and what is wrong with a text that is not one. */
export interface ValueType {
  readonly name: string;
  /** The reason why the text is refused, to follow "NAME ...": "must be a whole number"; undefined: it is fine. */
  problem(value: string): string | undefined;
}

function pattern(name: string, expression: RegExp, reason: string): ValueType {
  return { name, problem: (value) => (expression.test(value) ? undefined : reason) };
}

/** Any text, empty too. */
export const text: ValueType = { name: "text", problem: () => undefined };

const labelExpression = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** A DNS label of at most so many characters (RFC 1123; Kubernetes takes 63). */
export function label(longest = 63): ValueType {
  return {
    name: "name",
    problem(value) {
      if (!labelExpression.test(value)) return "must be lower case letters, digits and '-', with a letter or digit at both ends";
      return value.length > longest ? `must have at most ${longest} characters (it has ${value.length})` : undefined;
    },
  };
}

/** `host:port` or `host` of an image registry, also `[::1]:5000`; no scheme and no path at its front, a path behind is allowed. */
export const registry: ValueType = {
  name: "host:port",
  problem(value) {
    if (/^[a-z]+:\/\//.test(value)) return "must be host:port, without http:// or https://";
    const match =
      /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?((?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)$/.exec(
        value,
      );
    if (match === null) return "must be host:port, as in registry.example.org:5000";
    if (match[1] !== undefined && !isPort(match[1])) return "has a port that is not between 1 and 65535";
    const [host = ""] = value.split("/");
    return host === "localhost" || /[.:]/.test(host)
      ? undefined
      : `must have a port or a dot in its name: engines and nodes take '${host}' for a name on Docker Hub; write ${host}:443 if that is its port`;
  },
};

function isPort(value: string): boolean {
  return /^[0-9]{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535;
}

/** True for an IPv4 or IPv6 address in its usual form. */
export function isAddress(value: string): boolean {
  if (/^[0-9.]+$/.test(value)) {
    const parts = value.split(".");
    return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
  }
  return value.includes(":") && /^[0-9a-fA-F:.]+$/.test(value) && URL.canParse(`http://[${value}]/`);
}

/** IPv4 addresses, separated by spaces or commas; may be empty. */
export const addresses: ValueType = {
  name: "IPv4 addresses",
  problem(value) {
    const wrong = words(value).filter((word) => !isAddress(word));
    if (wrong.length > 0) return `must be IPv4 addresses, separated by spaces; ${wrong.map(quoted).join(", ")} is none`;
    const newer = words(value).filter((word) => word.includes(":"));
    return newer.length === 0
      ? undefined
      : `must be IPv4 addresses: the proxies of this version listen on no others, so nobody would be answered on ${newer.join(", ")}`;
  },
};

/** An IPv4 address. */
export const ipv4Address: ValueType = {
  name: "IPv4 address",
  problem: (value) => (isAddress(value) && !value.includes(":") ? undefined : "must be an IPv4 address such as 127.0.0.1"),
};

/** An IPv4 network in CIDR form that many small ones fit into. */
export const roomyNetwork: ValueType = {
  name: "network",
  problem(value) {
    if (!isNetwork(value) || value.includes(":")) return "must be an IPv4 network such as 10.213.0.0/16";
    const bits = Number(value.split("/")[1]);
    return bits < 8 || bits > 24 ? "must be between /8 and /24: each session gets eight addresses of it" : undefined;
  },
};

/** Names of nodes, separated by spaces or commas; empty or `all`: any node. */
export const nodes: ValueType = {
  name: "node names",
  problem(value) {
    const wrong = words(value).filter((word) => !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(word) || word.length > 253);
    return wrong.length === 0 ? undefined : `must be node names, separated by spaces, or 'all'; ${wrong.map(quoted).join(", ")} is none`;
  },
};

/** Networks in CIDR form; may be empty. */
export const networks: ValueType = {
  name: "networks",
  problem(value) {
    const wrong = words(value).filter((word) => !isNetwork(word));
    return wrong.length === 0
      ? undefined
      : `must be networks such as 10.244.0.0/16, separated by spaces; ${wrong.map(quoted).join(", ")} is none`;
  },
};

/** The words of a list: separated by spaces or commas. */
export function words(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((word) => word !== "");
}

function quoted(word: string): string {
  return `'${word}'`;
}

/** A DNS domain such as `example.org`; may be empty when `optional`. */
export function domain(optional = false): ValueType {
  const reason = "must be a DNS domain such as example.org";
  return {
    name: "domain",
    problem(value) {
      if (value === "") return optional ? undefined : "must not be empty";
      const labels = value.split(".");
      const good =
        value.length <= 253 && labels.every((part) => part.length <= 63 && /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/.test(part));
      return good ? undefined : reason;
    },
  };
}

/** A whole number within limits; empty is allowed when `optional`. */
export function integer(least: number, most: number, optional = false): ValueType {
  return {
    name: "number",
    problem(value) {
      if (value === "" && optional) return undefined;
      if (!/^[0-9]{1,15}$/.test(value)) return "must be a whole number";
      const number = Number(value);
      return number < least || number > most ? `must be between ${least} and ${most}` : undefined;
    },
  };
}

/** One of a few words, written exactly so. */
export function choice(...choices: readonly string[]): ValueType {
  return {
    name: choices.map((word) => `\`${word}\``).join(" or "),
    problem: (value) => (choices.includes(value) ? undefined : `must be ${choices.map(quoted).join(" or ")}`),
  };
}

/** `Y`, or anything else for no, as the variables of old scripts have it. */
export const yes: ValueType = {
  name: "`Y` or `N`",
  problem: (value) => (/^([YyNn]|yes|no|YES|NO)?$/.test(value) ? undefined : "must be Y or N"),
};

/** Whether a value of the type `yes` says yes. */
export function isYes(value: string): boolean {
  return /^y(es)?$/i.test(value);
}

/** An absolute path without `..`, and without the characters that no configuration file could take. */
export function path(optional = false): ValueType {
  return {
    name: "path",
    problem(value) {
      if (value === "") return optional ? undefined : "must not be empty";
      if (!value.startsWith("/")) return "must be an absolute path";
      if (hasControl(value)) return "must not hold a line break or another control character";
      return value.split("/").includes("..") ? "must not hold '..'" : undefined;
    },
  };
}

/** An absolute path that a broker takes too. */
export const plainPath: ValueType = {
  name: "path",
  problem(value) {
    const problem = path().problem(value);
    if (problem !== undefined) return problem;
    return isPlainPath(value) ? undefined : "must hold only letters without accents, digits, '.', '_', '-' and '/'";
  },
};

function hasControl(value: string): boolean {
  return [...value].some((character) => character < " " || character === "\u007f");
}

/** An image reference: host:port, path, tag or digest. */
export const image = pattern(
  "image",
  /^[A-Za-z0-9[][A-Za-z0-9._:[\]/-]*(@sha256:[0-9a-f]{64})?$/,
  "must be an image such as registry.example.org:5000/vdi-xfce4:latest",
);

/** A Kubernetes quantity such as `500m`, `2`, `2Gi`; may be empty. */
export const quantity = pattern(
  "quantity",
  /^$|^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/,
  "must be a quantity such as 500m, 2 or 2Gi, or empty for none",
);

/** Width and height of a screen in pixels. */
export const screen: ValueType = {
  name: "WIDTHxHEIGHT",
  problem(value) {
    const match = /^([0-9]{3,5})x([0-9]{3,5})$/.exec(value);
    if (match === null) return "must be WIDTHxHEIGHT in pixels, as in 3840x2160";
    // X11's coordinates are 16 bits with a sign.
    return Number(match[1]) > 32767 || Number(match[2]) > 32767 ? "must be at most 32767x32767" : undefined;
  },
};

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The seconds of a duration such as `90`, `10m` or `1h30m`; undefined when it is none. */
export function secondsOf(value: string): number | undefined {
  if (/^[0-9]{1,9}$/.test(value)) return Number(value);
  if (!/^([0-9]{1,6}[smhd])+$/.test(value)) return undefined;
  let seconds = 0;
  for (const part of value.matchAll(/([0-9]+)([smhd])/g)) seconds += Number(part[1]) * (unitSeconds[part[2] ?? ""] ?? 0);
  return seconds;
}

/** A time such as `90`, `90s`, `10m`, `1h30m`, `2d`. */
export const duration: ValueType = {
  name: "duration",
  problem: (value) => (secondsOf(value) === undefined ? "must be a duration such as 90s, 10m or 1h30m" : undefined),
};

/** The name in the time zone database that a zone file or name stands for; undefined when it is none. */
export function timeZoneOf(value: string): string | undefined {
  const zone = value.replace(/^.*\/zoneinfo\//, "").replace(/^(posix|right)\//, "");
  // Every part of a name begins with a capital. Intl takes any, and a session with a name that is no file has UTC without a word.
  if (!/^[A-Z][A-Za-z0-9._+-]*(\/[A-Z][A-Za-z0-9._+-]*)*$/.test(zone) || zone.includes("..")) return undefined;
  try {
    // Every command reads the configuration, and the first use of `Intl` takes some 20 ms. Where names are told apart by capitals a file says as much.
    if (process.platform === "linux" && statSync(`/usr/share/zoneinfo/${zone}`, { throwIfNoEntry: false })?.isFile() === true) return zone;
    const known = new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
    return known !== zone && known.toLowerCase() === zone.toLowerCase() ? undefined : zone;
  } catch {
    return undefined;
  }
}

/** A file below `/usr/share/zoneinfo`, or the zone's name. */
export const timeZone: ValueType = {
  name: "time zone file",
  problem: (value) =>
    timeZoneOf(value) === undefined
      ? "must be a file such as /usr/share/zoneinfo/Europe/Amsterdam, or the zone's name as it is written there"
      : undefined,
};

/** Where shared directories come from. */
export const storage: ValueType = {
  name: "storage",
  problem(value) {
    if (["auto", "configmap", "hostpath"].includes(value)) return undefined;
    if (/^nfs:[^\s:/]+:\/\S*$/.test(value)) return undefined;
    if (/^claim:[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value)) return undefined;
    return "must be auto, configmap, hostpath, nfs:SERVER:/PATH or claim:NAME";
  },
};

/** Base64 text; may be empty. */
export const base64 = pattern("base64", /^$|^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "must be base64 text");

/** How users prove who they are: what the proxies' start takes. */
export const authMethod = pattern(
  "PAM service",
  /^(pam|sys|pam:service=[A-Za-z0-9_.-]+)$/,
  "must be PAM, which alone knows who may have which session, else the proxies of this version would not start: set pam:service=NAME",
);
