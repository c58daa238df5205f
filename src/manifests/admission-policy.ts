import type { V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding, V1Validation } from "@kubernetes/client-node";
import { brokerUser, type DeploymentNames, deploymentLabels, policyName, sessionServiceAccount } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";
import { sessionKeys, sessionLabels } from "./labels.ts";

/** What a session pod may consist of; everything else is refused. */
export interface SessionLimits {
  /** References exactly as they stand in the pods. */
  readonly images: readonly string[];
  readonly configMaps: readonly string[];
  readonly claims: readonly string[];
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
    ["no choice of the node", "!has(spec.nodeName)", "!has(spec.affinity)", ...nodeSelectorRules(limits)],
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
      ...["runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "procMount"].map((field) =>
        everyContainer(`!has(c.securityContext.${field})`),
      ),
    ],
    [
      "only the session's entry program",
      everyContainer("has(c.command) && c.command == ['/usr/lib/vdi/bin/session-entry'] && !has(c.args)"),
    ],
    [
      "no environment from elsewhere",
      everyContainer("!has(c.envFrom)"),
      everyContainer("!has(c.env) || c.env.all(e, !has(e.valueFrom) || has(e.valueFrom.fieldRef))"),
    ],
    ["only the deployment's volumes", volumeRule(limits)],
    [
      "only the deployment's pull secrets",
      `!has(spec.imagePullSecrets) || spec.imagePullSecrets.all(s, s.name in ${cel([...limits.pullSecrets, ...limits.added.pullSecrets])})`,
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

/** ConfigMaps may come alone or joined in one volume. */
function volumeRule({ configMaps, claims }: SessionLimits): string {
  const maps = cel(configMaps);
  const kinds = [
    "has(v.emptyDir)",
    "has(v.downwardAPI)",
    `(has(v.configMap) && v.configMap.name in ${maps})`,
    `(has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName in ${cel(claims)})`,
    `(has(v.projected) && has(v.projected.sources) && v.projected.sources.all(s, has(s.configMap) && s.configMap.name in ${maps}))`,
  ];
  return `!has(spec.volumes) || spec.volumes.all(v, ${kinds.join(" || ")})`;
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
