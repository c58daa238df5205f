import type { V1Pod } from "@kubernetes/client-node";
import type { Demo } from "../../start/demo.ts";
import type { Kubectl } from "./kubectl.ts";

/** The pods of the proxies that are not on their way out, which takes them some seconds. */
export async function livingProxies(kubectl: Kubectl, demo: Demo): Promise<readonly V1Pod[]> {
  const pods = await kubectl.pods(`ingress-${demo.namespace}`, "app=xpra-proxy");
  return pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}
