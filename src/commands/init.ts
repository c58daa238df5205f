import path from "node:path";
import { parseAssignments } from "../config/env-file.ts";
import { configFile } from "../config/read-config.ts";
import { type InitResult, initDeployment } from "../init/init-deployment.ts";
import type { Command } from "../util/command.ts";
import { counted } from "../util/counted.ts";
import { flagOf, listOf, textOf } from "../util/options.ts";
import { flag, object, optional, text, texts } from "../util/shape.ts";
import { directoryField, namespaceField } from "./shapes.ts";

/** `vdi init DIR`: the deployment directory. */
export const init: Command<InitResult> = {
  path: ["init"],
  summary: "make a deployment directory, or bring it up to this version",
  description:
    "Lays out the directory of a deployment; its name becomes the namespace. Run again, it adds and updates what is new in this version of vdi, leaves every file alone that you changed, and says which of those have a newer version. A run that was interrupted is finished by the same command.",
  args: [{ name: "directory", description: "the directory; its name becomes the namespace", required: true, completes: "directories" }],
  options: [
    { name: "set", type: "list", value: "NAME=VALUE", description: "write a value into deploy/vdi.env (can be repeated)" },
    {
      name: "force",
      type: "boolean",
      description: "replace files that you changed, after showing which; yours are kept in protected/replaced",
    },
  ],
  examples: [
    { line: "vdi init /data/srv/vdi-stp", does: "a deployment in the namespace vdi-stp" },
    { line: "vdi init vdi-stp --set DOMNAME=example.org --set EXTERNALIPS=192.0.2.10", does: "with some values filled in" },
    { line: "vdi init . --force", does: "take the distribution's files back, except deploy/vdi.env" },
  ],

  shape: object({
    directory: directoryField,
    namespace: namespaceField,
    isNew: flag("false when there was a deployment already"),
    added: texts("files that were not there"),
    updated: texts("files that this version has newer, and that you had not changed"),
    removed: texts("files that this version does not have"),
    replaced: texts("files that you had changed and that gave way"),
    backup: optional(text("where those are now")),
    kept: texts("files that you changed, and that stay so"),
    news: texts("those of them of which this version has a newer one"),
    keptAway: texts("files that you removed, and that stay away"),
    newVariables: texts("variables that `deploy/vdi.env` does not mention yet"),
    set: texts("variables that `--set` changed"),
    undecided: texts("variables that are still CHANGEME"),
  }),

  async run(ctx, input) {
    return initDeployment({
      directory: path.resolve(ctx.cwd, textOf(input, "directory") ?? "."),
      distribution: ctx.distribution,
      version: ctx.version,
      force: flagOf(input, "force"),
      values: parseAssignments(listOf(input, "set"), "--set"),
      interactive: ctx.interactive,
      progress: ctx.progress,
      signal: ctx.signal,
      confirm: (question) => ctx.confirm(question),
      now: () => ctx.now(),
    });
  },

  human(data, style) {
    const changes = data.added.length + data.updated.length + data.removed.length + data.replaced.length;
    const lines = [style.bold(`${data.directory}: namespace ${data.namespace}, proxies in ingress-${data.namespace}`)];
    if (data.isNew) lines.push(`  laid out ${counted(data.added.length, "file")}`);
    else if (changes === 0) lines.push("  every file is up to date");
    else {
      lines.push(...fileLines("added", data.added), ...fileLines("updated, you had not changed it", data.updated));
      lines.push(
        ...fileLines("removed, this version does not have it", data.removed),
        ...fileLines(`replaced, yours is in ${data.backup ?? ""}`, data.replaced),
      );
    }
    lines.push(...fileLines(style.yellow("yours is kept, this version has a newer one (--force takes it)"), data.news));
    const others = data.kept.length - data.news.length;
    if (others > 0) lines.push(`  ${counted(others, "file that you changed stays as it is", "files that you changed stay as they are")}`);
    if (data.keptAway.length > 0)
      lines.push(`  ${counted(data.keptAway.length, "file that you removed stays away", "files that you removed stay away")}`);
    if (data.set.length > 0) lines.push(`  set in ${configFile}: ${data.set.join(", ")}`);
    if (!data.isNew && data.newVariables.length > 0)
      lines.push(`  not in your ${configFile} yet: ${data.newVariables.join(", ")} (doc/configuration.md)`);
    if (data.undecided.length > 0) lines.push(style.yellow(`  still CHANGEME in ${configFile}: ${data.undecided.join(", ")}`));
    if (data.isNew || changes > 0) lines.push("", ...nextSteps(data));
    return lines.join("\n");
  },
};

function fileLines(title: string, files: readonly string[]): readonly string[] {
  return files.map((file) => `  ${file}: ${title}`);
}

/** From the directory to what runs on a cluster: for the first time, or with the files of a newer version. */
function nextSteps(data: InitResult): readonly string[] {
  const steps = [
    `cd ${data.directory}`,
    ...(data.undecided.length > 0 ? [`edit ${configFile}, then: vdi config check`] : []),
    "vdi build-images --push",
    ...(data.isNew ? ["vdi users add-demo --generate"] : []),
    "vdi check --pre",
    "vdi deploy",
  ];
  return ["next:", ...steps.map((step) => `  ${step}`)];
}
