import type { V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding, V1Validation } from "@kubernetes/client-node";
import { sessionEntry } from "../session/session-settings.ts";
import { systemTop } from "../session/session-user.ts";
import { brokerUser, type DeploymentNames, deploymentLabels, policyName, sessionServiceAccount } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";
import { sessionKeys, sessionLabels } from "./labels.ts";
import { directoryVolume, scratchPlaces } from "./session-pod.ts";

/** What a session pod may consist of; everything else is refused. */
export interface SessionLimits {
  /** References exactly as they stand in the pods. */
  readonly images: readonly string[];
  /** By the directory below `topdirInt` that they carry. */
  readonly configMaps: Readonly<Record<string, readonly string[]>>;
  readonly topdirInt: string;
  readonly pullSecrets: readonly string[];
  /** No session runs with a smaller uid. */
  readonly minUid: number;
  /** Labels of the nodes that sessions must ask for. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly added: PodAdditions;
}

/**
 * What the API server writes into a pod of the sessions' namespace that asks for nothing of the kind, before the policy looks at it.
 * A pod may have these and no others.
 */
export interface PodAdditions {
  /** Names of the cluster's default PriorityClass. */
  readonly priorityClasses: readonly string[];
  /** The pull secrets of the sessions' service account. */
  readonly pullSecrets: readonly string[];
  /** The namespace's own node selector. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** The level that OpenShift gives the namespace for SELinux. */
  readonly seLinuxLevel?: string;
}

/** A cluster that adds nothing. */
export const noAdditions: PodAdditions = { priorityClasses: [], pullSecrets: [], nodeSelector: {} };

/**
 * Who may create pods in a namespace could mount any Secret there, or ask for the node itself. So the broker's account is bound
 * to an allow-list: the pod of one user, from our images, without any right. Needs Kubernetes 1.30.
 */
export function admissionPolicy(
  names: DeploymentNames,
  limits: SessionLimits,
): readonly [V1ValidatingAdmissionPolicy & KubeObject, V1ValidatingAdmissionPolicyBinding & KubeObject] {
  const name = policyName(names);
  const labels = deploymentLabels(names);
  return [
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name, labels },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [""],
              apiVersions: ["v1"],
              operations: ["CREATE", "UPDATE"],
              resources: ["pods", "pods/ephemeralcontainers"],
            },
          ],
        },
        matchConditions: [{ name: "broker", expression: `request.userInfo.username == ${cel(brokerUser(names))}` }],
        validations: validations(names, limits),
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name, labels },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
}

/** A rule of the list: what it says, and the conditions that must all hold. `c` is the container. */
type Rule = readonly [message: string, ...conditions: readonly string[]];

function validations(names: DeploymentNames, limits: SessionLimits): V1Validation[] {
  const labels = Object.entries({ ...sessionLabels(names.namespace, ""), [sessionKeys.type]: undefined });
  const rules: readonly Rule[] = [
    ["a session is made in the sessions' namespace", `object.metadata.namespace == ${cel(names.namespace)}`],
    [
      "a session belongs to this deployment and can be found",
      "has(object.metadata.labels)",
      ...labels.map(([key, value]) => mapEntry("object.metadata.labels", key, value)),
    ],
    [
      "a session has an owner, whose uid and gid it has",
      "has(object.metadata.annotations)",
      ...[sessionKeys.owner, sessionKeys.display, sessionKeys.passwd, sessionKeys.group].map((key) => mapEntry(annotations, key)),
      "has(spec.securityContext) && has(spec.securityContext.runAsUser) && has(spec.securityContext.runAsGroup)",
      `${annotation(sessionKeys.owner)} != ''`,
      `${annotation(sessionKeys.passwd)}.contains('\\n' + ${annotation(sessionKeys.owner)} + ':x:' + string(spec.securityContext.runAsUser) + ':' + string(spec.securityContext.runAsGroup) + ':')`,
    ],
    ["one container and nothing beside it", "spec.containers.size() == 1", "!has(spec.initContainers)", "!has(spec.ephemeralContainers)"],
    ["only the deployment's images", everyContainer(`c.image in ${cel(limits.images)}`)],
    [
      "only the sessions' service account, without a token",
      `spec.serviceAccountName == ${cel(sessionServiceAccount)}`,
      "has(spec.automountServiceAccountToken) && !spec.automountServiceAccountToken",
    ],
    [
      "no choice of the node",
      ...["nodeName", "affinity", "topologySpreadConstraints"].map((field) => `!has(spec.${field})`),
      ...nodeSelectorRules(limits),
    ],
    [
      "only the tolerations that every pod gets",
      `!has(spec.tolerations) || spec.tolerations.all(t, has(t.key) && t.key in ${cel(usualTolerations)})`,
    ],
    [
      "nothing of the node's",
      ...["hostNetwork", "hostPID", "hostIPC"].map((field) => isOff(`spec.${field}`)),
      "!has(spec.hostAliases)",
      "!has(spec.runtimeClassName)",
      everyContainer("!has(c.ports) || c.ports.all(p, !has(p.hostPort))"),
    ],
    [
      "no work for the kubelet, which is on the node's network",
      ...["livenessProbe", "readinessProbe", "startupProbe"].map((probe) => everyContainer(`!has(c.${probe})`)),
      everyContainer("!has(c.lifecycle) || !has(c.lifecycle.postStart)"),
      everyContainer("!has(c.lifecycle) || !has(c.lifecycle.preStop) || has(c.lifecycle.preStop.exec)"),
    ],
    [
      "the cluster's own scheduler, and no device",
      "!has(spec.schedulerName) || spec.schedulerName == 'default-scheduler'",
      "!has(spec.resourceClaims)",
      "!has(spec.schedulingGates)",
      // Devices, huge pages and whatever else a node has to give.
      everyContainer(
        `!has(c.resources) || dyn(c.resources).all(r, r in ["limits", "requests"] && ${onlyKeys("dyn(c.resources)[r]", usualResources)})`,
      ),
    ],
    [
      "no priority of its own",
      // The number and the preemption that stand beside it are held to the class's by the API server itself.
      `!has(spec.priorityClassName) || spec.priorityClassName in ${cel(["", ...limits.added.priorityClasses])}`,
    ],
    [
      `a user's uid (at least ${limits.minUid}) and never group 0`,
      "has(spec.securityContext)",
      `has(spec.securityContext.runAsUser) && spec.securityContext.runAsUser >= ${limits.minUid}`,
      "has(spec.securityContext.runAsGroup) && spec.securityContext.runAsGroup > 0",
      "!has(spec.securityContext.supplementalGroups) || spec.securityContext.supplementalGroups.all(g, g > 0)",
      "!has(spec.securityContext.fsGroup) || spec.securityContext.fsGroup > 0",
    ],
    [
      "not root, with the runtime's seccomp profile",
      "has(spec.securityContext.runAsNonRoot) && spec.securityContext.runAsNonRoot",
      "has(spec.securityContext.seccompProfile) && spec.securityContext.seccompProfile.type == 'RuntimeDefault'",
      "!has(spec.securityContext.sysctls)",
      onlyKeys("object.spec.securityContext", podSecurityFields),
      seLinuxRule(limits),
    ],
    [
      "no capability, no escalation, a read-only root file system",
      everyContainer("has(c.securityContext)"),
      everyContainer("has(c.securityContext.allowPrivilegeEscalation) && !c.securityContext.allowPrivilegeEscalation"),
      everyContainer("has(c.securityContext.readOnlyRootFilesystem) && c.securityContext.readOnlyRootFilesystem"),
      everyContainer(isOff("c.securityContext.privileged")),
      everyContainer("has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop)"),
      everyContainer("c.securityContext.capabilities.drop == ['ALL'] && !has(c.securityContext.capabilities.add)"),
    ],
    [
      "nothing of the pod's own security undone",
      everyContainer(onlyKeys("c.securityContext", ["allowPrivilegeEscalation", "capabilities", "privileged", "readOnlyRootFilesystem"])),
    ],
    ["only the session's entry program", everyContainer(`has(c.command) && c.command == [${cel(sessionEntry)}] && !has(c.args)`)],
    [
      "no environment from elsewhere",
      everyContainer("!has(c.envFrom)"),
      everyContainer("!has(c.env) || c.env.all(e, !has(e.valueFrom) || has(e.valueFrom.fieldRef))"),
    ],
    ["only the deployment's volumes", volumeRule(limits)],
    ["its volumes where a session has them", everyContainer(`!has(c.volumeMounts) || c.volumeMounts.all(m, ${mountRule(limits)})`)],
    [
      "only the deployment's pull secrets",
      `!has(spec.imagePullSecrets) || spec.imagePullSecrets.all(s, s.name in ${cel([...limits.pullSecrets, ...limits.added.pullSecrets])})`,
    ],
    [
      "nothing written on it but what a session has",
      onlyKeys("object.metadata", metadataFields),
      `!has(object.metadata.labels) || ${onlyKeys(
        "object.metadata.labels",
        labels.map(([key]) => key),
      )}`,
      `!has(${annotations}) || ${onlyKeys(annotations, [...Object.values(sessionKeys), ...clusterAnnotations])}`,
    ],
    [
      "nothing that a session has not",
      onlyKeys("object.spec", podFields),
      "!has(spec.restartPolicy) || spec.restartPolicy == 'Never'",
      "!has(spec.dnsPolicy) || spec.dnsPolicy == 'ClusterFirst'",
      everyContainer(onlyKeys("c", containerFields)),
      everyContainer(`!has(c.lifecycle) || ${onlyKeys("c.lifecycle", ["preStop"])}`),
      // There the kubelet puts a file of its own over what the image has.
      everyContainer("!has(c.terminationMessagePath) || c.terminationMessagePath == '/dev/termination-log'"),
    ],
  ];
  return rules.map(([message, ...conditions]) => ({
    message: `vdi: ${message}`,
    expression: conditions.map((condition) => `(${condition.replace(/(?<![.\w])spec\./g, "object.spec.")})`).join(" && "),
    reason: "Forbidden",
  }));
}

const annotations = "object.metadata.annotations";

function annotation(key: string): string {
  return `${annotations}[${cel(key)}]`;
}

/** A key of a map is there, with this value if one is given. */
function mapEntry(map: string, key: string, value?: string): string {
  return value === undefined ? `${cel(key)} in ${map}` : `${cel(key)} in ${map} && ${map}[${cel(key)}] == ${cel(value)}`;
}

/** What the API server itself adds to a pod. */
const usualTolerations = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/memory-pressure"];

function everyContainer(condition: string): string {
  return `spec.containers.all(c, ${condition})`;
}

function isOff(field: string): string {
  return `!has(${field}) || !${field}`;
}

/** What stands in a map or an object of the API, by its keys. Without `dyn` an object's type would have none. */
function onlyKeys(of: string, keys: readonly string[]): string {
  return `dyn(${of}).all(k, k in ${cel(keys)})`;
}

/** What a node gives to every pod; a LimitRange of the namespace may write these into it as well. */
const usualResources = ["cpu", "memory", "ephemeral-storage"];

/** What a pod has by itself or by the API server, as far as no rule above refuses it in its own words. */
const podFields = [
  ...["automountServiceAccountToken", "containers", "dnsPolicy", "enableServiceLinks", "imagePullSecrets", "nodeSelector"],
  ...["preemptionPolicy", "priority", "priorityClassName", "restartPolicy", "schedulerName", "securityContext", "serviceAccount"],
  ...["serviceAccountName", "terminationGracePeriodSeconds", "tolerations", "volumes"],
];

const containerFields = [
  ...["command", "env", "image", "imagePullPolicy", "lifecycle", "name", "ports", "resizePolicy", "resources", "securityContext"],
  ...["terminationMessagePath", "terminationMessagePolicy", "volumeMounts"],
];

const podSecurityFields = [
  ...["fsGroup", "runAsGroup", "runAsNonRoot", "runAsUser", "seLinuxOptions", "seccompProfile", "supplementalGroups"],
];

const metadataFields = [
  ...["annotations", "creationTimestamp", "generation", "labels", "managedFields", "name", "namespace", "resourceVersion", "uid"],
];

/** What the API server's plugins write on a pod while they look at it: LimitRanger, and OpenShift's security context constraints. */
const clusterAnnotations = [
  "kubernetes.io/limit-ranger",
  "openshift.io/scc",
  "security.openshift.io/validated-scc-subject-type",
  "seccomp.security.alpha.kubernetes.io/pod",
];

function seLinuxRule({ added: { seLinuxLevel } }: SessionLimits): string {
  const options = "spec.securityContext.seLinuxOptions";
  if (seLinuxLevel === undefined) return `!has(${options})`;
  return `!has(${options}) || (${onlyKeys(`object.${options}`, ["level"])} && has(${options}.level) && ${options}.level == ${cel(seLinuxLevel)})`;
}

/** Each volume by its name, which is what its place goes by. */
function volumeRule({ configMaps }: SessionLimits): string {
  const file = (path: string, key: string): string =>
    `(i.path == ${cel(path)} && i.fieldRef.fieldPath == ${cel(`metadata.annotations['${key}']`)})`;
  const identity = `${file("passwd", sessionKeys.passwd)} || ${file("group", sessionKeys.group)}`;
  const kinds = [
    `(v.name in ${cel([...Object.keys(scratchPlaces), "home"])} && has(v.emptyDir))`,
    `(v.name == 'identity' && has(v.downwardAPI) && has(v.downwardAPI.items) && v.downwardAPI.items.all(i, has(i.fieldRef) && (${identity})))`,
    ...Object.entries(configMaps).map(
      ([directory, names]) =>
        `(v.name == ${cel(directoryVolume(directory))} && has(v.projected) && has(v.projected.sources) && v.projected.sources.all(s, has(s.configMap) && s.configMap.name in ${cel(names)}))`,
    ),
  ];
  return `!has(spec.volumes) || spec.volumes.all(v, ${kinds.join(" || ")})`;
}

/** No volume over what is executed or read by programs of the image. `m` is the mount. */
function mountRule({ configMaps, topdirInt }: SessionLimits): string {
  const fixed = [
    ...Object.entries(scratchPlaces),
    ...Object.keys(configMaps).map((directory) => [directoryVolume(directory), `${topdirInt}/${directory}`] as const),
  ];
  const home = [
    "m.name == 'home'",
    "m.mountPath.matches('^(/[^/]+)+$')",
    "!m.mountPath.matches('/[.][.]?(/|$)')",
    `!(m.mountPath.split('/')[1] in ${cel([...systemTop])})`,
    "!has(m.subPath)",
  ];
  const places = [
    ...fixed.map(([name, place]) => `(m.name == ${cel(name)} && m.mountPath == ${cel(place)} && !has(m.subPath))`),
    "(m.name == 'identity' && has(m.subPath) && m.subPath in ['passwd', 'group'] && m.mountPath == '/etc/' + m.subPath)",
    `(${home.join(" && ")})`,
  ];
  return `${onlyKeys("m", ["mountPath", "name", "readOnly", "subPath"])} && (${places.join(" || ")})`;
}

/** All labels that the deployment asks for, and beside them at most those that the namespace adds. */
function nodeSelectorRules({ nodeSelector, added }: SessionLimits): readonly string[] {
  const allowed = Object.entries({ ...added.nodeSelector, ...nodeSelector });
  if (allowed.length === 0) return ["!has(spec.nodeSelector)"];
  const each = allowed.map(([key, value]) => `(k == ${cel(key)} && spec.nodeSelector[k] == ${cel(value)})`);
  return [
    ...Object.entries(nodeSelector).map(([key, value]) => `has(spec.nodeSelector) && ${mapEntry("spec.nodeSelector", key, value)}`),
    `!has(spec.nodeSelector) || spec.nodeSelector.all(k, ${each.join(" || ")})`,
  ];
}

/** A text, or a list of texts, as a literal of CEL, whose escapes are those of JSON. */
function cel(value: string | readonly string[]): string {
  return typeof value === "string" ? JSON.stringify(value) : `[${value.map((text) => JSON.stringify(text)).join(", ")}]`;
}
