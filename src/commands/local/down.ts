import { gracePeriodSeconds } from "../../deployment/broker-configuration.ts";
import { localConfig } from "../../local/directory.ts";
import { lookOnEngine, takeDown } from "../../local/down.ts";
import { refuseOtherDirectory } from "../../local/owner.ts";
import type { Command } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { flagOf } from "../../util/options.ts";
import { type DataOf, object, texts } from "../../util/shape.ts";
import { confirmed } from "../confirmed.ts";
import { namespaceField } from "../shapes.ts";
import { localDirectoryOption } from "./options.ts";

const shape = object({
  namespace: namespaceField,
  containers: texts("containers that were ended and removed"),
  networks: texts("networks that were removed"),
  volumes: texts("volumes that were removed"),
  homesKept: texts("volumes with users' homes, which stay"),
});

/** What `vdi local down` did. */
export type LocalDown = DataOf<typeof shape>;

/** `vdi local down`: everything off the engine, except homes. */
export const localDown: Command<LocalDown> = {
  path: ["local", "down"],
  summary: "take the desktops off this machine; homes stay",
  description:
    "Ends all sessions and removes the containers, networks and volumes of the deployment. The users' homes, the images and the deployment directory stay; --homes removes the homes too.",
  options: [
    localDirectoryOption,
    { name: "homes", type: "boolean", description: "remove the users' homes too, with everything in them; asks first" },
    { name: "yes", type: "boolean", description: "do not ask" },
  ],
  examples: [
    { line: "vdi local down", does: "the next vdi local up finds every home again" },
    { line: "vdi local down --homes", does: "nothing is left but images and directory" },
  ],

  shape,

  async run(ctx, input) {
    const config = localConfig(ctx, input);
    const docker = await ctx.ports.connectEngine();
    await refuseOtherDirectory(docker, config);
    const homes = flagOf(input, "homes");
    if (homes && !flagOf(input, "yes")) {
      const there = await lookOnEngine(docker, config.namespace);
      const count = there.homes.length;
      const question = `Remove ${counted(count, "home")} of ${config.namespace} with everything in them?`;
      if (count > 0) await confirmed(ctx, question, "nothing was removed");
    }
    const gone = await takeDown(docker, config.namespace, {
      homes,
      graceSeconds: gracePeriodSeconds,
      status: (text) => ctx.progress.status(text),
    });
    return { namespace: config.namespace, ...gone };
  },

  human(data, style) {
    const count = data.containers.length + data.networks.length + data.volumes.length;
    const kept = data.homesKept.length;
    return [
      count === 0
        ? `${data.namespace}: nothing was up`
        : `${data.namespace}: removed ${counted(data.containers.length, "container")}, ${counted(data.networks.length, "network")}, ${counted(data.volumes.length, "volume")}`,
      ...(kept === 0 ? [] : [style.dim(`${counted(kept, "home stays", "homes stay")}: ${data.homesKept.join(", ")}`)]),
    ].join("\n");
  },
};
