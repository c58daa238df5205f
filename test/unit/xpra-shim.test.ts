import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const shim = fileURLToPath(new URL("../../to_container/bin/xpra", import.meta.url));

/** What the session image's `xpra` hands to the real one. */
function rewritten(args: readonly string[]): string[] {
  const output = execFileSync("python3", [shim, "--vdi-print", ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, PORT: "14500" },
  });
  return output.trimEnd().split("\n");
}

/** The words of a command line as bash makes them, with the environment of a session. */
function words(line: string): string[] {
  const output = execFileSync("bash", ["-c", `printf '%s\\n' ${line}`], {
    encoding: "utf8",
    env: {
      PATH: process.env.PATH,
      SRC_PORT: "14500",
      SSL_OPTIONS: "",
      U_UID: "20001",
      U_GID: "20001",
      XPRA_TOPDIR_INT: "/srv",
      XPRA_SOCKET_DIR: "/tmp",
    },
  });
  return output.trimEnd().split("\n");
}

const typicalLine =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of a shell script
  'start-desktop :0 --html=on --bind-tcp=0.0.0.0:${SRC_PORT} ${SSL_OPTIONS} --daemon=no --uid=${U_UID} --gid=${U_GID} --file-transfer=no --clipboard=no --clipboard-direction=disabled --pulseaudio=yes --start-via-proxy=yes --speaker=on --mdns=yes --start="xrandr -s 1440x810" --start=/usr/bin/xfce4-session --start-on-connect=${XPRA_TOPDIR_INT}/bin/ask-otp --socket-dir=/tmp --webcam=no --start-new-commands=yes --desktop-scaling=auto --resize-display=yes';

describe("the session's xpra", () => {
  it("takes the typical line of the shell system as it stands", () => {
    const args = rewritten(words(typicalLine));
    expect(args.slice(0, 2)).toEqual(["desktop", ":0"]);
    expect(args).toContain("--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD");
    expect(args).toContain("--resize-display=yes:1440x810");
    expect(args).toContain("--start=/usr/bin/xfce4-session");
    expect(args).toContain("--start-on-connect=/srv/bin/ask-otp");
    expect(args).toContain("--clipboard=no");
    expect(args).toContain("--daemon=no");
    expect(args).toContain("--use-display=yes");
    expect(args.join("\n")).not.toMatch(/start-via-proxy|xrandr|--uid|--gid|--mdns=yes/);
  });

  it.each([
    ["start", "seamless"],
    ["start-desktop", "desktop"],
    ["seamless", "seamless"],
    ["desktop", "desktop"],
    ["start-monitor", "monitor"],
  ])("starts %s as %s on the display that runs", (asked, mode) => {
    expect(rewritten([asked, ":17"]).slice(0, 2)).toEqual([mode, ":0"]);
  });

  it("gives a display and a port to a script that names neither", () => {
    const args = rewritten(["start", "--start-child=/srv/bin/start-browser", "--exit-with-children=yes"]);
    expect(args.slice(0, 2)).toEqual(["seamless", ":0"]);
    expect(args).toContain("--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD");
    expect(args).toContain("--exit-with-children=yes");
  });

  it.each([
    ["auth=none on the address", ["--bind-tcp=0.0.0.0:14500,auth=none"], "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD"],
    [
      "the address in an argument of its own",
      ["--bind-tcp", "0.0.0.0:14500,auth=none"],
      "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD",
    ],
    ["several modules", ["--bind-tcp=:14500,auth=allow,auth=none"], "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD"],
    ["a port for WebSocket", ["--bind-ws=0.0.0.0:8080,auth=none"], "--bind-ws=0.0.0.0:8080,auth=env:name=XPRA_PASSWORD"],
    ["an option that is not on the address", ["--tcp-auth=none"], "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD"],
    ["the same in two arguments", ["--tcp-auth", "none"], "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD"],
  ])("asks for the session's password in spite of %s", (_what, given, expected) => {
    const args = rewritten(["start", ":0", ...given]);
    expect(args).toContain(expected);
    expect(args.filter((arg) => /^--(bind-|[a-z]*-?auth)/.test(arg)).every((arg) => arg.endsWith(",auth=env:name=XPRA_PASSWORD"))).toBe(
      true,
    );
    expect(args).not.toContain("none");
  });

  it.each([
    "--bind-tcp=:14500",
    "--bind-tcp=127.0.0.1:14500",
    "--bind-tcp=localhost:14500",
    "--bind-ws=0.0.0.0:14500",
    "--bind-ssl=:14500",
  ])("lets the proxies in by %s", (option) => {
    const binds = rewritten(["start", ":0", option]).filter((arg) => arg.startsWith("--bind-"));
    expect(binds).toEqual(["--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD"]);
  });

  it("lets the proxies in beside what a script opens for itself", () => {
    const binds = rewritten(["start", "--bind-tcp=127.0.0.1:9000", "--bind-wss=:9001"]).filter((arg) => arg.startsWith("--bind-"));
    expect(binds).toEqual([
      "--bind-tcp=127.0.0.1:9000,auth=env:name=XPRA_PASSWORD",
      "--bind-wss=:9001,auth=env:name=XPRA_PASSWORD",
      "--bind-tcp=0.0.0.0:14500,auth=env:name=XPRA_PASSWORD",
    ]);
  });

  it("leaves out what only an older Xpra knows, and says so", () => {
    const options = [
      "--dbus-proxy=yes",
      "--global-menus=no",
      "--proxy-video-encoders",
      "none",
      "--bind-udp",
      "0.0.0.0:14500",
      "--udp-auth=none",
    ];
    const args = rewritten(["start", ":0", ...options]);
    expect(args.filter((arg) => /menus|dbus-proxy|encoders|udp|none|^0\./.test(arg))).toEqual([
      "# --dbus-proxy: it is gone",
      "# --global-menus: it is gone",
      "# --proxy-video-encoders: it is the proxy's",
      "# --bind-udp: sessions are reached through the proxy",
      "# --udp-auth: sessions are reached through the proxy",
    ]);
  });

  it("knows the word that starts a server behind short options with a value", () => {
    expect(rewritten(["-d", "auth", "-z", "1", "start", ":5"]).slice(0, 6)).toEqual(["seamless", ":0", "-d", "auth", "-z", "1"]);
  });

  it("starts no second server in a session", () => {
    const directory = mkdtempSync(join(tmpdir(), "vdi-shim-"));
    const own = spawn("sleep", ["60"]);
    try {
      writeFileSync(join(directory, "vdi-xpra.pid"), `${own.pid}\n`);
      const outcome = spawnSync("python3", [shim, "start", ":0"], {
        encoding: "utf8",
        env: { PATH: process.env.PATH, XDG_RUNTIME_DIR: directory },
      });
      expect(outcome).toMatchObject({ status: 1, stderr: expect.stringContaining("this session has its Xpra already") });
      expect(readFileSync(join(directory, "vdi-xpra.pid"), "utf8")).toBe(`${own.pid}\n`);
    } finally {
      own.kill();
      rmSync(directory, { recursive: true });
    }
  });

  it.each([["--bind-rfb=0.0.0.0:5900"], ["--bind-ssh=0.0.0.0:22"], ["--bind-quic=0.0.0.0:443"], ["--bind-tc=0.0.0.0:1"]])(
    "opens no port by %s, and says so",
    (option) => {
      const args = rewritten(["start", option]);
      expect(args).not.toContain(option);
      expect(args.some((arg) => arg.startsWith(`# ${option.split("=")[0]}`))).toBe(true);
    },
  );

  it.each([
    [["--resize-display=no", "--start=xrandr -s 1440x810"], "--resize-display=no:1440x810"],
    [["--start-child=/usr/bin/xrandr --size 800x600"], "--resize-display=yes:800x600"],
    [["--start", "xrandr -s 1024x768", "--resize-display", "auto"], "--resize-display=yes:1024x768"],
    [["--resize-display=1920x1080"], "--resize-display=1920x1080"],
    [["--resize-display=auto"], "--resize-display=yes:1920x1080"],
    [[], "--resize-display=yes:1920x1080"],
  ])("reads the size from %j", (options, expected) => {
    expect(rewritten(["start-desktop", ":0", ...options])).toContain(expected);
  });

  it("begins with the whole screen when windows are shown one by one", () => {
    expect(rewritten(["start", ":0"])).toContain("--resize-display=yes:3840x2160");
  });

  it("keeps programs, and leaves out what only a daemon knows, in every spelling", () => {
    const args = rewritten([
      "start",
      "--daemon",
      "--no-mdns",
      "--no-daemon",
      "--uid",
      "0",
      ":3",
      "--start",
      "xterm -e 'a b'",
      "--env=A=b=c",
    ]);
    expect(args).toContain("--start=xterm -e 'a b'");
    expect(args).toContain("--env=A=b=c");
    expect(args.filter((arg) => arg.includes("daemon"))).toEqual(["--daemon=no"]);
    expect(args).not.toContain("0");
  });

  it("leaves out a directory for sockets that cannot be written to", () => {
    const args = rewritten(["start", "--socket-dir=/nonexistent/sockets", "--socket-dir=/tmp"]);
    expect(args).toContain("--socket-dir=/tmp");
    expect(args).not.toContain("--socket-dir=/nonexistent/sockets");
  });

  it.each([[["stop"]], [["info", "tcp://127.0.0.1:14500/"]], [["control", ":0", "start", "xterm"]], [["--version"]], [["list"]]])(
    "does not touch %j",
    (args) => {
      expect(rewritten(args)).toEqual(args);
    },
  );

  it("takes any display's number for the only one", () => {
    expect(rewritten(["stop", ":12"])).toEqual(["stop", ":0"]);
  });
});
