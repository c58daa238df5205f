/** What a changed variable changes on the cluster, in the admin's words. The keys are what a test finds in the plan. */
export const effectWords = {
  deployment: "all of it: another namespace is another deployment; the one before stays on the cluster until it is deleted there",
  proxies: "the proxies are replaced, one after the other; who is attached is cut off for a moment and comes back to the same session",
  scale: "proxies are added or taken away; the others go on",
  service: "the Service in front of the proxies, at once",
  sessions: "sessions that start from then on; those that run stay as they are",
  policy: "what the cluster lets proxies and sessions do (network and admission policies), at once",
  namespaces: "the Pod Security level of the sessions' namespace, for sessions that start from then on",
  users: "the users that the proxies know, within seconds",
  nodes: "the label of the nodes that run sessions",
  certificate: "the names in the certificate, the next time that vdi makes one",
  images: "where the next `vdi build-images` puts images, and which ones are deployed",
  local: "where `vdi local` answers and which addresses its sessions have, the next time that it is brought up",
  scripts: "the file etc/xpra-vars.sh, which scripts of sessions that start from then on may read",
} as const;

/** A kind of effect. */
export type Effect = keyof typeof effectWords;

/** What `vdi config explain` says of a variable beyond the table of variables. */
export interface VariableEffects {
  /** Beside `scripts`, which every variable has whose name is no secret's. */
  readonly changes: readonly Effect[];
  /** Values that are valid and not the default. */
  readonly examples: readonly string[];
  /** What is true of some of its values only. */
  readonly note?: string;
}

function entry(changes: readonly Effect[], examples: readonly string[], note?: string): VariableEffects {
  return { changes, examples, ...(note === undefined ? {} : { note }) };
}

const nothing: readonly Effect[] = [];

/** By the variable's name. What is kept for later changes nothing yet. */
export const effectsOf: Readonly<Record<string, VariableEffects>> = {
  NAMESPACE: entry(["deployment"], ["vdi-prod"]),
  XPRA_REGISTRY_SRV: entry(["images", "proxies", "sessions", "policy"], ["registry.example.org:5000"]),
  EXTERNALIPS: entry(["service", "certificate"], ["192.0.2.20", "192.0.2.10 192.0.2.11"]),
  DOMNAME: entry(["sessions", "certificate"], ["example.org"]),
  XPRA_WORKERS: entry(["nodes", "sessions", "policy"], ["node1 node2", "all"]),
  XPRA_CLUSTER_NETWORKS: entry(["policy"], ["10.244.0.0/16", "10.244.0.0/16 fd00:10::/48"]),
  XPRA_LOCAL_TIME: entry(["proxies", "sessions"], ["/usr/share/zoneinfo/Europe/Berlin", "America/New_York"]),
  XPRA_DEPLOYNAME: entry(["deployment"], ["desktop-proxy"]),
  REPLICAS: entry(["scale"], ["2"], "With 2 or more, a node can be emptied without anybody being turned away."),
  XPRA_SERVICE_TYPE: entry(["service"], ["LoadBalancer", "NodePort"]),
  XPRA_TRAFFIC_POLICY: entry(["service", "proxies"], ["Cluster"]),
  SSL: entry(nothing, ["off"], "`off` is read, but the proxies of this version answer by TLS all the same."),
  SSL_CERT: entry(["proxies"], ["/opt/site/server.crt"]),
  SSL_KEY: entry(["proxies"], ["/opt/site/server.key"]),
  XPRA_MAX_CONCURRENT_CONNECTIONS: entry(["proxies"], ["4096"]),
  XPRA_MAX_CLIENTS: entry(["proxies"], ["60"]),
  XPRA_SOCKET_TIMEOUT: entry(["proxies"], ["300"]),
  XPRA_PING_TIMEOUT: entry(["proxies", "sessions"], ["60"]),
  XPRA_HOOK: entry(nothing, ["/srv/bin/site-hook"]),
  XPRA_HTML5: entry(nothing, ["vendor"]),
  PORT: entry(
    ["sessions", "policy"],
    ["14600"],
    "Sessions that run keep their port, and are let through by it: a deploy after they have ended closes it.",
  ),
  XPRA_SESSION_PROFILE: entry(["namespaces"], ["baseline"]),
  XPRA_SESSION_CPU_REQUEST: entry(["sessions"], ["100m"]),
  XPRA_SESSION_CPU_LIMIT: entry(["sessions"], ["4"]),
  XPRA_SESSION_MEMORY_REQUEST: entry(["sessions"], ["512Mi"]),
  XPRA_SESSION_MEMORY_LIMIT: entry(["sessions"], ["4Gi"]),
  XPRA_SESSION_EPHEMERAL_LIMIT: entry(["sessions"], ["5Gi"]),
  XPRA_SCREEN: entry(["sessions"], ["5120x2880"]),
  XPRA_KEEP_ENDED: entry(["sessions"], ["1h", "90s"], "It holds for what ends from then on."),
  XPRA_KEEP_FAILED: entry(["sessions"], ["2h"], "It holds for what ends from then on."),
  XPRA_KEEP_PENDING: entry(["sessions"], ["30m"]),
  XPRA_STARTS_AT_ONCE: entry(["sessions"], ["2", "50"]),
  XPRA_MIN_UID: entry(["sessions", "policy"], ["20000"]),
  PRESTOP_CMD: entry(["sessions"], ["save-state; xpra stop"]),
  IMAGE_DEFAULT: entry(["sessions", "policy"], ["registry.example.org:5000/vdi-office:2026-11"]),
  IMAGE_XPRA_PROXY: entry(["proxies"], ["registry.example.org:5000/vdi-proxy:2026-11"]),
  XPRA_TOPDIR_INT: entry(["proxies", "sessions", "policy"], ["/opt/vdi"]),
  XPRA_TOPDIR_EXT: entry(nothing, ["/data/srv/vdi-stp/to_container"]),
  XPRA_STORAGE: entry(nothing, ["nfs:nfs1.example.org:/export/vdi", "claim:vdi-files"]),
  XPRA_VAR_LOG_INT: entry(nothing, ["/var/log/vdi"]),
  XPRA_VAR_LOG_EXT: entry(nothing, ["/data/log"]),
  XPRA_SCRATCH_EXT: entry(nothing, ["/data/scratch"]),
  VOLUME_HOMEDIRS_EXT: entry(nothing, ["/export/home"]),
  VOLUME_HOMEDIRS_INT: entry(nothing, ["/home/shared"]),
  XPRA_STATUS_DIR: entry(nothing, ["/srv/status"]),
  XPRA_SOCKET_DIR: entry(nothing, ["/srv/sockets"]),
  XPRA_LOCAL_LISTEN: entry(["local"], ["192.0.2.10", "0.0.0.0"]),
  XPRA_LOCAL_PORT: entry(["local"], ["443"]),
  XPRA_LOCAL_NETWORK: entry(["local"], ["10.99.0.0/16"]),
  XPRA_DEMO_USERS: entry(["users"], ["N"]),
  XPRA_VALIDATE_USER: entry(nothing, ["N"], "`N` is read, but the proxies of this version let nobody in without a password."),
  XPRA_OPEN_DOOR: entry(nothing, ["anybody may enter"], "It only goes with XPRA_VALIDATE_USER, which this version does not follow."),
  XPRA_AUTH_METHOD: entry(["proxies"], ["pam:service=site"]),
  XPRA_USER_MHD: entry(nothing, ["N"]),
  IDM_DOMAIN: entry(["sessions"], ["idm.example.org"]),
  IDM_ADMIN_USER: entry(nothing, ["dmRpLWxvb2t1cA=="]),
  IDM_ADMIN_PASSWORD: entry(nothing, []),
  SESSION_USING_IDM: entry(nothing, ["Y"]),
  SESSION_USERS_OATH: entry(nothing, ["/srv/etc/users.oath"]),
  OATH_USERS_FILE: entry(nothing, ["/etc/users.oath"]),
};
