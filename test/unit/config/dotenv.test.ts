import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEnvFile, quoteForEnvFile } from "../../../src/config/dotenv.ts";
import { withoutValues, withValues } from "../../../src/config/env-file.ts";

/** The assignments with `${NAME}` put back, and the problems as `line severity`. */
function read(text: string): { readonly values: Record<string, string>; readonly problems: readonly string[] } {
  const { assignments, diagnostics } = parseEnvFile(text, "vdi.env");
  const value = (parts: (typeof assignments)[number]["parts"]): string =>
    parts.map((part) => (part.kind === "text" ? part.text : `<${part.name}>`)).join("");
  return {
    values: Object.fromEntries(assignments.map((assignment) => [assignment.name, value(assignment.parts)])),
    problems: diagnostics.map((diagnostic) => `${diagnostic.line ?? 0} ${diagnostic.severity}`),
  };
}

describe("an env file", () => {
  it.each([
    ["A=1", "1"],
    ["A=", ""],
    ["  A=1  ", "1"],
    ["export A=1", "1"],
    ["A = 1".replace(" =", "="), "1"],
    ["A=a b # comment", "a b"],
    ["A=a#b", "a#b"],
    ["A=# comment", ""],
    ["A=\\n", "\\n"],
    ["A=${B}/c", "<B>/c"],
    ["A='${B} # \"'", '${B} # "'],
    ["A='it' # comment", "it"],
    ['A="x\\n\\"\\\\\\$\\t" # c', 'x\n"\\$\t'],
    ['A="${B}\\${B}"', "<B>${B}"],
    ["A='two\nlines'", "two\nlines"],
    ["A=1\r", "1"],
    ["\uFEFFA=1", "1"],
    ["A=$(id)`id`", "$(id)`id`"],
  ])("reads %j", (text, value) => {
    expect(read(text).values).toEqual({ A: value });
  });

  it.each([
    ["x\nA B=1", "1 error,2 error"],
    ["A =1", "1 error"],
    ["\nA='x", "2 error"],
    ["A='x' y", "1 error"],
    ["A=${B:-c}", "1 error"],
    ["A=$B", "1 warning"],
    ["A='1\n2'\nbad", "3 error"],
  ])("finds what is wrong in %j", (text, problems) => {
    expect(read(text).problems.join()).toBe(problems);
  });

  it("does not repeat a line that it cannot read: it may hold a password", () => {
    expect(JSON.stringify(parseEnvFile("MAIL PASSWORD hunter2", "f").diagnostics)).not.toContain("hunter2");
  });

  it("gives back any value that was quoted for it", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom("'", '"', "\\", "$", "{", "A", "}", "`", "\n", "\r", " ", "#") }),
        (one, other) => {
          for (const value of [one, other]) {
            expect(read(`A=${quoteForEnvFile(value)}\nB=2\n`)).toEqual({ values: { A: value, B: "2" }, problems: [] });
          }
        },
      ),
    );
  });
});

describe("withoutValues", () => {
  it("takes away every line of a variable, and leaves the rest as it is", () => {
    const text = "# what it is for\nexport A=1 # one\nB=2\n#A=3\nAB=4\nA='over\ntwo lines'";
    expect(withoutValues(text, new Set(["A"]))).toBe("# what it is for\nB=2\n#A=3\nAB=4\n");
    expect(withoutValues(text, new Set(["C"]))).toBe(text);
  });
});

describe("withValues", () => {
  it("keeps the mark that some editors begin a file with", () => {
    const text = "\uFEFFA=1\nB=2\n";
    expect(withValues(text, new Map([["B", "new"]]))).toBe("\uFEFFA=1\nB=new\n");
    expect(withValues(text, new Map([["A", "new"]]))).toBe("\uFEFFA=new\nB=2\n");
    expect(withoutValues(text, new Set(["A"]))).toBe("\uFEFFB=2\n");
  });

  it("replaces a line, then a comment, then adds one, and leaves the rest", () => {
    const text = "# head\nA='old\nlines' # why\n#B=default\n# about C\n";
    expect(
      withValues(
        text,
        new Map([
          ["A", "new"],
          ["B", "it's"],
          ["C", "3"],
        ]),
      ),
    ).toBe('# head\nA=new # why\nB="it\'s"\n# about C\nC=3\n');
  });

  it.each(["A= # later", "A=# later", "A='old'# later"])("keeps the comment of %j one", (text) => {
    const changed = withValues(text, new Map([["A", "new"]]));
    expect(read(changed).values).toEqual({ A: "new" });
    expect(changed).toMatch(/ # later$/);
  });

  it("replaces the line that counts", () => {
    expect(withValues("A=1\nA=2\n", new Map([["A", "3"]]))).toBe("A=1\nA=3\n");
  });
});
