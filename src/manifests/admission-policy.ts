import type { V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding, V1Validation } from "@kubernetes/client-node";
import { brokerUser, type DeploymentNames, deploymentLabels, policyName, sessionServiceAccount } from "./deployment-names.ts";
import type { KubeObject } from "./kube-object.ts";

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
}

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

function validations(names: DeploymentNames, limits: SessionLimits): V1Validation[] {
  const rules: readonly (readonly [string, string])[] = [
    ["a session is made in the sessions' namespace", `object.metadata.namespace == ${cel(names.namespace)}`],
    ["a session belongs to this deployment", `has(object.metadata.labels) && 'app.kubernetes.io/part-of' in object.metadata.labels && object.metadata.labels['app.kubernetes.io/part-of'] == ${cel(names.namespace)}`],
    ["one container and nothing beside it", "object.spec.containers.size() == 1 && !has(object.spec.initContainers) && !has(object.spec.ephemeralContainers)"],
    ["only the deployment's images", `object.spec.containers.all(c, c.image in ${cel(limits.images)})`],
    ["only the sessions' service account, without a token", `object.spec.serviceAccountName == ${cel(sessionServiceAccount)} && has(object.spec.automountServiceAccountToken) && object.spec.automountServiceAccountToken == false`],
    ["no choice of the node", `!has(object.spec.nodeName) && !has(object.spec.affinity) && ${nodeSelectorRule(limits.nodeSelector)}`],
    ["only the usual tolerations", "!has(object.spec.tolerations) || object.spec.tolerations.all(t, has(t.key) && t.key in ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable', 'node.kubernetes.io/memory-pressure'])"],
    ["nothing of the node's", "(!has(object.spec.hostNetwork) || !object.spec.hostNetwork) && (!has(object.spec.hostPID) || !object.spec.hostPID) && (!has(object.spec.hostIPC) || !object.spec.hostIPC) && !has(object.spec.hostAliases) && !has(object.spec.runtimeClassName) && object.spec.containers.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort)))"],
    ["no priority of its own", "!has(object.spec.priorityClassName) || object.spec.priorityClassName == ''"],
    [`a user's uid (at least ${limits.minUid}) and never group 0`, `has(object.spec.securityContext) && has(object.spec.securityContext.runAsUser) && object.spec.securityContext.runAsUser >= ${limits.minUid} && has(object.spec.securityContext.runAsGroup) && object.spec.securityContext.runAsGroup > 0 && (!has(object.spec.securityContext.supplementalGroups) || object.spec.securityContext.supplementalGroups.all(g, g > 0)) && (!has(object.spec.securityContext.fsGroup) || object.spec.securityContext.fsGroup > 0)`],
    ["not root, with the runtime's seccomp profile", "has(object.spec.securityContext.runAsNonRoot) && object.spec.securityContext.runAsNonRoot && has(object.spec.securityContext.seccompProfile) && object.spec.securityContext.seccompProfile.type == 'RuntimeDefault' && !has(object.spec.securityContext.sysctls)"],
    ["no capability, no escalation, a read-only root file system", "object.spec.containers.all(c, has(c.securityContext) && has(c.securityContext.allowPrivilegeEscalation) && !c.securityContext.allowPrivilegeEscalation && has(c.securityContext.readOnlyRootFilesystem) && c.securityContext.readOnlyRootFilesystem && (!has(c.securityContext.privileged) || !c.securityContext.privileged) && has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop) && c.securityContext.capabilities.drop == ['ALL'] && !has(c.securityContext.capabilities.add) && !has(c.securityContext.runAsUser) && !has(c.securityContext.runAsGroup) && !has(c.securityContext.seccompProfile) && !has(c.securityContext.procMount))"],
    ["only the session's entry program", "object.spec.containers.all(c, has(c.command) && c.command == ['/usr/lib/vdi/bin/session-entry'] && !has(c.args))"],
    ["no environment from elsewhere", "object.spec.containers.all(c, !has(c.envFrom) && (!has(c.env) || c.env.all(e, !has(e.valueFrom) || has(e.valueFrom.fieldRef))))"],
    ["only the deployment's volumes", volumeRule(limits)],
    ["only the deployment's pull secrets", `!has(object.spec.imagePullSecrets) || object.spec.imagePullSecrets.all(s, s.name in ${cel(limits.pullSecrets)})`],
  ];
  return rules.map(([message, expression]) => ({ message: `vdi: ${message}`, expression, reason: "Forbidden" }));
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
  return `!has(object.spec.volumes) || object.spec.volumes.all(v, ${kinds.join(" || ")})`;
}

function nodeSelectorRule(selector: Readonly<Record<string, string>>): string {
  const entries = Object.entries(selector);
  if (entries.length === 0) return "!has(object.spec.nodeSelector)";
  const each = entries.map(([key, value]) => `${cel(key)} in object.spec.nodeSelector && object.spec.nodeSelector[${cel(key)}] == ${cel(value)}`);
  return ["has(object.spec.nodeSelector)", `object.spec.nodeSelector.size() == ${entries.length}`, ...each].join(" && ");
}

/** A text, or a list of texts, as a literal of CEL, whose escapes are those of JSON. */
function cel(value: string | readonly string[]): string {
  return typeof value === "string" ? JSON.stringify(value) : `[${value.map((text) => JSON.stringify(text)).join(", ")}]`;
}
