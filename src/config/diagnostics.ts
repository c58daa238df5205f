import { counted } from "../util/counted.ts";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";

/** The kinds of problems. */
export const diagnosticCodes = ["changeme", "syntax", "reference", "value", "name", "unused"] as const;

/** One thing that is wrong or odd in a configuration, with its place. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** `changeme`: the admin has not decided yet. `value`, `syntax`, `reference`, `name`: what it says. */
  readonly code: (typeof diagnosticCodes)[number];
  /** The variable, when it is about one. */
  readonly name?: string;
  readonly message: string;
  /** The file as the admin knows it, `deploy/vdi.env`; absent for a value of the environment or a flag. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
}

/** `deploy/vdi.env:12`, `deploy/vdi.env`, or an empty text. */
export function placeOf(diagnostic: Diagnostic): string {
  if (diagnostic.file === undefined) return "";
  return diagnostic.line === undefined ? diagnostic.file : `${diagnostic.file}:${diagnostic.line}`;
}

/** One line for a diagnostic: place, then what is wrong. */
export function lineOf(diagnostic: Diagnostic): string {
  const place = placeOf(diagnostic);
  return place === "" ? diagnostic.message : `${place}: ${diagnostic.message}`;
}

/** The diagnostics that keep a command from running. */
export function errorsOf(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.filter((diagnostic) => diagnostic.severity === "error");
}

/** The error for a configuration with problems: all of them, a line each; exit code 2. */
export function configurationError(file: string, diagnostics: readonly Diagnostic[]): VdiError {
  const errors = errorsOf(diagnostics);
  const undecided = errors.filter((diagnostic) => diagnostic.code === "changeme");
  const others = errors.length - undecided.length;
  const what =
    others === 0
      ? `${counted(undecided.length, "variable is", "variables are")} still CHANGEME`
      : `the configuration has ${counted(errors.length, "problem")}`;
  return new VdiError({
    what,
    why: errors.map(lineOf).join("\n"),
    try: `edit ${file}, then run the command again; 'vdi config check' looks without doing anything`,
    see: undecided.length === 0 ? "doc/configuration.md" : `doc/configuration.md#${(undecided[0]?.name ?? "").toLowerCase()}`,
    exitCode: ExitCode.usage,
  });
}
