import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderXpraVars } from "../../../src/config/xpra-vars.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const templates = path.join(import.meta.dirname, "../../../templates");

/** Sources the file in a real shell and gives each variable as that shell exports it. */
function sourced(shell: string, text: string, names: readonly string[]): readonly string[] {
  const file = path.join(temporaryDirectory("vars"), "xpra-vars.sh");
  writeFileSync(file, text);
  const script = `. "$1"; exec "$2" -e 'process.stdout.write(JSON.stringify(process.argv.slice(1).map((name) => process.env[name] ?? null)))' ${names.join(" ")}`;
  const output = execFileSync(shell, ["-eu", "-c", script, shell, file, process.execPath], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
    // Without it bash takes the pipe for a remote login and reads the machine's bashrc.
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(output) as readonly string[];
}

function render(values: ReadonlyMap<string, string>): string {
  return renderXpraVars({ namespace: "vdi-test", values }, templates);
}

const awkward = [
  "'",
  '"',
  "$HOME",
  "`id`",
  "$(id)",
  "a\nb",
  "\n",
  " ",
  "\\",
  "\\n",
  "é€😀",
  "*",
  "~",
  "!x",
  "#",
  "a'b\"c",
  "\t\r",
  "%s",
  "-n",
  ";",
  "&",
  "'\\''",
  "\u0080\u2028",
];

describe.each(["sh", "bash", "dash"])("etc/xpra-vars.sh in %s", (shell) => {
  it("gives every awkward value exactly", () => {
    const values = new Map(awkward.map((value, index) => [`XPRA_V${index}`, value]));
    expect(sourced(shell, render(values), [...values.keys()])).toEqual(awkward);
  });

  it("gives any value exactly", () => {
    const value = fc
      .oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: fc.constantFrom(...awkward, "a", "=") }))
      .map((text) => text.replaceAll("\0", ""));
    fc.assert(
      // Many values a file: a child process each would be slow.
      fc.property(fc.array(value, { minLength: 20, maxLength: 60 }), (texts) => {
        const values = new Map(texts.map((text, index) => [`XPRA_V${index}`, text]));
        expect(sourced(shell, render(values), [...values.keys()])).toEqual(texts);
      }),
      { numRuns: 15 },
    );
  });
});

describe("etc/xpra-vars.sh", () => {
  it.each(["sh", "bash", "dash"])("leaves a session, in %s, the directories and the screen that it has", (shell) => {
    const text = render(
      new Map([
        ["XPRA_SOCKET_DIR", "/srv/it's"],
        ["XPRA_STATUS_DIR", "/srv/status"],
        ["XPRA_SCREEN", "1x1"],
      ]),
    );
    const session = "export XPRA_SOCKET_DIR=/run/user/1/socket XPRA_STATUS_DIR=\n";
    expect(sourced(shell, session + text, ["XPRA_SOCKET_DIR", "XPRA_STATUS_DIR", "XPRA_SCREEN"])).toEqual([
      "/run/user/1/socket",
      "/srv/status",
      "1x1",
    ]);
    expect(sourced(shell, text, ["XPRA_SOCKET_DIR"])).toEqual(["/srv/it's"]);
  });

  it("holds no secret", () => {
    const secrets = [
      "XPRA_MAIL_PASSWORD",
      "XPRA_TOKEN",
      "XPRA_API_KEY",
      "XPRA_SECRET_X",
      "IDM_ADMIN_USER",
      "IDM_ADMIN_PASSWORD",
      "XPRA_password",
    ];
    const text = render(new Map([...secrets.map((name) => [name, "hidden"] as const), ["XPRA_SEEN", "seen"]]));
    expect(text).toContain("export XPRA_SEEN='seen'\n");
    expect(text).not.toContain("hidden");
    for (const name of secrets) expect(text).not.toContain(name);
  });

  it("cannot be broken out of by a name", () => {
    expect(() => render(new Map([["XPRA_A=1; id #", "x"]]))).toThrow();
  });
});
