import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
let home = "";
let env: Record<string, string> = {};

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "vdi-shells-"));
  mkdirSync(join(home, "bin"));
  mkdirSync(join(home, "functions"));
  symlinkSync(join(root, "bin", "vdi"), join(home, "bin", "vdi"));
  env = { HOME: home, PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`, TERM: "dumb" };
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await execa("vdi", ["completion", shell], { env });
    writeFileSync(join(home, shell === "zsh" ? "functions/_vdi" : `vdi.${shell}`), `${stdout}\n`);
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

it("bash completes a command, an option's value and a variable", async () => {
  const complete = async (...line: string[]): Promise<string> => {
    const words = line.map((word) => `'${word}'`).join(" ");
    const script = `. ${home}/vdi.bash; COMP_WORDS=(vdi ${words}); COMP_CWORD=${line.length}; _vdi; echo "\${COMPREPLY[*]}"`;
    return (await execa("bash", ["--norc", "-c", script], { env, cwd: home })).stdout;
  };
  expect(await complete("config", "ex")).toBe("explain");
  expect(await complete("deploy", "--dry-run", "=", "s")).toBe("server");
  expect(await complete("config", "explain", "REPL")).toBe("REPLICAS");
});

it("fish completes with a word on each", async () => {
  const { stdout } = await execa("fish", ["--no-config", "-c", `source ${home}/vdi.fish; complete -C 'vdi config '`], { env, cwd: home });
  expect(stdout).toContain("explain\texplain one variable");
});

// zsh completes only at a real prompt: a pseudo-terminal of its own.
const zshScript = (line: string): string => `
zmodload zsh/zpty
zpty -b shell zsh -f -i
typeset output text
finish() { zpty -d shell; print -r -- "$1"; exit 0 }
zpty -w shell "fpath=(${home}/functions \\$fpath); autoload -Uz compinit; compinit -u -D; PS1='ready> '; print loa''ded"
for try in {1..300}; do
  while zpty -r -t shell text; do output+=$text; done
  [[ $output == *loaded* ]] && break
  sleep 0.1
done
zpty -w -n shell $'${line}\\t'
for try in {1..300}; do
  while zpty -r -t shell text; do output+=$text; done
  [[ $output == *explain* ]] && finish completed
  sleep 0.1
done
finish "$output"
`;

it("zsh completes at its prompt", async () => {
  const { stdout } = await execa("zsh", ["-f", "-c", zshScript("vdi config exp")], { env, cwd: home });
  expect(stdout).toBe("completed");
}, 120_000);
