import { readFileSync } from "node:fs";
import path from "node:path";
import ejs from "ejs";
import { ExitCode } from "../util/exit-code.ts";
import { messageOf, VdiError } from "../util/vdi-error.ts";
import { dockerfileValue, type Escape, shellWord, UnprintableValue, yamlValue } from "./escape.ts";

/** A template and what it may print. */
export interface TemplateInput {
  /** The file, absolute. */
  readonly file: string;
  /** The template's text, when it is not to be read from the file. */
  readonly source?: string | undefined;
  /** The values by name; a template prints them with `<%= NAME %>`, and has all of them as `locals`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The directory that `<%- include("part.ejs") %>` starts from. Without it: the file's own. */
  readonly root?: string | undefined;
}

/** A template as a shell script: each value is one quoted word. */
export function renderShell(input: TemplateInput): string {
  return renderText(input, shellWord);
}

/** A template as a Dockerfile: each value is printed as it is, and refused when it could be more than a value. */
export function renderDockerfile(input: TemplateInput): string {
  return renderText(input, dockerfileValue);
}

/** A template as YAML text: each value is a JSON value. `renderYaml` gives the checked objects. */
export function renderYamlText(input: TemplateInput): string {
  return renderText(input, yamlValue);
}

/** Words that JavaScript or the gate itself keeps; values of these names are reached by `locals`. */
const taken = new Set(
  "arguments await break case catch class const continue debugger default delete do else enum escapeFn eval export extends false finally for function if implements import in include instanceof interface let locals new null package private protected public rethrow return static super switch this throw true try typeof undefined var void while with yield".split(
    " ",
  ),
);

/**
 * The one gate through which every template goes: strict mode, no `with`, every value through the escape, and `<%-` for
 * includes only. An error names the template and its line.
 */
function renderText(input: TemplateInput, print: Escape): string {
  const files = [input.file];
  const root = input.root ?? path.dirname(input.file);
  try {
    const source = input.source ?? readTemplate(input.file);
    checkRawOutput(input.file, source);
    const template = ejs.compile(source, {
      // A token instead of the path: ejs puts the name through our escape, which may refuse a path.
      filename: "template-0",
      strict: true,
      _with: false,
      compileDebug: true,
      escape: print,
      destructuredLocals: Object.keys(input.data).filter(
        (name) => /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) && !name.startsWith("__") && !taken.has(name),
      ),
      includer(name) {
        const file = includedFile(root, name);
        const text = readTemplate(file);
        checkRawOutput(file, text);
        files.push(file);
        return { filename: `template-${files.length - 1}`, template: text };
      },
    });
    return template(input.data);
  } catch (thrown) {
    if (thrown instanceof VdiError) throw thrown;
    throw templateError(files, thrown);
  }
}

function includedFile(root: string, name: string): string {
  const file = path.resolve(root, name);
  if (!file.startsWith(root.endsWith("/") ? root : `${root}/`)) {
    throw new VdiError({
      what: `the template part '${name}' cannot be included`,
      why: `it lies outside of ${root}`,
      exitCode: ExitCode.usage,
    });
  }
  return file;
}

function readTemplate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw new VdiError({ what: `the template ${file} cannot be read`, why: messageOf(thrown), exitCode: ExitCode.usage, cause: thrown });
  }
}

/** Refuses `<%-` around anything but one include: it prints without an escape. */
function checkRawOutput(file: string, source: string): void {
  for (const match of source.matchAll(/<%-([\s\S]*?)[-_]?%>/g)) {
    if (/^\s*include\(\s*(["'])[\w./-]+\1\s*(?:,[^()]*)?\)\s*$/.test(match[1] ?? "")) continue;
    const line = source.slice(0, match.index).split("\n").length;
    throw new VdiError({
      what: `the template ${file}:${line} prints a value without a check`,
      why: "'<%-' is for include(\"...\") only",
      try: "use '<%='",
      exitCode: ExitCode.usage,
    });
  }
}

function templateError(files: readonly string[], thrown: unknown): VdiError {
  const message = messageOf(thrown);
  // ejs puts "NAME:LINE", the lines around it and an empty line before the message.
  const place = /template-(\d+)\W{0,4}:(\d+)\n/.exec(message);
  const file = files[Number(place?.[1] ?? 0)] ?? files[0] ?? "";
  const name = place === null ? file : `${file}:${place[2] ?? ""}`;
  const words = message.slice(message.lastIndexOf("\n\n") + 1).trim();
  const missing = /^(\S+) is not defined$/.exec(words);
  const why =
    missing !== null
      ? `it uses ${missing[1] ?? ""}, which has no value`
      : thrown instanceof UnprintableValue
        ? `the value that it prints ${words}`
        : words;
  return new VdiError({ what: `the template ${name} could not be filled in`, why, exitCode: ExitCode.usage, cause: thrown });
}
