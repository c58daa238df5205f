import type { SessionPodSettings } from "../manifests/session-pod.ts";
import { VdiError } from "../util/vdi-error.ts";

/** A session type: a script that exists for everybody, for one user or for one group. */
export interface SessionTypeEntry {
  /** The directory below `session_types` that the script is in: `default`, or the name of a user or a group. */
  readonly scope: string;
  /** `desktop` for `xpra_startup_desktop.sh`. */
  readonly type: string;
  /** Path below `session_types`. */
  readonly script: string;
  readonly title: string;
  readonly description: string;
  /** Name or path of a small and of a large picture for the page. */
  readonly icon?: string;
  readonly image?: string;
}

/** What the broker has to know of a deployment: the content of /etc/vdi/broker.json. `vdi deploy` makes it from the configuration. */
export interface BrokerConfig extends SessionPodSettings {
  readonly version: 1;
  readonly deployName: string;
  /**
   * Image by session type. `default` is the one for all others; a key is a type (`desktop-office`)
   * or the end of its variable (`DESKTOP_OFFICE`).
   */
  readonly images: Readonly<Record<string, string>>;
  /** How long an ended session's pod stays to be looked at. */
  readonly keepEndedSeconds: number;
  /** How long the pod of a session stays that ended against its user's will. */
  readonly keepFailedSeconds: number;
  /** How long a session that does not come to start may go on trying. */
  readonly keepPendingSeconds: number;
  /** How many sessions one broker starts at a time; at least 1. */
  readonly startsAtOnce: number;
  /** No session for a user with a smaller uid. */
  readonly minUid: number;
  readonly sessionTypes: readonly SessionTypeEntry[];
}

/** The image of a session type: its own, else the default one. */
export function imageOfType(images: BrokerConfig["images"], type: string): string | undefined {
  const variable = (text: string): string => text.toUpperCase().replace(/[-.]/g, "_");
  const own = Object.entries(images).find(([key]) => variable(key) === variable(type));
  return own?.[1] ?? images.default ?? images.DEFAULT;
}

/**
 * Reads a broker's configuration. All problems are told at once; keys that are not known are left alone,
 * so that an older broker understands a newer `vdi`.
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
  const config: BrokerConfig = {
    version: 1,
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
    nodeSelector: at.texts("nodeSelector", {}),
    timeZone: at.text("timeZone", "UTC"),
    sessionEnv: at.texts("sessionEnv", {}),
    imagePullSecrets: at.list("imagePullSecrets", (value) => (typeof value === "string" ? value : undefined)),
    configMaps: configMaps(at.value("configMaps"), problems),
    preStop: at.text("preStop", ""),
    gracePeriodSeconds: at.number("gracePeriodSeconds", 30),
    serviceAccountName: at.text("serviceAccountName", "vdi-session"),
    sessionTypes: at.list("sessionTypes", sessionType),
  };
  if (at.value("version") !== 1) problems.push(`version: ${JSON.stringify(at.value("version"))} is not 1: the broker and vdi differ`);
  if (imageOfType(config.images, "") === undefined) problems.push("images.default: missing");
  if (config.sessionTypes.length === 0) problems.push("sessionTypes: empty: nobody could start anything");
  if (!/^\/[A-Za-z0-9._/-]*$/.test(config.topdirInt)) problems.push("topdirInt: not an absolute path");
  if (problems.length > 0) throw broken(source, problems);
  return config;
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

function configMaps(value: unknown, problems: string[]): BrokerConfig["configMaps"] {
  const entries = Object.entries(record(value ?? {})).map(([directory, files]) => {
    if (!/^[a-z][a-z0-9_-]*$/.test(directory)) problems.push(`configMaps.${directory}: not a directory's name`);
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

/** Reads single values and notes what is wrong with them. */
function reader(raw: unknown, problems: string[]): Reader {
  const object = record(raw);
  const wrong = <T>(key: string, wanted: string, otherwise: T): T => {
    problems.push(`${key}: ${object[key] === undefined ? "missing" : `not ${wanted}`}`);
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
        if (result === undefined) problems.push(`${key}[${index}]: ${JSON.stringify(item)} is not one`);
        return result === undefined ? [] : [result];
      });
    },
  };
}
