import { basename, join } from "node:path";
import type { Config } from "../config/config.ts";
import { renderXpraVars, xpraVarsFile } from "../config/xpra-vars.ts";
import { differencesOf } from "../init/differences.ts";
import type { UserFiles } from "../manifests/secrets.ts";
import { writeFileIfChanged } from "../util/atomic-file.ts";
import { ensureCertificate } from "./certificate.ts";
import { ensureTicketKey, readSessionFiles, type SessionFiles } from "./deployment-files.ts";
import type { CertificateNames } from "./make-certificate.ts";
import type { DeploymentParts } from "./plan.ts";

/** Programs of `bin` of which the images have those that fit each other: only what the admin changed goes over them. Scripts name the others by `XPRA_TOPDIR_INT`. */
const ofTheImage = new Set(["session-entry", "session-supervise", "xpra"]);

/** What belongs to a deployment besides the cluster. */
export interface PreparedDirectory {
  readonly parts: Omit<DeploymentParts, "cluster" | "pinnedImages">;
  /** Files that were written, relative to the directory. */
  readonly written: readonly string[];
  readonly notes: readonly string[];
}

/** Where the pieces come from that this folder does not make. */
export interface PrepareOptions {
  readonly now: number;
  /** False: nothing is written, and what is missing is made up for looking at. */
  readonly keep: boolean;
  readonly version: string;
  /** The top of the distribution: templates, and what the images have baked in. */
  readonly distribution: string;
  /** The key of the proxies that run, for a directory without one. */
  readonly ticketKey?: string | undefined;
  readUsers(config: Config): Promise<UserFiles>;
}

/** Makes what is missing in the deployment directory (certificate, ticket key, etc/xpra-vars.sh) and reads the rest. A second run writes nothing. */
export async function prepareDirectory(config: Config, options: PrepareOptions): Promise<PreparedDirectory> {
  const written: string[] = [];
  const notes: string[] = [];
  const varsFile = join("to_container", xpraVarsFile);
  const templates = join(options.distribution, "templates");
  const vars = renderXpraVars(config, templates);
  if (options.keep && (await writeFileIfChanged(join(config.directory, varsFile), vars))) written.push(varsFile);
  const certificate = await ensureCertificate(config.directory, certificateNames(config), options.now, options.keep);
  if (certificate.note !== undefined) notes.push(certificate.note);
  const ticketKey = await ensureTicketKey(config.directory, options.keep, options.ticketKey);
  const [read, users, differences] = await Promise.all([
    readSessionFiles(join(config.directory, "to_container")),
    options.readUsers(config),
    differencesOf(config.directory, options.distribution, "bin"),
  ]);
  const own = new Set(differences.map(({ path }) => path));
  const bin = read.bin.filter(({ path }) => !ofTheImage.has(path) || own.has(`bin/${path}`));
  const files = { ...read, etc: withVars(read.etc, vars), bin };
  return {
    parts: {
      config,
      files,
      users,
      certificate: certificate.certificate,
      certificateKey: certificate.key,
      ticketKey,
      directoryName: basename(config.directory),
      version: options.version,
      templates,
    },
    written,
    notes,
  };
}

/** The files of `etc` with `xpra-vars.sh` as it has to be, whether it was written or not. */
function withVars(etc: SessionFiles["etc"], vars: string): SessionFiles["etc"] {
  const path = basename(xpraVarsFile);
  return [...etc.filter((file) => file.path !== path), { path, content: Buffer.from(vars), executable: false }];
}

/** By which names users may come: the deployment's name and the proxies' in the site's domain, the domain itself, and the addresses. */
export function certificateNames(
  config: Pick<Config, "namespace" | "deployName" | "domain" | "externalIps" | "ingressNamespace">,
): CertificateNames {
  const { domain } = config;
  const site = domain === "" ? [] : [`${config.namespace}.${domain}`, `${config.deployName}.${domain}`, domain];
  return {
    dns: [...new Set([...site, `${config.deployName}.${config.ingressNamespace}.svc`])],
    addresses: [...new Set(config.externalIps)],
  };
}
