import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextEntries } from "../../../src/images/build-context.ts";
import { discoverImages, dockerfileText, fillPlaceholders } from "../../../src/images/discover-images.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "vdi-images-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(at: string, text: string): void {
  mkdirSync(path.dirname(path.join(directory, at)), { recursive: true });
  writeFileSync(path.join(directory, at), text);
}

function textOf(name: string, values: Record<string, string>): string {
  const source = discoverImages(directory).find((each) => each.name === name);
  if (source === undefined) throw new Error(`no image ${name}`);
  return dockerfileText(source, values, directory);
}

describe("the images of a directory", () => {
  it("are its directories with a Dockerfile in any of its forms, by name", () => {
    write("images/vdi-b/Dockerfile", "FROM scratch");
    write("images/vdi-a/Dockerfile.ejs", "FROM scratch");
    write("images/vdi-c/Dockerfile.tmpl", "FROM scratch");
    write("images/notes/README.md", "");
    expect(discoverImages(directory).map((image) => image.name)).toEqual(["vdi-a", "vdi-b", "vdi-c"]);
  });

  it("may lie elsewhere, with a link in their place", () => {
    write("site/office/Dockerfile", "FROM scratch\nCOPY file /");
    write("site/office/file", "");
    write("images/README", "");
    symlinkSync("../site/office", path.join(directory, "images/office"));
    const [image] = discoverImages(directory);
    expect(image).toMatchObject({ name: "office" });
    const context = { directory: image?.directory ?? "", deployment: directory, sources: [], file: "Dockerfile" };
    expect(contextEntries(context).map((entry) => entry.path)).toEqual(["file"]);
  });

  it("cannot have a name that no registry takes", () => {
    write("images/Vdi-A/Dockerfile", "FROM scratch");
    expect(() => discoverImages(directory)).toThrow("images/Vdi-A cannot be the name of an image");
  });

  it("are missed when there are none", () => {
    expect(() => discoverImages(directory)).toThrow("there are no images");
  });
});

describe("a Dockerfile's values", () => {
  it("are filled into the new form and into the old one", () => {
    write("images/a/Dockerfile.ejs", "FROM <%= REG %>/vdi-base\n<% if (BIG === 'Y') { %>RUN true\n<% } %>");
    write("images/b/Dockerfile.tmpl", "FROM {{REG}}/vdi-base\nENV {{ REG }}\n");
    expect(textOf("a", { REG: "r.example:5000", BIG: "N" })).toBe("FROM r.example:5000/vdi-base\n");
    expect(textOf("b", { REG: "r.example:5000" })).toBe("FROM r.example:5000/vdi-base\nENV r.example:5000\n");
  });

  it("leave a plain Dockerfile alone", () => {
    write("images/a/Dockerfile", "FROM {{X}} <%= Y %>");
    expect(textOf("a", {})).toBe("FROM {{X}} <%= Y %>");
  });

  it("can be no second instruction, in either form", () => {
    write("images/a/Dockerfile.ejs", "FROM <%= X %>");
    expect(() => textOf("a", { X: "a\nRUN x" })).toThrow(/Dockerfile\.ejs/);
    expect(() => fillPlaceholders("FROM x\nENV A={{X}}", { X: "a\nRUN x" }, "f")).toThrow(/f:2/);
  });

  it("have to be there", () => {
    expect(() => fillPlaceholders("FROM {{toString}}", {}, "f")).toThrow(
      "the template f:1 could not be filled in: it uses toString, which has no value",
    );
  });
});
