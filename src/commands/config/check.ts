import { errorsOf, lineOf } from "../../config/diagnostics.ts";
import { readingOf } from "../../config/load-config.ts";
import type { Command } from "../../util/command.ts";
import { counted } from "../../util/counted.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { directoryOption, namespaceOption } from "../../util/options.ts";
import { type DataOf, object, text } from "../../util/shape.ts";
import { diagnosticsField, directoryField } from "../shapes.ts";

const shape = object({
  directory: directoryField,
  file: text("the file that was read, below the directory"),
  errors: diagnosticsField("what keeps the commands that work with the deployment from working; exit code 2 when there is one"),
  warnings: diagnosticsField("what is odd"),
});

/** What `vdi config check` gives. */
export type ConfigChecked = DataOf<typeof shape>;

/** `vdi config check`: everything that is wrong or odd in the configuration, at once. */
export const configCheck: Command<ConfigChecked> = {
  path: ["config", "check"],
  summary: "find everything that is wrong in the configuration",
  description:
    "Reads deploy/vdi.env, the environment and the flags, and names all problems with file and line. Nothing is changed, no cluster is asked.",
  options: [directoryOption, namespaceOption],
  examples: [
    { line: "vdi config check", does: "look at the deployment that you are in" },
    { line: "vdi config check --dir /data/srv/vdi-stp -o json", does: "another one, for a script" },
  ],

  shape,

  async run(ctx, input) {
    const reading = readingOf(ctx, input);
    const errors = errorsOf(reading.diagnostics);
    return {
      directory: reading.directory,
      file: reading.file,
      errors,
      warnings: reading.diagnostics.filter((diagnostic) => !errors.includes(diagnostic)),
    };
  },

  human(data, style) {
    const lines = [
      ...data.errors.map((problem) => `${style.red("error")}: ${lineOf(problem)}`),
      ...data.warnings.map((problem) => `${style.yellow("warning")}: ${lineOf(problem)}`),
    ];
    const undecided = data.errors.filter((problem) => problem.code === "changeme").length;
    const summary =
      data.errors.length === 0
        ? style.green(`the configuration of ${data.directory} is fine${data.warnings.length === 0 ? "" : ", with warnings"}`)
        : `${counted(data.errors.length, "error")}${undecided === 0 ? "" : `, ${undecided} of them still CHANGEME`}: edit ${data.directory}/${data.file}`;
    return [...lines, summary].join("\n");
  },

  exitCode: (data) => (data.errors.length > 0 ? ExitCode.usage : ExitCode.ok),
};
