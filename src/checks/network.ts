import { randomBytes } from "node:crypto";
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import { hasEnded } from "../kube/ready.ts";
import { kubePath } from "../kube/transport.ts";
import { startWatch } from "../kube/watch.ts";
import { deploymentLabels } from "../manifests/deployment-names.ts";
import { sessionLabels } from "../manifests/labels.ts";
import type { NetworkPolicy } from "../manifests/network-policies.ts";
import { imageOfType } from "../session/sessions-config.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { brokerConfigOf, deploymentOf, proxiesOf } from "./deployed-facts.ts";
import { type Endpoint, isReachable } from "./network-reach.ts";
import { namespaced, type World } from "./world.ts";

const brokerPort = 9090;
/** A connection inside a cluster takes milliseconds; what a policy drops never comes. */
const connectSeconds = 4;
const probeDeadlineMs = 60_000;

/** What has to hold of the network between proxies and sessions. */
export const networkChecks: readonly Check<World>[] = [
  {
    id: "network-reach",
    category: "deployment",
    description: "the policies keep sessions apart, and let the proxies in",
    looksAt:
      "All NetworkPolicies of both namespaces as they are now, evaluated as a network that enforces them would: the proxies reach a session on its port; a session reaches neither another session, a broker, the API server nor the metadata address; a foreign pod reaches no session and no broker. Policies add up, so one that somebody else made can open what ours keep shut.",
    hint: ["vdi deploy brings ours back", "kubectl get networkpolicies -n NAMESPACE: take away the one that opens too much"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const { namespace, ingressNamespace, port } = world.config();
      const [own, ingress, deployment, proxies, api] = await Promise.all([
        world.list<NetworkPolicy>(namespaced("networking.k8s.io/v1", namespace, "networkpolicies")),
        world.list<NetworkPolicy>(namespaced("networking.k8s.io/v1", ingressNamespace, "networkpolicies")),
        deploymentOf(world),
        proxiesOf(world),
        world.get<V1Service>(`${namespaced("core", "default", "services")}/kubernetes`),
      ]);
      const ip = proxies.map(({ status }) => status?.podIP).find((each) => each !== undefined);
      if (ip === undefined) return skipped("no proxy has an address yet");
      const pod = (place: string, labels: Readonly<Record<string, string>>): Endpoint => ({
        ip,
        pod: { namespace: place, labels, namespaceLabels: { "kubernetes.io/metadata.name": place } },
      });
      const session = pod(namespace, sessionLabels(namespace, "desktop"));
      const proxy = pod(ingressNamespace, deployment?.spec?.template.metadata?.labels ?? {});
      const stranger = pod("default", {});
      const reaches = (from: Endpoint, to: Endpoint, target: number): boolean =>
        isReachable([...own, ...ingress], from, to, { port: target });
      const apiAddress = api?.spec?.clusterIP;
      const forbidden: readonly (readonly [string, boolean])[] = [
        ["a session reaches another session", reaches(session, session, port)],
        ["a session reaches a broker", reaches(session, proxy, brokerPort)],
        ["a session reaches the metadata address", reaches(session, { ip: "169.254.169.254" }, 80)],
        ...(apiAddress === undefined ? [] : [["a session reaches the API server", reaches(session, { ip: apiAddress }, 443)] as const]),
        ["a pod of another namespace reaches a session", reaches(stranger, session, port)],
        ["a pod of another namespace reaches a broker", reaches(stranger, proxy, brokerPort)],
      ];
      return unless([
        ...(reaches(proxy, session, port) ? [] : [`the proxies do not reach a session on port ${port}: nobody gets a desktop`]),
        ...forbidden.filter(([, open]) => open).map(([text]) => text),
      ]);
    },
  },
  {
    id: "network-enforced",
    category: "deployment",
    description: "the network enforces the policies",
    looksAt:
      "Whether the cluster's network plugin enforces NetworkPolicies cannot be read from the API. With `--probe-network` it is tried: a pod in the sessions' namespace, from the sessions' image and with no right, tries for some seconds to reach a broker's port, which the policies forbid; then it is removed. It is the only thing that `vdi check` ever makes.",
    hint: ["use a network plugin that enforces NetworkPolicies (Calico, Cilium, kube-router and others)"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["network-reach", "rollout"],
    deadlineMs: probeDeadlineMs,
    async run(world, { signal, saw }) {
      if (!world.probeNetwork) return skipped("not known: the API does not say; --probe-network tries it");
      const proxy = (await proxiesOf(world)).find(({ status }) => status?.podIP !== undefined);
      const ip = proxy?.status?.podIP;
      if (ip === undefined) return skipped("no proxy has an address");
      const ended = await runProbe(world, ip, signal, saw);
      const { exitCode, reason } = ended.status?.containerStatuses?.[0]?.state?.terminated ?? {};
      if (exitCode === 0)
        return warning("it does not: a pod in the sessions' namespace reached a broker's port. Sessions reach each other, too");
      if (exitCode === 124) return ok("tried");
      return failed(
        `it could not be tried: the pod ended with ${exitCode ?? ended.status?.reason ?? "no code"}${reason === undefined ? "" : ` (${reason})`}`,
      );
    },
  },
];

/** Runs a pod that tries to connect, and gives it as it ended; it is removed in any case. */
async function runProbe(world: World, ip: string, signal: AbortSignal, saw: (what: string) => void): Promise<V1Pod> {
  const config = world.config();
  const [transport, broker] = await Promise.all([world.cluster(), brokerConfigOf(world)]);
  const name = `vdi-check-network-${randomBytes(4).toString("hex")}`;
  const pods = namespaced("core", config.namespace, "pods");
  const { serviceAccountName, nodeSelector, imagePullSecrets } = broker.kubernetes;
  const uid = Math.max(20_000, broker.minUid);
  const pod: V1Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: config.namespace, labels: { ...deploymentLabels(config), "app.kubernetes.io/component": "check" } },
    spec: {
      restartPolicy: "Never",
      activeDeadlineSeconds: 120,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName,
      ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
      ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((each) => ({ name: each })) }),
      securityContext: { runAsNonRoot: true, runAsUser: uid, runAsGroup: uid, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "probe",
          image: imageOfType(broker.images, "desktop") ?? "",
          command: ["timeout", String(connectSeconds), "bash", "-c", `exec 3<>/dev/tcp/${ip}/${brokerPort}`],
          resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true },
        },
      ],
    },
  };
  const stop = new AbortController();
  try {
    saw(`making the pod ${name}`);
    await transport.request({ method: "POST", path: pods, body: pod, signal });
    return await new Promise<V1Pod>((resolve, reject) => {
      const look = (each: V1Pod | undefined): void => {
        const phase = each?.status?.phase ?? "";
        saw(`the pod ${name} is ${phase === "" ? "not there" : phase}`);
        if (each !== undefined && hasEnded(each)) resolve(each);
      };
      const watch = startWatch<V1Pod>({
        transport,
        path: pods,
        query: { fieldSelector: `metadata.name=${name}` },
        signal: AbortSignal.any([signal, stop.signal]),
        onList: ([each]) => look(each),
        onEvent: ({ object }) => look(object),
      });
      watch.done.then(() => reject(new DOMException("The probe was ended", "AbortError")), reject);
    });
  } finally {
    stop.abort();
    // Also when the user has had enough: nothing is left behind.
    await transport
      .request({
        method: "DELETE",
        path: `${pods}${kubePath(name)}`,
        body: { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 },
      })
      .catch(() => undefined);
  }
}
