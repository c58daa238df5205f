import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../to_container/bin/session-entry", import.meta.url));

let top = "";
beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), "vdi-session-entry-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** What lines of Python print that have the session's first program as `entry` and its environment as `env`. */
function run(lines: string, env: Readonly<Record<string, string>> = {}): string {
  const load = `
import importlib.machinery, importlib.util, os, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("entry", sys.argv[1])
entry = importlib.util.module_from_spec(importlib.util.spec_from_loader("entry", loader))
loader.exec_module(entry)
env = os.environ
`;
  return execFileSync("python3", ["-c", load + lines, program], { encoding: "utf8", env: { PATH: process.env["PATH"], ...env } });
}

describe("a site's own Xpra configuration", () => {
  it("is carried without Debian's profile, which resets the PATH, and with every other source", () => {
    const conf = path.join(top, "etc/xpra/conf.d");
    mkdirSync(conf, { recursive: true });
    writeFileSync(path.join(conf, "60_server.conf"), "source = /etc/profile\nsource = /srv/etc/site.env\nstart-env = A=b=c\n");
    const said = run("entry.carry_site_config(env)", { XPRA_TOPDIR_INT: top, XDG_RUNTIME_DIR: top });
    expect(said).toBe("vdi: left out of 60_server.conf: source\n");
    expect(readFileSync(path.join(top, "site/xpra/conf.d/60_server.conf"), "utf8")).toBe(
      "source = /srv/etc/site.env\nstart-env = A=b=c\n",
    );
  });
});
