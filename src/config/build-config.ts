import path from "node:path";
import { amountOf } from "../util/quantity.ts";
import type { Config, Origin } from "./config.ts";
import type { Diagnostic } from "./diagnostics.ts";
import { isYes, secondsOf, timeZoneOf, words } from "./value-types.ts";
import { isImageName, isOwnName, isSecretName } from "./variables.ts";

/** Makes the typed configuration of checked values. The values must have passed `checkTogether` and each its own type. */
export function buildConfig(directory: string, values: ReadonlyMap<string, string>, origins: ReadonlyMap<string, Origin>): Config {
  const text = (name: string): string => values.get(name) ?? "";
  const number = (name: string): number => Number(text(name));
  const namespace = text("NAMESPACE");
  const own = { public: new Map<string, string>(), secret: new Map<string, string>() };
  const images = new Map<string, string>();
  for (const [name, value] of values) {
    if (isOwnName(name)) own[isSecretName(name) ? "secret" : "public"].set(name, value);
    else if (isImageName(name) && value !== "") images.set(name.slice("IMAGE_".length), value);
  }
  return {
    directory: path.resolve(directory),
    namespace,
    ingressNamespace: `ingress-${namespace}`,
    registry: text("XPRA_REGISTRY_SRV"),
    externalIps: words(text("EXTERNALIPS")),
    domain: text("DOMNAME"),
    workers: workersOf(text("XPRA_WORKERS")),
    clusterNetworks: words(text("XPRA_CLUSTER_NETWORKS")),
    deployName: text("XPRA_DEPLOYNAME"),
    topdirInt: text("XPRA_TOPDIR_INT"),
    topdirExt: text("XPRA_TOPDIR_EXT"),
    images: { default: text("IMAGE_DEFAULT"), proxy: text("IMAGE_XPRA_PROXY"), byVariable: images },
    ssl: text("SSL") === "on",
    sslCert: text("SSL_CERT"),
    sslKey: text("SSL_KEY"),
    replicas: number("REPLICAS"),
    port: number("PORT"),
    serviceType: text("XPRA_SERVICE_TYPE") as Config["serviceType"],
    trafficPolicy: text("XPRA_TRAFFIC_POLICY") as Config["trafficPolicy"],
    sessionProfile: text("XPRA_SESSION_PROFILE") as Config["sessionProfile"],
    sessionResources: {
      cpuRequest: text("XPRA_SESSION_CPU_REQUEST"),
      cpuLimit: text("XPRA_SESSION_CPU_LIMIT"),
      memoryRequest: text("XPRA_SESSION_MEMORY_REQUEST"),
      memoryLimit: text("XPRA_SESSION_MEMORY_LIMIT"),
      ephemeralLimit: text("XPRA_SESSION_EPHEMERAL_LIMIT"),
    },
    screen: text("XPRA_SCREEN"),
    keepEndedSeconds: secondsOf(text("XPRA_KEEP_ENDED")) ?? 0,
    keepFailedSeconds: secondsOf(text("XPRA_KEEP_FAILED")) ?? 0,
    keepPendingSeconds: secondsOf(text("XPRA_KEEP_PENDING")) ?? 0,
    startsAtOnce: text("XPRA_STARTS_AT_ONCE") === "" ? undefined : number("XPRA_STARTS_AT_ONCE"),
    minUid: number("XPRA_MIN_UID"),
    timeZone: timeZoneOf(text("XPRA_LOCAL_TIME")) ?? "UTC",
    demoUsers: isYes(text("XPRA_DEMO_USERS")),
    validateUser: isYes(text("XPRA_VALIDATE_USER")),
    authMethods: text("XPRA_AUTH_METHOD")
      .split(",")
      .map((method) => method.trim()),
    maxConnections: number("XPRA_MAX_CONCURRENT_CONNECTIONS"),
    maxClients: text("XPRA_MAX_CLIENTS") === "" ? undefined : number("XPRA_MAX_CLIENTS"),
    socketTimeoutSeconds: number("XPRA_SOCKET_TIMEOUT"),
    pingTimeoutSeconds: number("XPRA_PING_TIMEOUT"),
    preStop: text("PRESTOP_CMD"),
    hook: text("XPRA_HOOK"),
    storage: text("XPRA_STORAGE"),
    local: { listen: text("XPRA_LOCAL_LISTEN"), port: number("XPRA_LOCAL_PORT"), network: text("XPRA_LOCAL_NETWORK") },
    own,
    values,
    origins,
  };
}

function workersOf(value: string): readonly string[] | undefined {
  const names = words(value);
  return names.length === 0 || (names.length === 1 && names[0] === "all") ? undefined : names;
}

/** What is wrong between variables whose values are fine each by itself. `has` says which values are there and fine. */
export function checkTogether(
  values: ReadonlyMap<string, string>,
  has: (name: string) => boolean,
): readonly Omit<Diagnostic, "file" | "line">[] {
  const found: Omit<Diagnostic, "file" | "line">[] = [];
  const error = (name: string, message: string): void => void found.push({ severity: "error", code: "value", name, message });
  const warning = (name: string, message: string): void => void found.push({ severity: "warning", code: "value", name, message });
  const text = (name: string): string => values.get(name) ?? "";

  if (
    has("EXTERNALIPS") &&
    has("XPRA_SERVICE_TYPE") &&
    text("XPRA_SERVICE_TYPE") === "ClusterIP" &&
    words(text("EXTERNALIPS")).length === 0
  ) {
    error("EXTERNALIPS", "EXTERNALIPS is empty and XPRA_SERVICE_TYPE is ClusterIP: nobody could reach the proxies from outside");
  }
  if (has("XPRA_VALIDATE_USER") && has("XPRA_OPEN_DOOR") && !isYes(text("XPRA_VALIDATE_USER"))) {
    if (text("XPRA_OPEN_DOOR") !== "anybody may enter") {
      error(
        "XPRA_VALIDATE_USER",
        "XPRA_VALIDATE_USER lets anybody in, without a password; if you want that, say so: XPRA_OPEN_DOOR='anybody may enter'",
      );
    } else
      warning(
        "XPRA_VALIDATE_USER",
        "XPRA_VALIDATE_USER is N: that asks for a door WITHOUT PASSWORDS, as any user; the proxies of this version want one all the same",
      );
  }
  if (has("SSL") && text("SSL") === "off") {
    warning("SSL", "SSL is off: that asks for a door without encryption; the proxies of this version answer by TLS all the same");
  }
  for (const kind of ["CPU", "MEMORY"]) {
    const [request, limit] = [`XPRA_SESSION_${kind}_REQUEST`, `XPRA_SESSION_${kind}_LIMIT`];
    if (!has(request) || !has(limit) || text(request) === "" || text(limit) === "") continue;
    if (amountOf(text(request)) > amountOf(text(limit)))
      error(request, `${request} (${text(request)}) is more than ${limit} (${text(limit)})`);
  }
  return found;
}
