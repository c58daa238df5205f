import path from "node:path";
import { parseAssignments } from "../../config/env-file.ts";
import { configFile } from "../../config/read-config.ts";
import { localConfig } from "../../local/directory.ts";
import { exportDeployment } from "../../local/export.ts";
import type { Command } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { listOf, textOf } from "../../util/options.ts";
import { type DataOf, number, object, texts } from "../../util/shape.ts";
import { directoryField } from "../shapes.ts";
import { localDirectoryOption } from "./options.ts";

const shape = object({
  directory: directoryField,
  users: number("how many users came along"),
  ownFiles: texts("files that differ from those of vdi, as on this machine"),
  undecided: texts("variables that are still CHANGEME"),
});

/** What `vdi local export` wrote. */
export type LocalExported = DataOf<typeof shape>;

/** `vdi local export`: from this machine to a cluster. */
export const localExport: Command<LocalExported> = {
  path: ["local", "export"],
  summary: "write the directory with which a cluster gets the same",
  description:
    "Writes a deployment directory that vdi deploy takes, with the users, session types and images of this machine. Homes are not copied. The directory's name becomes the namespace.",
  args: [{ name: "directory", description: "the directory; it must not be there yet", required: true, completes: "directories" }],
  options: [
    { name: "set", type: "list", value: "NAME=VALUE", description: "write a value into its deploy/vdi.env (can be repeated)" },
    localDirectoryOption,
  ],
  examples: [
    { line: "vdi local export /data/srv/vdi-stp", does: "and says what is still to be decided" },
    {
      line: "vdi local export vdi-stp --set XPRA_REGISTRY_SRV=registry.example.org:5000",
      does: "with the registry that the nodes pull from",
    },
  ],

  shape,

  run: async (ctx, input) => {
    const config = localConfig(ctx, input);
    const target = path.resolve(ctx.cwd, textOf(input, "directory") ?? "");
    return exportDeployment(ctx, config, target, parseAssignments(listOf(input, "set"), "--set"));
  },

  human(data, style) {
    const { directory, users, ownFiles, undecided } = data;
    return [
      `${style.bold(directory)}: ${counted(users, "user")}, ${ownFiles.length === 0 ? "no files" : counted(ownFiles.length, "file")} of your own`,
      ...(undecided.length === 0 ? [] : [style.yellow(`still CHANGEME in ${configFile}: ${undecided.join(", ")}`)]),
      "next:",
      `  cd ${directory}`,
      ...(undecided.length === 0 ? [] : [`  edit ${configFile}, then: vdi config check`]),
      "  vdi build-images --push",
      "  vdi deploy",
    ].join("\n");
  },
};
