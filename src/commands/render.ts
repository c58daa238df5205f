import { pinImages } from "../deployment/pinned-images.ts";
import { planDeployment } from "../deployment/plan.ts";
import { renderedCopy, withoutSecrets } from "../deployment/rendered-copy.ts";
import type { KubeObject } from "../manifests/kube-object.ts";
import type { Command } from "../util/command.ts";
import { directoryOption, namespaceOption } from "../util/options.ts";
import { any, list } from "../util/shape.ts";
import { configurationOf, preparedDirectory } from "./prepared.ts";

/** `vdi render`: the objects that `vdi deploy` would apply. */
export const render: Command<readonly KubeObject[]> = {
  path: ["render"],
  summary: "print what would be applied, without its secrets",
  description:
    "Asks no cluster and writes nothing. What depends on the cluster (networks that sessions are kept from) is filled in by deploy, which keeps its own copy in yaml/.",
  options: [namespaceOption, directoryOption],
  examples: [
    { line: "vdi render", does: "all objects as YAML" },
    { line: "vdi render -o json | jq '.[] | select(.kind==\"Deployment\")'", does: "one of them, for a script" },
  ],

  shape: list(any("an object of Kubernetes"), "the objects, in the order in which they are applied; the values of Secrets are left out"),

  async run(ctx, input) {
    const { config } = configurationOf(ctx, input);
    const prepared = await preparedDirectory(ctx, config, false);
    const pinned = await pinImages(config, { env: ctx.env, signal: ctx.signal });
    const plan = planDeployment({
      ...prepared.parts,
      pinnedImages: pinned.images,
      cluster: { hasAdmissionPolicies: true, insideRanges: [] },
    });
    for (const note of [...pinned.warnings, ...plan.warnings]) ctx.progress.line(`warning: ${note}`);
    return plan.objects.map(withoutSecrets);
  },

  human: (objects) => renderedCopy(objects).trimEnd(),
};
