import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CarriedFile } from "../manifests/config-maps.ts";
import { readTextIfThere, writeFileIfChanged } from "../util/atomic-file.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** A file of `to_container`, with what its mode says. */
export interface DirectoryFile extends CarriedFile {
  readonly executable: boolean;
}

/** What travels from a deployment directory to the session pods. */
export interface SessionFiles {
  readonly sessionTypes: readonly DirectoryFile[];
  readonly etc: readonly DirectoryFile[];
  readonly bin: readonly DirectoryFile[];
}

/** The parts of `to_container/etc` that sessions must not see: users' hashes, one-time keys, host keys. */
const secretNames = [/^demousers-/, /shadow/i, /^oath(\/|$)/, /(^|[^a-z])keys?([^a-z]|$)/i, /keytab/i, /\.pem$/i, /secret|passw/i];

/** What an editor or a file manager leaves behind. */
const leftover = /(^|\/)(\.[^/]*|.*~|#.*#|.*\.(sw[op]|bak|orig|rej|tmp))$/;

/** The broker has its own copy of the hook in the image; sessions have no use for it. */
const proxyPrograms = new Set(["start_or_get_pod"]);

/** Reads what travels to the session pods. */
export async function readSessionFiles(topdir: string): Promise<SessionFiles> {
  const [sessionTypes, etc, bin] = await Promise.all(["session_types", "etc", "bin"].map((name) => filesBelow(join(topdir, name))));
  return {
    sessionTypes: sessionTypes ?? [],
    etc: (etc ?? []).filter(({ path }) => !secretNames.some((secret) => secret.test(path))),
    bin: (bin ?? []).filter(({ path }) => !proxyPrograms.has(path)),
  };
}

async function filesBelow(top: string): Promise<readonly DirectoryFile[]> {
  const found: DirectoryFile[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(top, below)).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT" && below === "") return [];
      throw thrown;
    });
    for (const name of entries.sort()) {
      const path = below === "" ? name : `${below}/${name}`;
      if (leftover.test(path)) continue;
      // Links are followed: an admin may keep one script under several names.
      const facts = await stat(join(top, path)).catch((thrown: NodeJS.ErrnoException) => {
        throw linkError(top, path, thrown);
      });
      if (facts.isDirectory()) await walk(path);
      else if (facts.isFile()) found.push({ path, content: await readFile(join(top, path)), executable: (facts.mode & 0o111) !== 0 });
    }
  };
  await walk("");
  return found;
}

/** What is wrong with a link that cannot be followed; any other failure stays as it is. */
function linkError(top: string, path: string, thrown: NodeJS.ErrnoException): Error {
  if (thrown.code !== "ENOENT" && thrown.code !== "ELOOP") return thrown;
  const isCircle = thrown.code === "ELOOP";
  const parts = path.split("/");
  // A circle has been gone round until the system had enough: the link is where it was met first.
  const shown = isCircle ? parts.slice(0, parts.indexOf(parts.at(-1) ?? "") + 1) : parts;
  return new VdiError({
    what: `${join(top, ...shown)} cannot be read`,
    why: isCircle ? "it is a link into a circle" : "it is a link to something that is not there",
    try: "remove the link, or let it lead to a file that is to travel to the sessions",
    exitCode: ExitCode.usage,
    cause: thrown,
  });
}

const ticketKeyFile = (directory: string): string => join(directory, "protected", "ticket.key");

function isTicketKey(text: string): boolean {
  return Buffer.from(text, "base64").byteLength >= 32;
}

async function knownTicketKey(directory: string): Promise<string | undefined> {
  const known = (await readTextIfThere(ticketKeyFile(directory)))?.trim() ?? "";
  return isTicketKey(known) ? known : undefined;
}

/** Whether a directory has a key for tickets already. */
export async function hasTicketKey(directory: string): Promise<boolean> {
  return (await knownTicketKey(directory)) !== undefined;
}

/**
 * The key with which the proxies sign tickets: made once, kept in `protected/`, so that a deploy does not sign everybody out. In a
 * directory without one the key that the proxies have is kept.
 */
export async function ensureTicketKey(directory: string, keep = true, ofProxies = ""): Promise<string> {
  const known = await knownTicketKey(directory);
  if (known !== undefined) return known;
  const key = isTicketKey(ofProxies) ? ofProxies : randomBytes(32).toString("base64");
  if (keep) await writeFileIfChanged(ticketKeyFile(directory), `${key}\n`, 0o600);
  return key;
}
