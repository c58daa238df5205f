import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderDockerfile, renderShell, renderYamlText } from "../../../src/templates/render.ts";
import { parseYamlDocuments, renderYaml } from "../../../src/templates/yaml-documents.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const file = "/templates/some.ejs";

describe("a YAML template", () => {
  it("gives checked objects", () => {
    const source = "apiVersion: v1\nkind: Service\nmetadata:\n  name: <%= NAME %>\nspec:\n  externalIPs: <%= ips %>\n---\n";
    expect(renderYaml({ file, source, data: { NAME: "xpra-proxy", ips: ["10.0.0.1"] } })).toEqual([
      { apiVersion: "v1", kind: "Service", metadata: { name: "xpra-proxy" }, spec: { externalIPs: ["10.0.0.1"] } },
    ]);
  });

  it("gives back any value exactly, and never more than a value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = renderYamlText({ file, source: "a: <%= value %>\nb: [<%= value %>]\n", data: { value } });
        const [document] = parseYamlDocuments(text, file);
        expect(JSON.stringify(document?.value)).toBe(JSON.stringify({ a: value, b: [value] }));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        const [document] = parseYamlDocuments(renderYamlText({ file, source: "a: <%= value %>\nb: 1\n", data: { value } }), file);
        expect(document?.value).toEqual({ a: value, b: 1 });
      }),
    );
  });

  it.each([
    ["a key twice", "a: 1\na: 2\n", /line 2/],
    ["an alias", "a: &x 1\nb: *x\n", /anchors and aliases/],
    ["a tag", "a: !thing 1\n", /line 1/],
    ["an octal number of old", "mode: 0755\n", /decimal number/],
    ["a tab", "a:\n\tb: 1\n", /line 2/],
  ])("refuses %s", (_, text, words) => {
    expect(() => parseYamlDocuments(text, file)).toThrow(words);
  });

  it("refuses a document that is no object of the API", () => {
    expect(() => renderYaml({ file, source: "kind: Pod\n", data: {} })).toThrow(/apiVersion, kind and metadata.name/);
  });
});

describe("the gate", () => {
  it("names the template and the line of a missing value", () => {
    expect(() => renderYamlText({ file, source: "a: 1\nb: <%= MISSING %>\n", data: {} })).toThrow(
      /some\.ejs:2 could not be filled in: it uses MISSING, which has no value/,
    );
    expect(() => renderShell({ file, source: "a=<%= locals.missing %>\n", data: {} })).toThrow(/the value that it prints is not there/);
  });

  it("refuses an unescaped value", () => {
    expect(() => renderShell({ file, source: "x\n<%- NAME %>", data: { NAME: "x" } })).toThrow(
      /some\.ejs:2 prints a value without a check/,
    );
    expect(() => renderShell({ file, source: '<%- include("a.ejs") + NAME %>', data: { NAME: "x" } })).toThrow(/without a check/);
  });

  it("includes a part, which goes through the same gate, and nothing from outside", () => {
    const root = temporaryDirectory("templates");
    writeFileSync(path.join(root, "part.ejs"), "part=<%= NAME %>\n");
    writeFileSync(path.join(root, "bad.ejs"), "ok\n<%- NAME %>\n");
    const render = (name: string): string =>
      renderShell({ file: path.join(root, "main.ejs"), source: `<%- include("${name}") -%>`, data: { NAME: "it's" } });
    expect(render("part.ejs")).toBe("part='it'\\''s'\n");
    expect(() => render("bad.ejs")).toThrow(/bad\.ejs:2/);
    expect(() => render("../../etc/passwd")).toThrow(/outside/);
    expect(() => render("none.ejs")).toThrow(/cannot be read/);
  });
});

describe("a Dockerfile template", () => {
  it("prints image names as they are", () => {
    expect(renderDockerfile({ file, source: "FROM <%= XPRA_REGISTRY_SRV %>/vdi-base\n", data: { XPRA_REGISTRY_SRV: "[::1]:5000" } })).toBe(
      "FROM [::1]:5000/vdi-base\n",
    );
  });

  it.each(["a b", "a\nRUN x", "$x", "a'b", 'a"b', "`x`", "a\\b", "", "a;b", undefined, null, {}])("refuses %j", (value) => {
    expect(() => renderDockerfile({ file, source: "FROM <%= value %>\n", data: { value } })).toThrow(/some\.ejs:1 could not be filled in/);
  });
});
