import type { V1Container, V1Pod, V1PodSpec, V1SecurityContext, V1Volume } from "@kubernetes/client-node";

/** A session's pod with the parts that a case changes, which are all there. */
export type SessionPod = V1Pod & {
  readonly metadata: NonNullable<V1Pod["metadata"]> & { labels: Record<string, string>; annotations: Record<string, string> };
  readonly spec: V1PodSpec & { readonly volumes: V1Volume[]; readonly securityContext: NonNullable<V1PodSpec["securityContext"]> };
};

/** A pod that the broker must not be able to create, and by whose words it is refused. */
export interface ForbiddenPod {
  readonly what: string;
  readonly change: (pod: SessionPod) => unknown;
  /** The rule of the admission policy that refuses it. */
  readonly policy?: string;
  /** What Pod Security *restricted* has against it, which is asked first. */
  readonly podSecurity?: string;
  /** Who refuses it before both. */
  readonly others?: RegExp;
}

const own = (pod: SessionPod): V1Container => {
  const [container] = pod.spec.containers;
  if (container === undefined) throw new Error("a session has a container");
  return container;
};
const spec = (more: object) => (pod: SessionPod) => Object.assign(pod.spec, more);
const podSecurity = (more: object) => (pod: SessionPod) => Object.assign(pod.spec.securityContext, more);
const metadata = (more: object) => (pod: SessionPod) => Object.assign(pod.metadata, more);
const container = (more: object) => (pod: SessionPod) => Object.assign(own(pod), more);
const security = (more: V1SecurityContext | Record<string, unknown>) => (pod: SessionPod) =>
  Object.assign(own(pod).securityContext ?? {}, more);
const volume = (source: object) => (pod: SessionPod) => pod.spec.volumes.push({ name: "more", ...source });
const mount = (more: object) => (pod: SessionPod) => own(pod).volumeMounts?.push({ name: "home", mountPath: "/data", ...more });
const variable = (valueFrom: object) => (pod: SessionPod) => own(pod).env?.push({ name: "X", valueFrom });
const beside = (pod: SessionPod): V1Container => ({
  ...structuredClone(own(pod)),
  name: "beside",
  ports: [],
  lifecycle: undefined as never,
});

const images = "only the deployment's images";
const volumes = "only the deployment's volumes";
const node = "nothing of the node's";
const uid = "a user's uid (at least";
const owner = "a session has an owner, whose uid and gid it has";
const labels = "a session belongs to this deployment and can be found";
const privileges = "no capability, no escalation, a read-only root file system";
const account = "only the sessions' service account, without a token";
const alone = "one container and nothing beside it";
const kubelet = "no work for the kubelet, which is on the node's network";
const undone = "nothing of the pod's own security undone";
const environment = "no environment from elsewhere";
const devices = "the cluster's own scheduler, and no device";
const places = "its volumes where a session has them";
const written = "nothing written on it but what a session has";
const nothingElse = "nothing that a session has not";

const http = { httpGet: { host: "169.254.169.254", port: 80, path: "/" } };
const hostProbe = "hostProbes|probe or lifecycle host";

/** All of them. */
export const forbiddenPods: readonly ForbiddenPod[] = [
  { what: "a foreign image", change: container({ image: "registry.example/miner:1" }), policy: images },
  { what: "its own image by tag", change: (pod) => container({ image: own(pod).image?.replace(/@.*/, ":latest") })(pod), policy: images },
  { what: "another program", change: container({ command: ["sh"] }), policy: "only the session's entry program" },
  { what: "other arguments", change: container({ args: ["-c", "id"] }), policy: "only the session's entry program" },
  { what: "a second container", change: (pod) => pod.spec.containers.push(beside(pod)), policy: alone },
  { what: "an init container", change: (pod) => spec({ initContainers: [beside(pod)] })(pod), policy: alone },
  {
    what: "an ephemeral container",
    change: (pod) => spec({ ephemeralContainers: [beside(pod)] })(pod),
    others: /ephemeralContainers: Forbidden|denied request: vdi: one container/,
  },

  { what: "a chosen node", change: spec({ nodeName: "somewhere" }), policy: "no choice of the node" },
  { what: "a node by its label", change: spec({ nodeSelector: { role: "control" } }), policy: "no choice of the node" },
  { what: "an affinity", change: spec({ affinity: { nodeAffinity: {} } }), policy: "no choice of the node" },
  {
    what: "a spread over nodes",
    change: spec({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "role", whenUnsatisfiable: "DoNotSchedule" }] }),
    policy: "no choice of the node",
  },
  {
    what: "a foreign toleration",
    change: spec({ tolerations: [{ operator: "Exists" }] }),
    policy: "only the tolerations that every pod gets",
  },
  {
    what: "a toleration of the control plane",
    change: spec({ tolerations: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }] }),
    policy: "only the tolerations that every pod gets",
  },
  { what: "another scheduler", change: spec({ schedulerName: "mine" }), policy: "the cluster's own scheduler, and no device" },
  {
    what: "a device",
    change: spec({ resourceClaims: [{ name: "gpu", resourceClaimName: "gpu" }] }),
    policy: "the cluster's own scheduler, and no device",
  },
  { what: "a device of the node", change: container({ resources: { limits: { "devices.example/kvm": "1" } } }), policy: devices },
  {
    what: "huge pages",
    change: container({ resources: { limits: { "hugepages-2Mi": "2Mi", memory: "1Gi" }, requests: { memory: "1Gi" } } }),
    policy: devices,
  },
  {
    what: "a gate before it is scheduled",
    change: spec({ schedulingGates: [{ name: "x.example/y" }] }),
    policy: "the cluster's own scheduler",
  },
  {
    what: "a priority class",
    change: spec({ priorityClassName: "system-node-critical" }),
    policy: "no priority of its own",
  },

  { what: "the node's network", change: spec({ hostNetwork: true }), policy: node, podSecurity: "host namespaces" },
  { what: "the node's processes", change: spec({ hostPID: true }), policy: node, podSecurity: "host namespaces" },
  { what: "the node's IPC", change: spec({ hostIPC: true }), policy: node, podSecurity: "host namespaces" },
  {
    what: "a port of the node",
    change: container({ ports: [{ containerPort: 14500, hostPort: 14500 }] }),
    policy: node,
    podSecurity: "hostPort",
  },
  { what: "names for addresses", change: spec({ hostAliases: [{ ip: "10.0.0.1", hostnames: ["api"] }] }), policy: node },
  { what: "a runtime class", change: spec({ runtimeClassName: "kata" }), others: /RuntimeClass "kata" not found/ },
  { what: "a liveness probe", change: container({ livenessProbe: { tcpSocket: { port: 14500 } } }), policy: kubelet },
  { what: "a readiness probe of another host", change: container({ readinessProbe: http }), policy: kubelet, podSecurity: hostProbe },
  { what: "a startup probe", change: container({ startupProbe: { tcpSocket: { port: 14500 } } }), policy: kubelet },
  { what: "a request after its start", change: container({ lifecycle: { postStart: http } }), policy: kubelet, podSecurity: hostProbe },
  { what: "a request before its end", change: container({ lifecycle: { preStop: { httpGet: { port: 80 } } } }), policy: kubelet },

  { what: "a Secret as volume", change: volume({ secret: { secretName: "xpra-proxy-users" } }), policy: volumes },
  { what: "a Secret in a projected volume", change: volume({ projected: { sources: [{ secret: { name: "x" } }] } }), policy: volumes },
  {
    what: "a token in a projected volume",
    change: volume({ projected: { sources: [{ serviceAccountToken: { path: "x" } }] } }),
    policy: volumes,
  },
  { what: "a foreign ConfigMap", change: volume({ configMap: { name: "kube-root-ca.crt" } }), policy: volumes },
  { what: "a foreign ConfigMap, projected", change: volume({ projected: { sources: [{ configMap: { name: "x" } }] } }), policy: volumes },
  { what: "a foreign claim", change: volume({ persistentVolumeClaim: { claimName: "x" } }), policy: volumes },
  {
    what: "a new claim of its own",
    change: volume({
      ephemeral: {
        volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
      },
    }),
    policy: volumes,
  },
  {
    what: "a directory of the node",
    change: volume({ hostPath: { path: "/" } }),
    policy: volumes,
    podSecurity: "hostPath|restricted volume types",
  },
  {
    what: "an NFS share",
    change: volume({ nfs: { server: "10.0.0.1", path: "/" } }),
    policy: volumes,
    podSecurity: "restricted volume types",
  },
  { what: "a CSI volume", change: volume({ csi: { driver: "secrets-store.csi.k8s.io" } }), policy: volumes },
  { what: "a text of its own as the system's users", change: usersOfIts("metadata.annotations['vdi.xpra.org/display']"), policy: volumes },
  {
    what: "a program that an annotation holds",
    change: (pod) => {
      volume({ downwardAPI: { items: [{ path: "x", fieldRef: { fieldPath: "metadata.annotations['x']" } }] } })(pod);
      return mount({ name: "more", mountPath: "/x/bin" })(pod);
    },
    policy: volumes,
  },
  { what: "its users elsewhere", change: mount({ name: "identity", mountPath: "/x/bin" }), policy: places },
  { what: "its scripts as programs", change: mount({ name: "dir-etc", mountPath: "/usr/local/bin" }), policy: places },
  ...["/usr", "/lib/x", "//usr", "/./usr", "usr", "/"].map(
    (mountPath): ForbiddenPod => ({ what: `a volume over ${mountPath}`, change: mount({ mountPath }), policy: places }),
  ),
  { what: "its shared memory elsewhere", change: mount({ name: "shm" }), policy: places },
  { what: "a part of a volume", change: mount({ subPath: "a" }), policy: places },
  { what: "a part of a volume by a variable", change: mount({ subPathExpr: "$(USER)" }), policy: places },
  { what: "mounts that come later", change: mount({ mountPropagation: "HostToContainer" }), policy: places },
  { what: "a Secret as variable", change: variable({ secretKeyRef: { name: "x", key: "y" } }), policy: environment },
  { what: "a ConfigMap as variable", change: variable({ configMapKeyRef: { name: "x", key: "y" } }), policy: environment },
  { what: "a Secret as environment", change: container({ envFrom: [{ secretRef: { name: "x" } }] }), policy: environment },
  {
    what: "a foreign pull secret",
    change: spec({ imagePullSecrets: [{ name: "x" }] }),
    policy: "only the deployment's pull secrets",
  },

  { what: "another service account", change: spec({ serviceAccountName: "default" }), policy: account },
  { what: "a mounted token", change: spec({ automountServiceAccountToken: true }), policy: account },

  { what: "root", change: podSecurity({ runAsUser: 0 }), policy: owner, podSecurity: "runAsUser=0" },
  { what: "another uid than its owner's", change: podSecurity({ runAsUser: 20098 }), policy: owner },
  { what: "another gid than its owner's", change: podSecurity({ runAsGroup: 20098 }), policy: owner },
  { what: "an owner whose uid it has not", change: (pod) => annotate(pod, "vdi.xpra.org/owner", "bob"), policy: owner },
  { what: "no owner", change: (pod) => annotate(pod, "vdi.xpra.org/owner"), policy: owner },
  { what: "no entry of passwd", change: (pod) => annotate(pod, "vdi.xpra.org/passwd"), policy: owner },
  { what: "no annotation at all", change: (pod) => Object.assign(pod.metadata, { annotations: undefined }), policy: owner },
  { what: "no label at all", change: (pod) => Object.assign(pod.metadata, { labels: undefined }), policy: labels },
  { what: "the label of something else", change: (pod) => label(pod, "app.kubernetes.io/name", "other"), policy: labels },
  { what: "the label of another deployment", change: (pod) => label(pod, "app.kubernetes.io/part-of", "other"), policy: labels },
  { what: "a label of somebody else's", change: (pod) => label(pod, "app", "xpra-proxy"), policy: written },
  { what: "a network by annotation", change: (pod) => annotate(pod, "k8s.v1.cni.cncf.io/networks", "host"), policy: written },
  { what: "a finalizer", change: metadata({ finalizers: ["x.example/keep"] }), policy: written },
  {
    what: "an owner in the cluster",
    change: metadata({ ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "x", uid: "x" }] }),
    policy: written,
  },
  { what: "a name that the API server makes", change: metadata({ name: undefined, generateName: "x-" }), policy: written },
  {
    what: "a system's uid, with an owner who has it",
    change: (pod) => {
      podSecurity({ runAsUser: 999 })(pod);
      return annotate(pod, "vdi.xpra.org/passwd", "root:x:0:0::/:\nalice:x:999:20099::/home/alice:/bin/bash\n");
    },
    policy: uid,
  },
  { what: "group 0", change: podSecurity({ supplementalGroups: [0] }), policy: uid },
  { what: "group 0 for its files", change: podSecurity({ fsGroup: 0 }), policy: uid },
  { what: "another uid for the container", change: security({ runAsUser: 20098 }), policy: undone },
  { what: "root for the container", change: security({ runAsUser: 0 }), policy: undone, podSecurity: "runAsUser=0" },
  { what: "an AppArmor profile", change: podSecurity({ appArmorProfile: { type: "RuntimeDefault" } }), policy: "not root, with" },
  { what: "an SELinux level", change: podSecurity({ seLinuxOptions: { level: "s0:c1,c2" } }), policy: "not root, with" },
  { what: "AppArmor for the container", change: security({ appArmorProfile: { type: "RuntimeDefault" } }), policy: undone },
  { what: "SELinux for the container", change: security({ seLinuxOptions: { level: "s0" } }), policy: undone },
  { what: "a bare /proc", change: security({ procMount: "Unmasked" }), others: /procMount|hostUsers/ },
  {
    what: "no seccomp profile",
    change: podSecurity({ seccompProfile: { type: "Unconfined" } }),
    policy: "not root, with",
    podSecurity: "seccompProfile",
  },
  {
    what: "a setting of the kernel",
    change: podSecurity({ sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }] }),
    policy: "not root, with",
  },

  {
    what: "privileged mode",
    change: security({ privileged: true, allowPrivilegeEscalation: true }),
    policy: privileges,
    podSecurity: "privileged",
  },
  { what: "escalation", change: security({ allowPrivilegeEscalation: true }), policy: privileges, podSecurity: "allowPrivilegeEscalation" },
  { what: "a writable root", change: security({ readOnlyRootFilesystem: false }), policy: privileges },
  { what: "a small capability", change: security({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } }), policy: privileges },
  {
    what: "a large capability",
    change: security({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }),
    policy: privileges,
    podSecurity: "capabilities",
  },
  { what: "the usual capabilities", change: security({ capabilities: {} }), policy: privileges, podSecurity: "capabilities" },

  ...Object.entries({
    activeDeadlineSeconds: 60,
    dnsConfig: { nameservers: ["192.0.2.1"] },
    dnsPolicy: "Default",
    hostname: "api",
    hostUsers: true,
    os: { name: "linux" },
    readinessGates: [{ conditionType: "x.example/y" }],
    restartPolicy: "Always",
    setHostnameAsFQDN: true,
    shareProcessNamespace: true,
    subdomain: "api",
  }).map(([field, value]): ForbiddenPod => ({ what: `${field} of the pod`, change: spec({ [field]: value }), policy: nothingElse })),
  ...Object.entries({
    stdin: true,
    terminationMessagePath: "/usr/lib/x",
    tty: true,
    workingDir: "/tmp",
  }).map(
    ([field, value]): ForbiddenPod => ({ what: `${field} of the container`, change: container({ [field]: value }), policy: nothingElse }),
  ),
];

function usersOfIts(fieldPath: string): ForbiddenPod["change"] {
  return ({ spec: { volumes } }) => {
    const identity = volumes.find(({ downwardAPI }) => downwardAPI !== undefined);
    Object.assign(identity?.downwardAPI?.items?.[0]?.fieldRef ?? {}, { fieldPath });
  };
}

function annotate(pod: SessionPod, key: string, value?: string): void {
  if (value === undefined) delete pod.metadata.annotations[key];
  else pod.metadata.annotations[key] = value;
}

function label(pod: SessionPod, key: string, value: string): void {
  pod.metadata.labels[key] = value;
}
