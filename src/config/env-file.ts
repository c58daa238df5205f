import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { wrap } from "../util/wrap.ts";
import { parseEnvFile, quoteForEnvFile } from "./dotenv.ts";
import { changeMe, sections, type Variable } from "./variable.ts";
import { variables } from "./variables.ts";

const head = `# Configuration of this deployment: NAME=value lines, nothing is run. doc/configuration.md describes every variable.
# Replace each ${changeMe}; then 'vdi config check' tells what is left to do.
`;

/** The text of a fresh `deploy/vdi.env`: what has to be decided as CHANGEME, the other main variables as comments with their defaults. */
export function freshEnvFile(): string {
  const parts = [head];
  for (const [key, title] of Object.entries(sections)) {
    const members = variables.filter((variable) => variable.section === key && variable.main === true);
    if (members.length > 0) parts.push(`\n# --- ${title} ---\n`, ...members.map(entryOf));
  }
  return parts.join("");
}

function entryOf(variable: Variable): string {
  const comment = wrap(variable.meaning.replaceAll("`", ""), 110)
    .map((line) => `# ${line}\n`)
    .join("");
  const assignment = `${variable.name}=${variable.default}`;
  return `\n${comment}${variable.default === changeMe ? "" : "#"}${assignment}\n`;
}

/**
 * The text of an env file with other values for some variables: a variable's last line is replaced, else the comment that
 * shows its default, else a line is added at the end. Everything else of the text stays as it is.
 */
export function withValues(text: string, values: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [name, value] of values) {
    const assignment = `${name}=${quoteForEnvFile(value)}`;
    const existing = parseEnvFile(result, "").assignments.findLast((entry) => entry.name === name);
    const comment = new RegExp(`^#[ \\t]*${name}=.*$`, "m").exec(result);
    if (existing !== undefined) result = result.slice(0, existing.start) + assignment + apart(result.slice(existing.end));
    else if (comment !== null) result = result.slice(0, comment.index) + assignment + result.slice(comment.index + comment[0].length);
    else result = `${result}${result === "" || result.endsWith("\n") ? "" : "\n"}${assignment}\n`;
  }
  return result;
}

/** A comment needs a blank before it, which one behind an empty value or a quote may not have. */
function apart(rest: string): string {
  return rest.startsWith("#") ? ` ${rest}` : rest;
}

/** The text of an env file without the lines of some variables. Everything else of the text stays as it is. */
export function withoutValues(text: string, names: ReadonlySet<string>): string {
  let result = text;
  for (const { start, end } of parseEnvFile(text, "")
    .assignments.filter(({ name }) => names.has(name))
    .reverse()) {
    const lineEnd = result.indexOf("\n", end);
    result = result.slice(0, start) + (lineEnd === -1 ? "" : result.slice(lineEnd + 1));
  }
  return result;
}

/** The `NAME=VALUE` texts of a repeatable option, as variables. Throws a usage error for anything else. */
export function parseAssignments(texts: readonly string[], option: string): ReadonlyMap<string, string> {
  return new Map(
    texts.map((text) => {
      const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text);
      if (match !== null) return [match[1] ?? "", match[2] ?? ""] as const;
      throw new VdiError({ what: `${option} needs NAME=VALUE`, why: `'${text.split("=")[0] ?? ""}' is none`, exitCode: ExitCode.usage });
    }),
  );
}
