import { createHmac } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { admissionPolicy, noAdditions, type PodAdditions } from "../manifests/admission-policy.ts";
import { brokerRole, brokerRoleBinding, serviceAccounts } from "../manifests/broker-access.ts";
import { directoryConfigMaps, textConfigMap } from "../manifests/config-maps.ts";
import { brokerName, deploymentLabels, proxySelector } from "../manifests/deployment-names.ts";
import { disruptionBudget } from "../manifests/disruption-budget.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import { namespaces } from "../manifests/namespaces.ts";
import { networkPolicies } from "../manifests/network-policies.ts";
import { certificateSecrets, environmentSecret, secretNames, ticketSecret, type UserFiles, usersSecret } from "../manifests/secrets.ts";
import { renderYaml } from "../templates/yaml-documents.ts";
import { brokerConfiguration, nodeSelector } from "./broker-configuration.ts";
import type { SessionFiles } from "./deployment-files.ts";
import { sessionTypeEntries } from "./session-type-entries.ts";

/** Port of the proxies, inside their network. */
export const proxyPort = 8443;

/** Where a broker and its proxy meet. */
export const brokerSocket = "/run/vdi/broker/broker.sock";

/** All that a deployment is made of. */
export interface DeploymentParts {
  readonly config: Config;
  readonly files: SessionFiles;
  readonly users: UserFiles;
  readonly certificate: string;
  readonly certificateKey: string;
  readonly ticketKey: string;
  /** The reference that is deployed for an image, by the one of the configuration; what is missing is deployed as it is. */
  readonly pinnedImages: ReadonlyMap<string, string>;
  /** Name of the deployment directory. */
  readonly directoryName: string;
  /** Version of `vdi`. */
  readonly version: string;
  /** Directory of the templates. */
  readonly templates: string;
  /** What the cluster said of itself. */
  readonly cluster: ClusterTraits;
}

/** What a plan depends on in the cluster. */
export interface ClusterTraits {
  /** False before Kubernetes 1.30. */
  readonly hasAdmissionPolicies: boolean;
  /** Networks of pods, of Services and of the API server. */
  readonly insideRanges: readonly string[];
  /** Addresses of the cluster's DNS in CIDR form; undefined: nobody has told. */
  readonly dnsAddresses?: readonly string[];
  /** Processors of the nodes that may run sessions; undefined: nobody has told. */
  readonly processors?: number;
  /** What the API server adds to sessions' pods; undefined: nobody has told. */
  readonly added?: PodAdditions;
  /** Ports of Xpra in living sessions, some perhaps of an earlier `PORT`; undefined: nobody has told. */
  readonly sessionPorts?: readonly number[] | undefined;
}

/** The objects of a deployment, and what the admin should hear. */
export interface DeploymentPlan {
  readonly objects: readonly KubeObject[];
  readonly warnings: readonly string[];
}

/** All objects of a deployment, in an order in which they could be applied. Only templates are read. */
export function planDeployment(parts: DeploymentParts): DeploymentPlan {
  const { config, cluster } = parts;
  const pinned = (image: string): string => parts.pinnedImages.get(image) ?? image;
  const scan = sessionTypeEntries(parts.files.sessionTypes);
  const carried = {
    session_types: directoryConfigMaps(config, "session_types", parts.files.sessionTypes),
    etc: directoryConfigMaps(config, "etc", parts.files.etc),
    bin: directoryConfigMaps(config, "bin", parts.files.bin),
  };
  const mounts = Object.fromEntries(Object.entries(carried).map(([name, maps]) => [name, maps.mounts]));
  const broker = brokerConfiguration(config, scan.entries, mounts, pinned, cluster.processors);
  const brokerJson = `${JSON.stringify(broker, null, 2)}\n`;
  const proxyVariables = Object.fromEntries(config.own.public);
  const secrets = secretNames(config);
  const sum = checksum(parts.ticketKey);
  const hasSecretVariables = config.own.secret.size > 0;

  const objects: KubeObject[] = [
    ...namespaces(config, { sessionProfile: config.sessionProfile, directory: parts.directoryName, version: parts.version }),
    ...serviceAccounts(config),
    textConfigMap(config, config.ingressNamespace, brokerName(config), { "broker.json": brokerJson }),
    textConfigMap(config, config.ingressNamespace, environmentConfigMap, proxyVariables),
    ...Object.values(carried).flatMap((maps) => maps.objects),
    ...certificateSecrets(config, parts.certificate, parts.certificateKey),
    ticketSecret(config, parts.ticketKey),
    usersSecret(config, parts.users),
    ...(hasSecretVariables ? [environmentSecret(config, config.own.secret)] : []),
    brokerRole(config),
    brokerRoleBinding(config),
    ...networkPolicies(config, [config.port, ...(cluster.sessionPorts ?? [])], proxyPort, {
      inside: [...config.clusterNetworks, ...cluster.insideRanges],
      dns: cluster.dnsAddresses ?? [],
    }),
    ...(cluster.hasAdmissionPolicies
      ? admissionPolicy(config, {
          images: [...new Set(Object.values(broker.images))].sort(),
          configMaps: Object.fromEntries(Object.entries(mounts).map(([directory, maps]) => [directory, maps.map(({ name }) => name)])),
          topdirInt: config.topdirInt,
          pullSecrets: broker.kubernetes.imagePullSecrets,
          minUid: config.minUid,
          nodeSelector: nodeSelector(config),
          added: cluster.added ?? noAdditions,
        })
      : []),
    ...disruptionBudget(config, config.replicas),
  ];
  const templateData = {
    name: config.deployName,
    namespace: config.ingressNamespace,
    sessionNamespace: config.namespace,
    labels: deploymentLabels(config),
    selector: proxySelector(config),
    podLabels: { ...deploymentLabels(config), "app.kubernetes.io/component": "proxy", ...proxySelector(config) },
    replicas: config.replicas,
    serviceAccount: brokerName(config),
    image: pinned(config.images.proxy),
    pullSecrets: broker.kubernetes.imagePullSecrets,
    proxyEnvironment: proxyEnvironment(config),
    environmentConfigMap,
    environmentSecret: hasSecretVariables ? secrets.environment : null,
    secrets,
    brokerConfigMap: brokerName(config),
    checksums: {
      environment: sum(JSON.stringify(proxyVariables), JSON.stringify([...config.own.secret])),
      certificate: sum(parts.certificate, parts.certificateKey),
      ticket: sum(parts.ticketKey),
    },
    serviceType: config.serviceType,
    trafficPolicy: config.trafficPolicy,
    externalIps: config.externalIps,
  };
  for (const file of ["service.yaml.ejs", "deployment.yaml.ejs"]) {
    objects.push(...renderYaml({ file: join(parts.templates, "proxy", file), data: templateData }));
  }
  return { objects, warnings: [...scan.warnings, ...unsupported(config)] };
}

/** What the configuration asks for and the door does not do. */
export function unsupported(config: Config): readonly string[] {
  return [
    ...(config.ssl ? [] : ["SSL is off, but the proxies answer by TLS only"]),
    ...(config.validateUser ? [] : ["XPRA_VALIDATE_USER is N, but the proxies let nobody in without a password"]),
  ];
}

/** As the shell system called it. */
const environmentConfigMap = "xpra-env";

/** What the proxy is told; the names are those of its start program. */
export function proxyEnvironment(config: Config): Record<string, string> {
  return {
    NAMESPACE: config.namespace,
    XPRA_MODE: "proxy",
    XPRA_TOPDIR_INT: config.topdirInt,
    XPRA_DEPLOYNAME: config.deployName,
    SSL_CERT: config.sslCert,
    SSL_KEY: config.sslKey,
    XPRA_AUTH_METHOD: config.authMethods.join(","),
    XPRA_MAX_CONCURRENT_CONNECTIONS: String(config.maxConnections),
    ...(config.maxClients === undefined ? {} : { XPRA_MAX_CLIENTS: String(config.maxClients) }),
    XPRA_SOCKET_TIMEOUT: String(config.socketTimeoutSeconds),
    XPRA_PING_TIMEOUT: String(config.pingTimeoutSeconds),
    VDI_BROKER_SOCKET: brokerSocket,
    VDI_TICKET_KEY: "/etc/xpra/ticket/key",
    VDI_TICKET_AUDIENCE: config.namespace,
    // Without the clients' own addresses everybody would share one limit.
    VDI_LIMIT_BY_ADDRESS: config.trafficPolicy === "Local" ? "yes" : "no",
    TZ: config.timeZone,
  };
}

/** Short sums of texts, enough to tell that they changed. Keyed, so that nobody can guess a secret value by trying. */
export function checksum(key: string): (...texts: readonly string[]) => string {
  return (...texts) =>
    createHmac("sha256", key)
      .update(texts.map((text) => `${text.length}:${text}`).join(""))
      .digest("hex")
      .slice(0, 16);
}
