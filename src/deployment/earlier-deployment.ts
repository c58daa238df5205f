import { basename } from "node:path";
import type { V1Secret } from "@kubernetes/client-node";
import type { Config } from "../config/config.ts";
import { getObject } from "../kube/apply.ts";
import { explainKubeError } from "../kube/errors.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { secretNames, textsOf } from "../manifests/secrets.ts";
import { hasOwnUsers, readUsers, usersDirectory } from "../users/user-store.ts";
import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { checkOwnership } from "./cluster-facts.ts";
import { isEnding, namespacesOf } from "./deploy.ts";
import { hasTicketKey } from "./deployment-files.ts";
import { isOurs } from "./inventory.ts";

/** Longer lists of users are not written out. */
const maxNames = 5;

/** What the deployment on the cluster has and its directory lacks. */
export interface EarlierDeployment {
  readonly ticketKey?: string;
}

/**
 * Looks at the cluster for what the directory lacks, as one that was laid out anew or cloned without `protected/`: its name alone makes it
 * the owner. Throws when its users would take the place of users that it does not know. Where nothing is lacking the cluster is not asked.
 */
export async function readEarlierDeployment(
  transport: KubeTransport,
  config: Config,
  version: string,
  signal?: AbortSignal,
): Promise<EarlierDeployment> {
  const lacksUsers = config.demoUsers && !(await hasOwnUsers(config.directory));
  const lacksKey = !(await hasTicketKey(config.directory));
  if (!lacksUsers && !lacksKey) return {};
  const namespaces = await namespacesOf(transport, config, signal);
  const [proxies] = namespaces;
  if (proxies === undefined || isEnding(proxies)) return {};
  checkOwnership(config, namespaces, basename(config.directory), version);
  const lost = lacksUsers ? await lostUsers(transport, config, { signal }) : undefined;
  if (lost !== undefined) throw lost;
  const key = lacksKey ? (await ownTexts(transport, config, secretNames(config).ticket, signal))["key"] : undefined;
  return key === undefined ? {} : { ticketKey: key };
}

/**
 * What is to be said where the proxies of this deployment have users whom a directory without users of its own would take away, also when
 * those of `adding` were added first. An empty `passwd` says that all users were removed; none at all says nothing of the kind.
 */
export async function lostUsers(
  transport: KubeTransport,
  config: Config,
  { adding = [], signal }: { readonly adding?: readonly string[]; readonly signal?: AbortSignal | undefined },
): Promise<VdiError | undefined> {
  const secret = secretNames(config).users;
  const [live, known] = await Promise.all([ownTexts(transport, config, secret, signal), readUsers(config.directory)]);
  const names = (live["passwd"] ?? "").split("\n").map((line) => line.split(":")[0] ?? "");
  const kept = new Set(["", ...adding, ...known.passwd.map(({ name }) => name)]);
  const lost = names.filter((name) => !kept.has(name));
  if (lost.length === 0) return undefined;
  const listed = `${lost.slice(0, maxNames).join(", ")}${lost.length > maxNames ? ", …" : ""}`;
  return new VdiError({
    what: `the cluster has ${counted(lost.length, "user")} whom this directory does not know and would remove: ${listed}`,
    why: `there is no ${usersDirectory}/passwd here, as after a clone without protected/ or in a directory that was laid out anew`,
    try: [
      "copy protected/ from the directory that was deployed before",
      `take the users out of the Secret ${secret} in ${config.ingressNamespace}`,
      `when they are to go: mkdir -p ${usersDirectory} && touch ${usersDirectory}/passwd`,
    ],
    see: "doc/deployment.md#back-it-up",
    exitCode: ExitCode.usage,
  });
}

/** The values of a Secret that this deployment made; none where there is none. */
async function ownTexts(
  transport: KubeTransport,
  config: Config,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  try {
    const live = await getObject(transport, { apiVersion: "v1", kind: "Secret", namespace: config.ingressNamespace, name }, signal);
    return live !== undefined && isOurs(config, live) ? textsOf(live as Pick<V1Secret, "data">) : {};
  } catch (thrown) {
    throw explainKubeError(thrown, `what the Secret ${name} of an earlier deploy holds cannot be read`);
  }
}
