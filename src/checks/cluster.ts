import type { V1Node } from "@kubernetes/client-node";
import { isReady } from "../kube/ready.ts";
import { KubeError } from "../kube/transport.ts";
import { counted } from "../util/counted.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { whyNoSessions } from "./nodes.ts";
import { clusterWide, isForbidden, namespaced, readable, type World } from "./world.ts";

/** Kubernetes 1.30 has ValidatingAdmissionPolicy. */
const leastMinor = 30;
/** One-time codes of most sites live for half a minute. */
const mostSkewMs = 20_000;

/** What has to hold of the cluster, whatever is on it. */
export const clusterChecks: readonly Check<World>[] = [
  {
    id: "kubeconfig",
    category: "cluster",
    description: "a cluster is chosen",
    looksAt: "`--kubeconfig`, else `$KUBECONFIG`, else `~/.kube/config`, and the context that `--context` names or the current one.",
    hint: ["--kubeconfig FILE, --context NAME", "export KUBECONFIG=FILE"],
    severity: "fatal",
    needs: [],
    async run(world) {
      return ok((await world.cluster()).server);
    },
  },
  {
    id: "cluster-answers",
    category: "cluster",
    description: "the cluster answers, and knows you",
    looksAt: "`GET /version` with the credentials of the kubeconfig.",
    hint: ["kubectl cluster-info, with the same kubeconfig and context", "sign in to the cluster again"],
    severity: "fatal",
    needs: ["kubeconfig"],
    async run(world) {
      // The version is public on most clusters; what lies in `default` is not.
      const [version] = await Promise.all([
        world.get<{ gitVersion?: string }>("/version"),
        readable(world.get(namespaced("core", "default", "services"))),
      ]);
      return ok(`Kubernetes ${version?.gitVersion ?? "of an unknown version"}`);
    },
  },
  {
    id: "cluster-version",
    category: "cluster",
    description: "Kubernetes is new enough",
    looksAt:
      "The version: 1.30 or newer, which has ValidatingAdmissionPolicy. Without it what the broker may create is limited by its role and Pod Security only.",
    hint: ["update the cluster to Kubernetes 1.30 or newer"],
    severity: "fatal",
    needs: ["cluster-answers"],
    async run(world) {
      const version = await world.get<{ major?: string; minor?: string; gitVersion?: string }>("/version");
      const [major, minor] = [version?.major, version?.minor].map((text) => Number.parseInt(text ?? "", 10));
      if (major === undefined || minor === undefined || Number.isNaN(major) || Number.isNaN(minor))
        return warning("the cluster does not say its version");
      if (major > 1 || minor >= leastMinor) return ok(`${major}.${minor}`);
      return failed(`it is ${major}.${minor}; ${1}.${leastMinor} is the oldest with ValidatingAdmissionPolicy`);
    },
  },
  {
    id: "admission-policies",
    category: "cluster",
    description: "the cluster has ValidatingAdmissionPolicy",
    looksAt: "Whether `admissionregistration.k8s.io/v1` has `validatingadmissionpolicies`: a cluster can have them switched off.",
    hint: ["switch the API on (--runtime-config of the API server)"],
    severity: "fatal",
    needs: ["cluster-version"],
    async run(world) {
      const api = await world.get<{ resources?: readonly { name: string }[] }>(clusterWide("admissionregistration.k8s.io/v1"));
      const has = api?.resources?.some(({ name }) => name === "validatingadmissionpolicies") === true;
      return has ? ok() : failed("it does not: the broker, once taken over, could mount any Secret of the sessions' namespace into a pod");
    },
  },
  {
    id: "pod-security",
    category: "cluster",
    description: "Pod Security admission is on",
    looksAt:
      "Whether the API server minds the namespaces' Pod Security labels: a namespace with a level that does not exist is offered as a dry run, which keeps nothing; it has to be refused.",
    hint: ["switch the admission plugin PodSecurity on (it is on by default)"],
    severity: "fatal",
    needs: ["cluster-answers"],
    async run(world) {
      const name = "vdi-check-pod-security";
      const labels = { "pod-security.kubernetes.io/enforce": "no-such-level" };
      try {
        await (await world.cluster()).request({
          method: "POST",
          path: clusterWide("core", "namespaces"),
          query: { dryRun: "All" },
          body: { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } },
        });
        return failed("the API server takes a level that does not exist: nothing enforces Pod Security");
      } catch (thrown) {
        if (thrown instanceof KubeError && /pod-security/.test(JSON.stringify([thrown.message, thrown.causes]))) return ok();
        if (isForbidden(thrown)) return skipped("you may not create namespaces");
        throw thrown;
      }
    },
  },
  {
    id: "clock",
    category: "cluster",
    description: "this machine and the cluster agree on the time",
    looksAt:
      "The time in the API server's answer against this machine's clock: at most 20 s apart. Certificates that are made here are good from their time on, and one-time codes live for half a minute.",
    hint: ["set the clocks by NTP (timedatectl)"],
    severity: "warning",
    needs: ["cluster-answers"],
    async run(world) {
      const { dateMs } = await (await world.cluster()).request({ path: "/version" });
      if (dateMs === undefined) return skipped("the API server does not tell its time");
      // Its time is cut to the second.
      const skewMs = Math.abs(world.ctx.now() - dateMs - 500);
      if (skewMs > mostSkewMs) return warning(`they are ${Math.round(skewMs / 1000)} s apart`);
      return ok(skewMs < 2_000 ? undefined : `${Math.round(skewMs / 1000)} s apart`);
    },
  },
  {
    id: "workers",
    category: "cluster",
    description: "the nodes of XPRA_WORKERS are there and take sessions",
    looksAt:
      "Each node that `XPRA_WORKERS` names, or all nodes: there, Ready, not cordoned, without a taint that keeps sessions away. A named node that is not there is a failure, one that takes no sessions a warning; none that takes them, a failure. Where any node will do, nodes with a taint are not told.",
    hint: ["kubectl get nodes", "change XPRA_WORKERS in deploy/vdi.env, then vdi deploy"],
    severity: "fatal",
    needs: ["configuration", "cluster-answers"],
    async run(world) {
      const { workers } = world.config();
      const nodes = await readable(world.list<V1Node>(clusterWide("core", "nodes")));
      if (nodes === undefined) {
        return workers === undefined
          ? skipped("you may not read the nodes")
          : failed("you may not read the nodes, and so not label the workers");
      }
      const names = nodes.map(({ metadata }) => metadata?.name ?? "");
      const missing = (workers ?? []).filter((name) => !names.includes(name));
      if (missing.length > 0)
        return failed([`the cluster has no node ${missing.join(", ")}`, `its nodes are ${names.slice(0, 20).join(", ")}`]);
      const chosen = workers === undefined ? nodes : nodes.filter(({ metadata }) => workers.includes(metadata?.name ?? ""));
      const unfit = chosen.flatMap((node) => {
        const why = whyNoSessions(node);
        return why === undefined ? [] : [`${node.metadata?.name ?? ""} ${why}`];
      });
      const fit = chosen.length - unfit.length;
      if (fit === 0) return failed(chosen.length === 0 ? "the cluster has no node" : unfit);
      // Where any node will do, those that are kept for something else are nothing to tell.
      const asked = workers === undefined ? unfit.filter((text) => !text.includes(" taint ")) : unfit;
      return asked.length > 0 ? warning(asked) : ok(counted(fit, "node"));
    },
  },
  {
    id: "container-runtime",
    category: "cluster",
    description: "the nodes can run the images",
    looksAt:
      "Operating system, architecture and container runtime that each node names: Linux, containerd 1.6 or CRI-O 1.24 or newer, and one architecture, since an image is built for one. Which control group version a node has cannot be read from the API.",
    hint: ["name nodes of one kind in XPRA_WORKERS", "update the nodes' container runtime"],
    severity: "warning",
    needs: ["configuration", "cluster-answers"],
    async run(world) {
      const { workers } = world.config();
      const nodes = await readable(world.list<V1Node>(clusterWide("core", "nodes")));
      if (nodes === undefined) return skipped("you may not read the nodes");
      const chosen = nodes.filter((node) => isReady(node) && (workers === undefined || workers.includes(node.metadata?.name ?? "")));
      const facts = chosen.map(({ metadata, status }) => ({ name: metadata?.name ?? "", info: status?.nodeInfo }));
      const kinds = [...new Set(facts.map(({ info }) => info?.architecture ?? "unknown"))];
      return unless(
        [
          ...(kinds.length > 1 ? [`the nodes have the architectures ${kinds.join(" and ")}: sessions run on one of them only`] : []),
          ...facts.filter(({ info }) => (info?.operatingSystem ?? "linux") !== "linux").map(({ name }) => `${name} is no Linux machine`),
          ...facts
            .filter(({ info }) => isOldRuntime(info?.containerRuntimeVersion ?? ""))
            .map(({ name, info }) => `${name} has ${info?.containerRuntimeVersion ?? ""}, which nobody has tried`),
        ],
        [
          ...new Set(facts.map(({ info }) => `${(info?.containerRuntimeVersion ?? "").replace("://", " ")}, ${info?.architecture ?? ""}`)),
        ].join("; "),
      );
    },
  },
];

/** True for a runtime that is older than what sessions were tried on. Pure. */
export function isOldRuntime(text: string): boolean {
  const [, name = "", major = "0", minor = "0"] = /^(\w[\w-]*):\/\/(\d+)\.(\d+)/.exec(text) ?? [];
  const least: Readonly<Record<string, readonly [number, number]>> = { containerd: [1, 6], "cri-o": [1, 24] };
  const wanted = least[name];
  if (wanted === undefined) return false;
  return Number(major) < wanted[0] || (Number(major) === wanted[0] && Number(minor) < wanted[1]);
}
