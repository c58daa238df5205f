import { isAlias, isScalar, LineCounter, type Node, parseAllDocuments, visit } from "yaml";
import { ExitCode } from "../util/exit-code.ts";
import { VdiError } from "../util/vdi-error.ts";
import { renderYamlText, type TemplateInput } from "./render.ts";

/** An object for the API server, as a document of a template gives it. */
export interface KubeDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/**
 * The objects of a YAML template, checked: no key twice, no alias, no tag, no number that people read as octal; each with
 * apiVersion, kind and a name. Errors name the template and the line of the filled-in text.
 */
export function renderYaml(input: TemplateInput): readonly KubeDocument[] {
  return parseYamlObjects(renderYamlText(input), input.file);
}

/** The objects of a YAML text; `file` is for the errors. Empty documents are left out. */
export function parseYamlObjects(text: string, file: string): readonly KubeDocument[] {
  return parseYamlDocuments(text, file).map(({ value, line }) => {
    if (isKubeDocument(value)) return value;
    throw yamlError(file, line, "a document needs apiVersion, kind and metadata.name, each a text");
  });
}

/** The documents of a YAML text as plain data, with the line where each begins. */
export function parseYamlDocuments(text: string, file: string): readonly { readonly value: unknown; readonly line: number }[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { version: "1.2", strict: true, uniqueKeys: true, prettyErrors: false, lineCounter: lines });
  const found: { value: unknown; line: number }[] = [];
  for (const document of "empty" in documents ? [] : documents) {
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault !== undefined) throw yamlError(file, lines.linePos(fault.pos[0]).line, fault.message);
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) continue;
    const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
    visit(document, {
      Node(key, node) {
        if (isAlias(node) || node.anchor !== undefined) throw yamlError(file, lineOf(node), "anchors and aliases are not used here");
        if (node.tag?.startsWith("!") === true && !node.tag.startsWith("tag:"))
          throw yamlError(file, lineOf(node), `the tag ${node.tag} is not used here`);
        if (!isScalar(node)) return;
        if (key === "key" && typeof node.value !== "string") throw yamlError(file, lineOf(node), "a key must be a text");
        if (typeof node.value === "number" && /^[-+]?0[0-9]/.test(node.source ?? "")) {
          throw yamlError(
            file,
            lineOf(node),
            `${node.source ?? ""} is read as a decimal number; write 0o... for an octal one, or quotes for a text`,
          );
        }
        if (typeof node.value === "number" && !Number.isFinite(node.value))
          throw yamlError(file, lineOf(node), "a number must have an end");
      },
    });
    found.push({ value: document.toJS({ maxAliasCount: 0 }), line: lineOf(document.contents) });
  }
  return found;
}

function isKubeDocument(value: unknown): value is KubeDocument {
  if (!isMap(value) || !isMap(value["metadata"])) return false;
  const { name, namespace } = value["metadata"];
  return [value["apiVersion"], value["kind"], name, namespace ?? "none"].every((text) => typeof text === "string" && text !== "");
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function yamlError(file: string, line: number, why: string): VdiError {
  return new VdiError({
    what: `the YAML of ${file} is not right`,
    why: `line ${line} of the filled-in text: ${why}`,
    exitCode: ExitCode.usage,
  });
}
