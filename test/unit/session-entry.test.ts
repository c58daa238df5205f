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

describe("a deployment's own programs", () => {
  it("take the place of the image's where they can be run", () => {
    mkdirSync(path.join(top, "bin"));
    for (const [name, mode] of [
      ["session-supervise", 0o755],
      ["session-entry", 0o644],
    ] as const)
      writeFileSync(path.join(top, "bin", name), "#!/bin/sh\n", { mode });
    const lines = `for name in ("session-supervise", "session-entry", "xpra"): print(entry.own_or("/usr/lib/vdi/bin/" + name, env))`;
    expect(run(lines, { XPRA_TOPDIR_INT: top })).toBe(
      `${top}/bin/session-supervise\n/usr/lib/vdi/bin/session-entry\n/usr/lib/vdi/bin/xpra\n`,
    );
  });
});

describe("the end of the first program", () => {
  it("starts the deployment's own session-supervise", () => {
    mkdirSync(path.join(top, "bin"));
    writeFileSync(path.join(top, "bin/session-supervise"), "#!/bin/sh\n", { mode: 0o755 });
    const lines = `
for name in ("complete", "start_x_server", "start_session_bus", "carry_site_config"): setattr(entry, name, lambda env: None)
os.execv = lambda program, words: print(program, words)
entry.main()
`;
    const said = run(lines, { XPRA_TOPDIR_INT: top, XPRA_PASSWORD: "x", HOME: top, VDI_SESSION_SCRIPT: "/srv/session_types/x.sh" });
    expect(said).toBe(`vdi: phase starting x.sh\n${top}/bin/session-supervise ['${top}/bin/session-supervise']\n`);
  });
});

describe("a site's own Xpra configuration", () => {
  it("is carried without Debian's profile, which resets the PATH, and with every other source", () => {
    const conf = path.join(top, "etc/xpra/conf.d");
    mkdirSync(conf, { recursive: true });
    writeFileSync(path.join(conf, "60_server.conf"), "source = /etc/profile\nsource = /srv/etc/site.env\nstart-env = A=b=c\n");
    const said = run("entry.carry_site_config(env)", { XPRA_TOPDIR_INT: top, XDG_RUNTIME_DIR: top });
    expect(said).toBe("vdi: left out of 60_server.conf: source\n");
    expect(readFileSync(path.join(top, "site/xpra/conf.d/60_server.conf"), "utf8")).toBe("source = /srv/etc/site.env\nstart-env = A=b=c\n");
  });
});

describe("the home directory", () => {
  const make = (lines: string, skeleton = "/nonexistent"): string =>
    run(`home = ${JSON.stringify(path.join(top, "home/alice"))}\nentry.SKEL = ${JSON.stringify(skeleton)}\n${lines}`);

  it("is there once it is complete: an interrupted start leaves nothing that the next one takes for it", () => {
    const skeleton = path.join(top, "skel");
    mkdirSync(path.join(skeleton, ".config"), { recursive: true });
    writeFileSync(path.join(skeleton, ".bashrc"), "PS1=x\n");
    const interrupted = `
def interrupt(source, target):
    open(f"{target}/half", "w").close()
    raise KeyboardInterrupt
whole, entry.copy_tree = entry.copy_tree, interrupt
try:
    entry.make_home(home)
except KeyboardInterrupt:
    print(os.path.exists(home))
entry.copy_tree = whole
print(entry.make_home(home), sorted(os.listdir(home)), os.listdir(os.path.dirname(home)), oct(os.stat(home).st_mode))
`;
    expect(make(interrupted, skeleton)).toBe("False\nTrue ['.bashrc', '.config'] ['alice'] 0o40700\n");
  });

  it("is that of another session when that one was first", () => {
    mkdirSync(path.join(top, "skel"));
    const second = `
def first(source, target):
    os.makedirs(f"{home}/.config")
entry.copy_tree = first
print(entry.make_home(home), os.listdir(home), os.listdir(os.path.dirname(home)))
`;
    expect(make(second, path.join(top, "skel"))).toBe("True ['.config'] ['alice']\n");
  });

  it("is named with its owner when that is somebody else", () => {
    const other = `
os.makedirs(home)
os.getuid = lambda: 20007
try:
    entry.fail_without_home(home)
except SystemExit as end:
    print(end.code)
`;
    expect(make(`sys.stderr = sys.stdout\n${other}`)).toMatch(/belongs to the uid \d+, but this session runs as 20007: chown it\n5/);
  });
});

describe("the session's address", () => {
  it("is what the engine has written down for its name", () => {
    const hosts = path.join(top, "hosts");
    writeFileSync(hosts, "127.0.0.1\tlocalhost\n# 9.9.9.9 alice-1\n172.18.0.7\talice-1 a\n");
    expect(
      run(`print(entry.own_address("alice-1", ${JSON.stringify(hosts)}), [entry.own_address("other", ${JSON.stringify(hosts)})])`),
    ).toBe("172.18.0.7 ['']\n");
  });
});

describe("a SIGTERM", () => {
  it("ends a session that is being prepared", () => {
    const lines = `
env["XPRA_PASSWORD"] = "of-a-test"
entry.complete = lambda env: os.kill(os.getpid(), 15)
try:
    entry.main()
except SystemExit as end:
    print(end.code)
`;
    expect(run(lines, { XPRA_TOPDIR_INT: top })).toBe("143\n");
  });
});
