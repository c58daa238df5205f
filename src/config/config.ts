/** CPU, memory and disk of one session pod, as Kubernetes quantities; an empty text means that nothing is asked or limited. */
export interface SessionResources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  /** Limit of what a session may write to its pod's own disk (home, /tmp). */
  readonly ephemeralLimit: string;
}

/** The images of a deployment, as references: `registry.example:5000/vdi-xfce4`, with a tag or a digest when the admin gave one. */
export interface ImageChoice {
  /** Of a session type without a variable of its own. */
  readonly default: string;
  readonly proxy: string;
  /** By the part of the variable's name after `IMAGE_`: `DESKTOP_OFFICE`. Ask with `imageOfType`. */
  readonly byVariable: ReadonlyMap<string, string>;
}

/** Where a value came from. */
export interface Origin {
  readonly kind: "default" | "file" | "environment" | "flag";
  /** Of the kind `file`: the file as it is named to the admin (`deploy/vdi.env`), and the line, from 1. */
  readonly file?: string;
  readonly line?: number;
}

/** What an admin decided for one deployment: read once, checked, and never changed afterwards. */
export interface Config {
  /** The deployment directory, absolute. */
  readonly directory: string;
  /** Namespace of the session pods. */
  readonly namespace: string;
  /** Namespace of the proxies: `ingress-` and the other one's name. */
  readonly ingressNamespace: string;
  /** `host:port` of the image registry. */
  readonly registry: string;
  /** Addresses on which the proxy Service answers; may be empty. */
  readonly externalIps: readonly string[];
  /** DNS domain of the site. */
  readonly domain: string;
  /** Nodes that may run sessions; undefined: any node. */
  readonly workers: readonly string[] | undefined;
  /** Networks of the cluster that it does not tell of itself; sessions are kept from them. */
  readonly clusterNetworks: readonly string[];
  /** Name of Deployment and Service, and the beginning of the Secrets' names. */
  readonly deployName: string;
  /** Mount point of the deployment's own files inside pods: `/srv`. */
  readonly topdirInt: string;
  /** The same files on the admin's side. */
  readonly topdirExt: string;
  readonly images: ImageChoice;
  /** Whether the proxy answers by TLS. */
  readonly ssl: boolean;
  /** Certificate and key as the proxy sees them; the sources are `ssl/server.crt` and `ssl/server.key`. */
  readonly sslCert: string;
  readonly sslKey: string;
  readonly replicas: number;
  /** Port of a session's Xpra. */
  readonly port: number;
  readonly serviceType: "ClusterIP" | "NodePort" | "LoadBalancer";
  readonly trafficPolicy: "Local" | "Cluster";
  readonly sessionProfile: "restricted" | "baseline";
  readonly sessionResources: SessionResources;
  /** Largest screen of a session: `3840x2160`. */
  readonly screen: string;
  /** How long an ended session's pod stays to be looked at. */
  readonly keepEndedSeconds: number;
  /** How long the pod of a session stays that ended against its user's will. */
  readonly keepFailedSeconds: number;
  /** How long a session that does not come to start may go on trying. */
  readonly keepPendingSeconds: number;
  /** How many sessions one broker starts at a time. */
  readonly startsAtOnce: number | undefined;
  /** No session runs with a smaller uid. */
  readonly minUid: number;
  /** Name in the time zone database, for `TZ`: `Europe/Amsterdam`. */
  readonly timeZone: string;
  /** Whether the proxies know the users of `vdi users`. */
  readonly demoUsers: boolean;
  /** False: anybody gets in, without a password. */
  readonly validateUser: boolean;
  /** Xpra's authentication modules in their order: `pam:service=xpra`. */
  readonly authMethods: readonly string[];
  /** Connections that one proxy keeps before anybody has signed in by them. */
  readonly maxConnections: number;
  /** Attached clients that one proxy takes before it refuses; undefined: from its memory limit. */
  readonly maxClients: number | undefined;
  readonly socketTimeoutSeconds: number;
  readonly pingTimeoutSeconds: number;
  /** What a session pod runs before it is stopped. */
  readonly preStop: string;
  /** A site's own program instead of the broker; empty: none. */
  readonly hook: string;
  /** Where shared directories come from: `auto`, `configmap`, `hostpath`, `nfs:SERVER:/PATH`, `claim:NAME`. */
  readonly storage: string;
  /** Of a deployment on one machine: where its proxy answers, and the network out of which each session gets a small one. */
  readonly local: { readonly listen: string; readonly port: number; readonly network: string };
  /** The admin's own `XPRA_*` variables: `public` go to pods and `etc/xpra-vars.sh`, `secret` to a Secret that only proxies see. */
  readonly own: { readonly public: ReadonlyMap<string, string>; readonly secret: ReadonlyMap<string, string> };
  /** Every variable by its name, with the references replaced; secrets among them. */
  readonly values: ReadonlyMap<string, string>;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** The name of the variable that chooses a session type's image: `desktop-office` gives `IMAGE_DESKTOP_OFFICE`. */
export function imageVariable(type: string): string {
  return `IMAGE_${type.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** The image of a session type: that of its own variable, else the default one. */
export function imageOfType(config: Pick<Config, "images">, type: string): string {
  return config.images.byVariable.get(imageVariable(type).slice("IMAGE_".length)) ?? config.images.default;
}
