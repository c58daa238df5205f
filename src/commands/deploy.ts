import { deploy as deployDirectory } from "../deployment/deploy.ts";
import { anyNode } from "../deployment/door-addresses.ts";
import { readEarlierDeployment } from "../deployment/earlier-deployment.ts";
import { checkImagesThere, pinImages } from "../deployment/pinned-images.ts";
import { planDeployment } from "../deployment/plan.ts";
import { refOf } from "../manifests/kube-object.ts";
import type { Command, Style } from "../util/command.ts";
import { clusterOptions, directoryOption, flagOf, namespaceOption, numberOf, textOf, timeoutOption } from "../util/options.ts";
import { choice, type DataOf, flag, object, texts } from "../util/shape.ts";
import { configurationOf, preparedDirectory } from "./prepared.ts";
import { directoryField, namespaceField, outcomesField, refsField } from "./shapes.ts";

/** A timer of more than these 24 days would be over at once. */
const longestTimeoutMs = 2 ** 31 - 1;

const shape = object({
  namespace: namespaceField,
  directory: directoryField,
  dryRun: choice(["none", "client", "server"], "`none`: it was done"),
  unchanged: flag("true when objects, files and nodes were as they should be already"),
  objects: outcomesField("every object of the deployment"),
  removed: refsField("what an earlier version made and this one does not"),
  files: texts("files of the deployment directory that were written"),
  workers: object({
    add: texts("nodes that run sessions from now on"),
    remove: texts("nodes that run no more sessions"),
  }),
  addresses: texts("where users go"),
  warnings: texts("a sentence each"),
});

/** What `vdi deploy` gives. */
export type Deployed = DataOf<typeof shape>;

/** `vdi deploy`: everything of a deployment onto the cluster. */
export const deploy: Command<Deployed> = {
  path: ["deploy"],
  summary: "create or update everything on the cluster",
  description:
    "Makes the pair of namespaces and everything in them from the deployment directory, waits until the proxies answer, and removes what an earlier version made. A second run changes nothing.",
  options: [
    namespaceOption,
    directoryOption,
    ...clusterOptions,
    timeoutOption,
    {
      name: "dryRun",
      type: "string",
      value: "HOW",
      description: "change nothing: client only plans, server has the cluster check every object",
      choices: ["client", "server"],
      whenBare: "client",
    },
    { name: "buildImages", type: "boolean", description: "build the images and push them first" },
  ],
  examples: [
    { line: "vdi deploy", does: "the deployment of this directory" },
    { line: "vdi deploy --dry-run=server", does: "what would change, checked by the cluster" },
    { line: "vdi deploy --build-images --context production", does: "images first, then the cluster of that context" },
  ],

  shape,

  async run(ctx, input) {
    const { config, cluster } = configurationOf(ctx, input);
    const dryRun = textOf(input, "dryRun") as "client" | "server" | undefined;
    const transport = dryRun === "client" ? undefined : await ctx.ports.connectKube(cluster);
    try {
      // Before anything is built or made: what it finds may be lost otherwise.
      const earlier = transport === undefined ? {} : await readEarlierDeployment(transport, config, ctx.version, ctx.signal);
      if (flagOf(input, "buildImages") && dryRun === undefined) {
        const { buildImages } = await import("./build-images.ts");
        await buildImages.run(ctx, { ...input, push: true });
      }
      const [prepared, pinned] = await Promise.all([
        preparedDirectory(ctx, config, dryRun === undefined, earlier.ticketKey),
        pinImages(config, { env: ctx.env, signal: ctx.signal }),
      ]);
      for (const note of prepared.notes) ctx.progress.line(note);
      // Said at once: they may be the reason why the rest does not succeed.
      for (const warning of pinned.warnings) ctx.progress.line(`warning: ${warning}`);
      if (dryRun === undefined) checkImagesThere(pinned);
      const base = { namespace: config.namespace, directory: config.directory };
      if (transport === undefined) {
        const plan = planDeployment({
          ...prepared.parts,
          pinnedImages: pinned.images,
          cluster: { hasAdmissionPolicies: true, insideRanges: [] },
        });
        return {
          ...base,
          dryRun: "client",
          unchanged: false,
          objects: plan.objects.map((object) => ({ ...refOf(object), outcome: "planned" })),
          removed: [],
          files: [],
          workers: { add: [], remove: [] },
          addresses: config.externalIps,
          warnings: [...pinned.warnings, ...plan.warnings],
        };
      }
      const result = await deployDirectory(prepared, {
        transport,
        dryRun: dryRun === "server",
        now: ctx.now(),
        timeoutMs: Math.min((numberOf(input, "timeout") ?? 300) * 1000, longestTimeoutMs),
        signal: ctx.signal,
        pinnedImages: pinned.images,
        unknownImages: pinned.unknown,
        line: (text) => ctx.progress.line(text),
        status: (text) => ctx.progress.status(text),
      });
      const { applied, pruned, written, workers, addresses } = result;
      const changes = applied.filter(({ outcome }) => outcome !== "unchanged").length + pruned.length + written.length;
      return {
        ...base,
        dryRun: dryRun === "server" ? "server" : "none",
        unchanged: changes + workers.add.length + workers.remove.length === 0,
        objects: applied.map(({ ref, outcome }) => ({ ...ref, outcome })),
        removed: pruned,
        files: written,
        workers,
        addresses,
        warnings: [...pinned.warnings, ...result.warnings],
      };
    } finally {
      transport?.close();
    }
  },

  human(data, style) {
    const lines: string[] = [];
    if (data.unchanged) {
      lines.push(`${data.namespace}: nothing to change, ${data.objects.length} objects are as they should be`);
    } else {
      for (const { kind, name, namespace, outcome } of data.objects) {
        if (outcome !== "unchanged")
          lines.push(`${mark(outcome, style)} ${kind.toLowerCase()}/${name}${namespace === undefined ? "" : style.dim(` (${namespace})`)}`);
      }
      for (const { kind, name } of data.removed) lines.push(`${style.red("removed")} ${kind.toLowerCase()}/${name}`);
      for (const node of data.workers.add) lines.push(`node/${node} runs sessions`);
      for (const node of data.workers.remove) lines.push(`node/${node} runs no more sessions`);
      for (const file of data.files) lines.push(`wrote ${file}`);
      lines.push(data.dryRun === "none" ? `${data.namespace} is deployed` : style.dim("dry run: nothing was changed"));
    }
    if (data.dryRun === "none" && data.addresses.length > 0) lines.push(`users go to ${data.addresses.map(addressText).join(" or ")}`);
    return lines.join("\n");
  },
};

function mark(outcome: string, style: Style): string {
  return outcome === "created" ? style.green(outcome) : outcome === "changed" ? style.yellow(outcome) : outcome;
}

function addressText(address: string): string {
  if (address.startsWith(anyNode)) return `https://NODE:${address.slice(anyNode.length)}/ at a node that runs a proxy`;
  return address.includes(":") ? `https://[${address}]/` : `https://${address}/`;
}
