import type { DockerSettings } from "../engine/docker-settings.ts";
import { isSubnetPool } from "../engine/subnets.ts";
import type { ConfigMapFiles, KubernetesSettings } from "../manifests/session-pod.ts";
import type { SessionSettings } from "../session/session-settings.ts";
import { imageOfType, type SessionsConfig, type SessionTypeEntry } from "../session/sessions-config.ts";
import { isPlainPath } from "../util/plain-path.ts";
import { VdiError } from "../util/vdi-error.ts";

/** What every broker has to know, whatever its sessions run on. */
export interface CommonBrokerConfig extends SessionSettings, SessionsConfig {
  readonly version: 2;
  readonly deployName: string;
  /** How long an ended session stays to be looked at. */
  readonly keepEndedSeconds: number;
  /** How long a session stays that ended against its user's will. */
  readonly keepFailedSeconds: number;
  /** How long a session that does not come to start may go on trying. */
  readonly keepPendingSeconds: number;
  /** No session for a user with a smaller uid. */
  readonly minUid: number;
}

/** What a broker has to know whose sessions are pods. */
export interface KubernetesBrokerConfig extends CommonBrokerConfig {
  readonly kubernetes: KubernetesSettings;
  readonly docker?: undefined;
}

/** What a broker has to know whose sessions are containers of one engine. */
export interface DockerBrokerConfig extends CommonBrokerConfig {
  readonly docker: DockerSettings;
  readonly kubernetes?: undefined;
}

/** What the broker has to know of a deployment: the content of /etc/vdi/broker.json. `vdi` makes it from the configuration. */
export type BrokerConfig = KubernetesBrokerConfig | DockerBrokerConfig;

/**
 * Reads a broker's configuration. All problems are told at once; keys that are not known are left alone,
 * so that an older broker understands a newer `vdi`. In version 1 the cluster's part lies flat among the others.
 *
 * @param source what to call the text in an error
 */
export function parseBrokerConfig(text: string, source: string): BrokerConfig {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    throw broken(source, [String(thrown)]);
  }
  const problems: string[] = [];
  const at = reader(raw, problems);
  const config: CommonBrokerConfig = {
    version: 2,
    namespace: at.text("namespace"),
    deployName: at.text("deployName", "xpra-proxy"),
    port: at.number("port", 14500),
    topdirInt: at.text("topdirInt", "/srv"),
    images: at.texts("images"),
    resources: at.texts("resources", {}),
    screen: at.text("screen", "3840x2160"),
    keepEndedSeconds: at.number("keepEndedSeconds", 600),
    keepFailedSeconds: at.number("keepFailedSeconds", 86_400),
    keepPendingSeconds: at.number("keepPendingSeconds", 600),
    startsAtOnce: at.number("startsAtOnce", 4),
    minUid: at.number("minUid", 1000),
    timeZone: at.text("timeZone", "UTC"),
    sessionEnv: at.texts("sessionEnv", {}),
    preStop: at.text("preStop", ""),
    gracePeriodSeconds: at.number("gracePeriodSeconds", 30),
    sessionTypes: at.list("sessionTypes", sessionType),
  };
  const part = runtimePart(at, problems);
  if (imageOfType(config.images, "") === undefined) problems.push("images.default: missing");
  if (config.sessionTypes.length === 0) problems.push("sessionTypes: empty: nobody could start anything");
  if (!isPlainPath(config.topdirInt)) problems.push("topdirInt: not an absolute path");
  if (problems.length > 0) throw broken(source, problems);
  return { ...config, ...part };
}

function runtimePart(at: Reader, problems: string[]): Pick<KubernetesBrokerConfig, "kubernetes"> | Pick<DockerBrokerConfig, "docker"> {
  const version = at.value("version");
  const isHere = (name: string): boolean => version === 2 && at.value(name) !== undefined;
  if (version !== 1 && version !== 2) problems.push(`version: ${JSON.stringify(version)} is not 1 or 2: the broker and vdi differ`);
  else if (version === 2 && isHere("kubernetes") === isHere("docker"))
    problems.push("exactly one of kubernetes and docker has to be there");
  if (isHere("docker")) return { docker: dockerPart(reader(at.value("docker"), problems, "docker."), problems) };
  const part = version === 1 ? at : reader(at.value("kubernetes"), problems, "kubernetes.");
  return {
    kubernetes: {
      nodeSelector: part.texts("nodeSelector", {}),
      imagePullSecrets: part.list("imagePullSecrets", textOnly),
      configMaps: configMaps(part.value("configMaps"), problems),
      serviceAccountName: part.text("serviceAccountName", "vdi-session"),
    },
  };
}

function dockerPart(at: Reader, problems: string[]): DockerSettings {
  const part: DockerSettings = {
    socket: at.text("socket", "/var/run/docker.sock"),
    network: at.text("network", "10.213.0.0/16"),
    directories: at.list("directories", (value) => (isDirectoryName(String(value)) ? String(value) : undefined)),
    pidsLimit: at.number("pidsLimit", 4096),
    identityDirectory: at.text("identityDirectory", "/var/lib/vdi/identity"),
  };
  if (!isSubnetPool(part.network)) problems.push(`docker.network: ${part.network} is not a network of IPv4 with room for sessions`);
  return part;
}

function textOnly(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isDirectoryName(text: string): boolean {
  return /^[a-z][a-z0-9_-]*$/.test(text);
}

function broken(source: string, problems: readonly string[]): VdiError {
  return new VdiError({ what: `${source} is not a broker's configuration`, why: problems.join("\n"), try: "vdi deploy writes it anew" });
}

function sessionType(value: unknown): SessionTypeEntry | undefined {
  const { scope, type, script, title, description, icon, image } = record(value);
  if (typeof scope !== "string" || typeof type !== "string" || typeof script !== "string") return undefined;
  if (!/^[A-Za-z0-9._-]+$/.test(type) || !/^[^/]+\/[^/]+$/.test(script) || script.split("/").includes("..")) return undefined;
  return {
    scope,
    type,
    script,
    title: typeof title === "string" && title !== "" ? title : type,
    description: typeof description === "string" ? description : "",
    ...(typeof icon === "string" ? { icon } : {}),
    ...(typeof image === "string" ? { image } : {}),
  };
}

function configMaps(value: unknown, problems: string[]): Readonly<Record<string, readonly ConfigMapFiles[]>> {
  const entries = Object.entries(record(value ?? {})).map(([directory, files]) => {
    if (!isDirectoryName(directory)) problems.push(`configMaps.${directory}: not a directory's name`);
    const list = Array.isArray(files) ? files : [];
    return [
      directory,
      list.map((file: unknown, index) => {
        const { name, items } = record(file);
        const pairs = Array.isArray(items) ? items.map(record) : [];
        if (typeof name !== "string") problems.push(`configMaps.${directory}[${index}].name: missing`);
        return { name: String(name), items: pairs.map(({ key, path }) => ({ key: String(key), path: String(path) })) };
      }),
    ] as const;
  });
  return Object.fromEntries(entries);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

interface Reader {
  value(key: string): unknown;
  text(key: string, otherwise?: string): string;
  number(key: string, otherwise: number): number;
  texts(key: string, otherwise?: Record<string, string>): Record<string, string>;
  list<T>(key: string, read: (value: unknown) => T | undefined): T[];
}

/** Reads single values and notes what is wrong with them; `prefix` says where they stand. */
function reader(raw: unknown, problems: string[], prefix = ""): Reader {
  const object = record(raw);
  const wrong = <T>(key: string, wanted: string, otherwise: T): T => {
    problems.push(`${prefix}${key}: ${object[key] === undefined ? "missing" : `not ${wanted}`}`);
    return otherwise;
  };
  return {
    value: (key) => object[key],
    text(key, otherwise) {
      const value = object[key] ?? otherwise;
      return typeof value === "string" && (value !== "" || otherwise !== undefined) ? value : wrong(key, "a text", "");
    },
    number(key, otherwise) {
      const value = object[key] ?? otherwise;
      return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : wrong(key, "a whole number", 0);
    },
    texts(key, otherwise) {
      const value = object[key] ?? otherwise;
      const entries = Object.entries(record(value));
      if (value === undefined || typeof value !== "object" || entries.some(([, text]) => typeof text !== "string"))
        return wrong(key, "an object of texts", {});
      return Object.fromEntries(entries) as Record<string, string>;
    },
    list(key, read) {
      const value = object[key] ?? [];
      if (!Array.isArray(value)) return wrong(key, "a list", []);
      return value.flatMap((item: unknown, index) => {
        const result = read(item);
        if (result === undefined) problems.push(`${prefix}${key}[${index}]: ${JSON.stringify(item)} is not one`);
        return result === undefined ? [] : [result];
      });
    },
  };
}
