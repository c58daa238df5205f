import type { Origin } from "../../config/config.ts";
import { errorsOf, lineOf } from "../../config/diagnostics.ts";
import { readingOf } from "../../config/load-config.ts";
import { isSecretName, variableByName } from "../../config/variables.ts";
import type { Command } from "../../util/command.ts";
import { ExitCode } from "../../util/exit-code.ts";
import { directoryOption, listOf, namespaceOption } from "../../util/options.ts";
import { type DataOf, flag, list, object, optional, text } from "../../util/shape.ts";
import { VdiError } from "../../util/vdi-error.ts";
import { diagnosticsField, directoryField, originField } from "../shapes.ts";

const shape = object({
  directory: directoryField,
  file: text("the file that was read, below the directory"),
  variables: list(
    object({
      name: text("name of the variable"),
      value: optional(text("its value; missing when it is secret, or cannot be resolved")),
      secret: optional(flag("true: it has a value, which is not shown")),
      from: originField,
    }),
    "the variables",
  ),
  problems: diagnosticsField("everything that `vdi config check` finds; exit code 2 when an error is among them"),
});

/** What `vdi config show` gives. */
export type ConfigShown = DataOf<typeof shape>;

type ShownVariable = ConfigShown["variables"][number];

/** `vdi config show`: every variable, its value, and where that comes from. */
export const configShow: Command<ConfigShown> = {
  path: ["config", "show"],
  summary: "show every variable with its value and where it comes from",
  description: "Secrets are named, but never shown. Nothing is changed.",
  args: [{ name: "names", description: "only these variables", variadic: true, completes: "variables" }],
  options: [directoryOption, namespaceOption],
  examples: [
    { line: "vdi config show", does: "all variables of the deployment that you are in" },
    { line: "vdi config show XPRA_REGISTRY_SRV IMAGE_DEFAULT -o json", does: "two of them, for a script" },
  ],

  shape,

  async run(ctx, input) {
    const reading = readingOf(ctx, input);
    const names = listOf(input, "names");
    const unknown = names.filter((name) => !reading.origins.has(name));
    if (unknown.length > 0) {
      throw new VdiError({
        what: `${unknown.join(", ")} ${unknown.length === 1 ? "is not a variable" : "are not variables"} of this configuration`,
        see: "doc/configuration.md",
        exitCode: ExitCode.usage,
      });
    }
    const shown = [...reading.origins].filter(([name]) => (names.length === 0 ? reading.values.has(name) : names.includes(name)));
    return {
      directory: reading.directory,
      file: reading.file,
      variables: shown.map(([name, from]) => shownVariable(name, reading.values.get(name), from)),
      problems: reading.diagnostics,
    };
  },

  human(data, style) {
    const width = Math.max(0, ...data.variables.map((variable) => variable.name.length));
    const lines = data.variables.map((variable) => {
      const value = variable.secret === true ? "(secret)" : (variable.value ?? "");
      return `${variable.name.padEnd(width)}  ${oneLine(value)}  ${style.dim(`(${originText(variable.from)})`)}`;
    });
    const problems = data.problems.map((problem) =>
      problem.severity === "error" ? style.red(`error: ${lineOf(problem)}`) : style.yellow(`warning: ${lineOf(problem)}`),
    );
    return [...lines, ...(problems.length === 0 ? [] : ["", ...problems])].join("\n");
  },

  exitCode: (data) => (errorsOf(data.problems).length > 0 ? ExitCode.usage : ExitCode.ok),
};

function shownVariable(name: string, value: string | undefined, from: Origin): ShownVariable {
  const known = variableByName.get(name);
  // SSL_KEY and its like have a blunt name but hold a path.
  const secret = known === undefined ? isSecretName(name) : known.secret === true;
  if (secret && value !== "") return { name, secret: true, from };
  return { name, ...(value === undefined ? {} : { value }), from };
}

function oneLine(value: string): string {
  const printable = JSON.stringify(value).slice(1, -1);
  return printable === value || printable.replaceAll('\\"', '"') === value ? value : JSON.stringify(value);
}

/** Where a value comes from, in words: `deploy/vdi.env:12`. */
export function originText(origin: Origin): string {
  if (origin.kind === "file") return `${origin.file ?? ""}:${origin.line ?? ""}`;
  return origin.kind === "flag" ? "command line" : origin.kind;
}
