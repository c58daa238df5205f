import type { V1Pod } from "@kubernetes/client-node";
import { sessionPod } from "../manifests/session-pod.ts";
import { imageOfType } from "../session/sessions-config.ts";
import { brokerConfigOf } from "./deployed-facts.ts";
import { namespaced, type World } from "./world.ts";

/** How a session's pod is offered to the API server. */
export interface ProbeOptions {
  /** In whose name; undefined: the admin's own. */
  readonly as?: string;
  /** Instead of the session type's own image. */
  readonly image?: string;
}

const probeUser = "vdi-check";
const leastProbeUid = 20_000;

/** The pod that the brokers would make for a user, without ever being made. */
export async function probePod(world: World, image?: string): Promise<V1Pod> {
  const broker = await brokerConfigOf(world);
  const entry = broker.sessionTypes.find(({ scope, type }) => scope === "default" && type === "desktop") ?? broker.sessionTypes[0];
  const type = entry?.type ?? "desktop";
  const uid = Math.max(leastProbeUid, broker.minUid);
  return sessionPod(broker, {
    name: `${probeUser}-session`,
    user: { name: probeUser, uid, gid: uid, home: `/home/${probeUser}`, shell: "/bin/bash", gecos: "", groups: [] },
    type,
    display: type,
    script: entry?.script ?? "default/xpra_startup_desktop.sh",
    image: image ?? imageOfType(broker.images, type) ?? "",
    secret: "none",
  });
}

/** Offers a session's pod as a dry run: everything that could refuse it looks at it, nothing is kept. Throws a `KubeError` when it is refused. */
export async function dryRunSession(world: World, options: ProbeOptions = {}): Promise<void> {
  const pod = await probePod(world, options.image);
  await (await world.cluster()).request({
    method: "POST",
    path: namespaced("core", world.config().namespace, "pods"),
    query: { dryRun: "All" },
    body: pod,
    ...(options.as === undefined ? {} : { impersonate: options.as }),
  });
}
