import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { anyNode, doorAddresses } from "../deployment/door-addresses.ts";
import { imageSkew, shortImage, toldSkew } from "../deployment/image-skew.ts";
import { deadDoors, deadDoorText, nodeAddresses } from "../deployment/node-doors.ts";
import { kubePath } from "../kube/transport.ts";
import { secretNames } from "../manifests/secrets.ts";
import { readTextIfThere } from "../util/atomic-file.ts";
import { counted } from "../util/counted.ts";
import { messageOf } from "../util/vdi-error.ts";
import { type Check, failed, ok, skipped, unless, warning } from "./check.ts";
import { brokerConfigOf, proxiesOf, secretTexts, serviceOf } from "./deployed-facts.ts";
import { lookAtDoor } from "./look-at-door.ts";
import { imagesOf, pinnedOf } from "./prepared.ts";
import { clusterWide, readable, type World } from "./world.ts";

const askMs = 5_000;
const proxyPort = 8443;
const brokerPort = 9090;
const warnDays = 30;
const dayMs = 86_400_000;

/** What has to hold of the proxies and their brokers as users meet them. */
export const doorChecks: readonly Check<World>[] = [
  {
    id: "certificate-deployed",
    category: "doors",
    description: "the certificate on the cluster is good, and the directory's",
    looksAt: "The Secret with the certificate: not expired, not ending within a month, and the one of `ssl/server.crt`.",
    hint: ["vdi deploy brings the directory's certificate to the proxies, and renews one that it made"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed"],
    async run(world) {
      const certificate = await certificateOnCluster(world);
      if (certificate === undefined) return failed("the Secret with the certificate is not there, holds none, or you may not read it");
      const days = Math.floor((Date.parse(certificate.validTo) - world.ctx.now()) / dayMs);
      if (days < 0) return failed(`it has expired, ${counted(-days, "day")} ago`);
      const file = await readTextIfThere(join(world.config().directory, "ssl", "server.crt"));
      if (file !== undefined && !sameCertificate(file, certificate)) return failed("ssl/server.crt is another one than the proxies have");
      return days < warnDays ? warning(`it ends in ${counted(days, "day")}`) : ok(`${counted(days, "day")} left`);
    },
  },
  {
    id: "doors-answer",
    category: "doors",
    description: "the proxies answer on their addresses",
    looksAt:
      "For each address of the proxies' Service: a connection to port 443 from here, a TLS handshake, whether the certificate is the deployed one, and whether `/healthz` answers with 200.",
    hint: [
      "does the network bring the address to a node that runs a proxy? (XPRA_TRAFFIC_POLICY=Local: only those answer)",
      "kubectl -n ingress-NAMESPACE get service,pods -o wide",
    ],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["deployed", "rollout"],
    async run(world, { signal, saw }) {
      const addresses = doorAddresses(await serviceOf(world));
      const askable = addresses.filter((address) => !address.startsWith(anyNode));
      if (addresses.length === 0)
        return failed("the Service has no address: nobody reaches the proxies", ["set EXTERNALIPS or XPRA_SERVICE_TYPE, then vdi deploy"]);
      if (askable.length === 0) return skipped("the Service answers on a port of every node");
      const certificate = await certificateOnCluster(world);
      const found = await Promise.all(
        askable.map(async (address): Promise<readonly string[]> => {
          saw(`https://${address}/healthz`);
          try {
            const door = await lookAtDoor(address, { signal, timeoutMs: askMs });
            return [
              ...(door.status === 200 ? [] : [`${address} answers with status ${door.status} for /healthz`]),
              ...(certificate === undefined || door.fingerprint === certificate.fingerprint256
                ? []
                : [`${address} shows another certificate than the deployed one: ${door.subject}`]),
            ];
          } catch (thrown) {
            signal.throwIfAborted();
            return [`${address} does not answer on port 443: ${messageOf(thrown)}`];
          }
        }),
      );
      const problems = found.flat();
      return unless([...problems, ...(problems.length === 0 ? [] : await shutDoors(world))], askable.join(", "));
    },
  },
  {
    id: "each-proxy-answers",
    category: "doors",
    description: "each proxy answers",
    looksAt:
      "`/healthz` of each proxy's pod, asked through the API server, so that one of several that is ill does not hide behind the others.",
    hint: [
      "kubectl -n ingress-NAMESPACE logs POD -c proxy",
      "kubectl -n ingress-NAMESPACE delete pod POD makes a new one; its users are cut off",
    ],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["rollout"],
    async run(world, probe) {
      return askPods(world, probe, (name) => `https:${name}:${proxyPort}`, "healthz", "proxy");
    },
  },
  {
    id: "brokers-healthy",
    category: "doors",
    description: "each broker knows the cluster's sessions",
    looksAt:
      "`/readyz` of each broker, asked through the API server; where a network policy keeps the API server out, what the kubelet says of the container.",
    hint: ["kubectl -n ingress-NAMESPACE logs POD -c broker"],
    severity: "fatal",
    onlyDeployed: true,
    needs: ["rollout"],
    async run(world, probe) {
      return askPods(world, probe, (name) => `${name}:${brokerPort}`, "readyz", "broker");
    },
  },
  {
    id: "image-skew",
    category: "doors",
    description: "the proxies and new sessions run the newest images",
    looksAt:
      "The digests of the proxies' and the sessions' images on the cluster against those that the registry has now for the configured images.",
    hint: ["vdi deploy brings the newest images; the proxies are replaced one by one"],
    severity: "warning",
    onlyDeployed: true,
    needs: ["deployed", "images"],
    async run(world) {
      const [images, pinned, broker, pods] = await Promise.all([imagesOf(world), pinnedOf(world), brokerConfigOf(world), proxiesOf(world)]);
      const unknown = images.filter(({ digest }) => digest.digest === undefined).map(({ reference }) => reference);
      const config = world.config();
      const skews = [...new Set(pods.map(({ spec }) => spec?.containers[0]?.image ?? ""))].flatMap((proxy) =>
        imageSkew(config, pinned, { proxy, sessions: undefined }),
      );
      const all = [...skews, ...imageSkew(config, pinned, { proxy: undefined, sessions: broker.images })];
      const problems = toldSkew(all).map(
        ({ of, deployed, newest }) =>
          `${of === "proxies" ? "proxies run" : `new sessions (${of}) get`} ${shortImage(deployed) || "none"}; the newest is ${shortImage(newest) || "none"}`,
      );
      if (problems.length > 0) return warning(problems);
      return unknown.length === 0 ? ok() : ok(`as far as the registry can be asked: not ${unknown.join(", ")}`);
    },
  },
];

/** The addresses at which nobody can get in, as far as the nodes may be read: why some address may not answer. */
async function shutDoors(world: World): Promise<readonly string[]> {
  const [nodes, proxies] = await Promise.all([readable(world.list<V1Node>(clusterWide("core", "nodes"))), proxiesOf(world)]);
  return deadDoors(world.config(), nodeAddresses(nodes ?? []), proxies).map(deadDoorText);
}

/** The certificate that the proxies were given; undefined: there is none, or it may not be read. */
export async function certificateOnCluster(world: World): Promise<X509Certificate | undefined> {
  const texts = await secretTexts(world, secretNames(world.config()).certificate);
  try {
    return new X509Certificate(texts?.["server.crt"] ?? "");
  } catch {
    return undefined;
  }
}

function sameCertificate(pem: string, certificate: X509Certificate): boolean {
  try {
    return new X509Certificate(pem).fingerprint256 === certificate.fingerprint256;
  } catch {
    return false;
  }
}

async function askPods(
  world: World,
  probe: { readonly signal: AbortSignal; saw(what: string): void },
  target: (pod: string) => string,
  page: string,
  container: "proxy" | "broker",
): Promise<ReturnType<typeof ok>> {
  const pods = (await proxiesOf(world)).filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const transport = await world.cluster();
  const { ingressNamespace } = world.config();
  let byKubelet = 0;
  const found = await Promise.all(
    pods.map(async (pod): Promise<readonly string[]> => {
      const name = pod.metadata?.name ?? "";
      probe.saw(`${page} of ${name}`);
      try {
        const path = `${clusterWide("core", "namespaces", ingressNamespace, "pods")}${kubePath(target(name), "proxy", page)}`;
        await transport.request({ path, accept: "*/*", signal: probe.signal, timeoutMs: askMs });
        return [];
      } catch (thrown) {
        probe.signal.throwIfAborted();
        if (isContainerReady(pod, container)) {
          byKubelet += 1;
          return [];
        }
        return [`${name}: ${messageOf(thrown)}`];
      }
    }),
  );
  const asked = `${pods.length - byKubelet} of ${pods.length}`;
  return unless(found.flat(), byKubelet === 0 ? asked : `${asked} asked; of the others the kubelet says so`);
}

function isContainerReady({ status }: V1Pod, container: string): boolean {
  return status?.containerStatuses?.some(({ name, ready }) => name === container && ready) === true;
}
