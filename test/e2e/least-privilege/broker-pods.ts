import { type KubernetesBrokerConfig, parseBrokerConfig } from "../../../src/broker-config/broker-config.ts";
import { sessionPod } from "../../../src/manifests/session-pod.ts";
import { sessionName } from "../../../src/session/session-name.ts";
import type { SessionUser } from "../../../src/session/user.ts";
import type { Kubectl } from "../support/kubectl.ts";
import type { SessionPod } from "./forbidden-pods.ts";

/** A user whom only the tests know. */
export const alice: SessionUser = {
  name: "alice",
  uid: 20099,
  gid: 20099,
  home: "/home/alice",
  shell: "/bin/bash",
  gecos: "",
  groups: [],
};

/** What the brokers of a deployment work by. */
export async function liveSettings(kubectl: Kubectl, namespace: string): Promise<KubernetesBrokerConfig> {
  const object = ["-n", `ingress-${namespace}`, "get", "configmap", "xpra-proxy-broker"];
  const config = parseBrokerConfig(await kubectl.run(...object, "-o", "jsonpath={.data.broker\\.json}"), "broker.json");
  if (config.kubernetes === undefined) throw new Error("the brokers are not those of a cluster");
  return config;
}

/** The pod that such a broker makes; without more alice's desktop. */
export function podOf(
  settings: KubernetesBrokerConfig,
  namespace: string,
  more: { readonly user?: SessionUser; readonly type?: string; readonly image?: string; readonly display?: string } = {},
): SessionPod {
  const { user = alice, type = "desktop", image = settings.images["default"] ?? "", display = type } = more;
  return sessionPod(
    { ...settings, namespace },
    { name: sessionName(user.name, display), user, type, display, script: `default/xpra_startup_${type}.sh`, image, secret: "abc" },
  ) as SessionPod;
}
