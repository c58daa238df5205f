import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasImage, Session, type SessionOptions } from "./session-image/session.ts";
import { sessionImage } from "./support/images.ts";

// The session image alone: what a pod of it does under the limits of Pod Security "restricted" with a read-only root filesystem.
const sessions: Session[] = [];

async function session(options: SessionOptions): Promise<Session> {
  const started = await Session.start(options);
  sessions.push(started);
  return started;
}

beforeAll(async () => {
  if (!(await hasImage())) throw new Error(`the image ${sessionImage} is missing; set VDI_SESSION_IMAGE`);
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((each) => each.remove()));
});

const typicalScript = `cd \${HOME}
find . -name '.*[Pp][Aa][Rr][Ee][Nn][Tt][Ll][Oo][Cc][Kk]' -exec rm -rf {} \\;
xpra start-desktop :0 --html=on --bind-tcp=0.0.0.0:\${SRC_PORT} \${SSL_OPTIONS} --daemon=no --uid=\${U_UID} --gid=\${U_GID} --file-transfer=no --clipboard=no --clipboard-direction=disabled --pulseaudio=yes --start-via-proxy=yes --speaker=on --mdns=yes --start="xrandr -s 1440x810" --start=/usr/bin/xfce4-session --start-on-connect=\${XPRA_TOPDIR_INT}/bin/ask-otp --socket-dir=/tmp --webcam=no --start-new-commands=yes --desktop-scaling=auto --resize-display=yes
`;

describe("a session's own types", () => {
  it.each([
    // The panel is among the last that the session of a desktop starts by itself.
    ["desktop", "desktop", "xfce4-panel"],
    ["desktop-failsafe", "desktop", "xterm"],
    ["seamless", "seamless", "xfce4-terminal"],
  ])("%s becomes ready and runs", async (type, mode, program) => {
    const started = await session({ type });
    expect(await started.ready()).toMatch(new RegExp(`xpra (X11 )?${mode} server version`));
    await started.eventually(`pgrep -x ${program} >/dev/null`);
    expect((await started.inside("ps axo args | grep -E 'screensaver|light-locker|power-manager' | grep -v grep")).output).toBe("");
  });

  it("takes a click for one when the pointer has left before the window manager has seen it", async () => {
    const click = readFileSync(join(import.meta.dirname, "session-image", "click_and_leave.py"), "utf8");
    const started = await session({ type: "desktop", files: { "bin/click.py": click } });
    await started.ready();
    await started.eventually("pgrep -x xfce4-panel >/dev/null");
    const command = "DISPLAY=:0 PYTHONPATH=/usr/lib/vdi/xpra-addon timeout 150 python3 /srv/bin/click.py";
    expect((await started.inside(command, 155_000)).output).toContain("started");
  });

  it("ends when its first program ends", async () => {
    const started = await session({ type: "desktop-failsafe" });
    await started.ready();
    await started.eventually("pgrep -x xterm >/dev/null");
    await started.inside("pkill -x xterm");
    expect(await started.ended()).toBe(0);
  });

  it("ends in Xpra's own way, and before it is killed, when the pod is deleted", async () => {
    const started = await session({ type: "seamless" });
    await started.ready();
    expect(await started.stop()).not.toBe(137);
    expect(await started.logs()).toMatch(/server is terminating/);
  });
});

describe("a session's end", () => {
  // The file tells that what follows SIGTERM is settled.
  const runs = "touch /tmp/runs";
  const editor = `#!/bin/sh\ntrap 'sleep 1; echo the editor has saved; exit' TERM\n${runs}\nwhile :; do sleep 0.1; done\n`;

  it.each([
    ["the pod is deleted", async (started: Session) => started.stop()],
    [
      "Xpra is stopped from outside, by a command that is left alone",
      async (started: Session) => {
        // How the command itself ended the engine may not know any more once the session has.
        expect((await started.inside("xpra stop; sleep 0.5; echo stopped")).output).toContain("stopped");
        return started.ended();
      },
    ],
  ])("leaves the user's programs time to save when %s", async (_when, end) => {
    const started = await session({ script: "xpra start :0 --start=editor\n", files: { "bin/editor": editor } });
    await started.ready();
    await started.eventually("[ -e /tmp/runs ]");
    expect(await end(started)).not.toBe(137);
    expect(await started.logs()).toMatch(/the editor has saved/);
  });

  it("comes also when a program does not want to end", async () => {
    const started = await session({
      script: "xpra start :0 --start=deaf\n",
      files: { "bin/deaf": `#!/bin/sh\ntrap '' TERM\n${runs}\nwhile :; do sleep 1; done\n` },
    });
    await started.ready();
    await started.eventually("[ -e /tmp/runs ]");
    expect(await started.stop()).not.toBe(137);
  });

  it("is still Xpra's after somebody has typed a second start", async () => {
    const started = await session({ type: "seamless" });
    await started.ready();
    expect(await started.inside("xpra start :1")).toMatchObject({
      code: 1,
      output: expect.stringContaining("this session has its Xpra already"),
    });
    expect(await started.stop()).not.toBe(137);
    expect(await started.logs()).toMatch(/server is terminating/);
  });
});

describe("what an image has of Debian", () => {
  it("writes to /var/tmp, and knows the language and the old names of zones that scripts set", async () => {
    const started = await session({
      script: "export LANG=en_US.UTF-8 TZ=US/Eastern\ndate +%Z\nlocale charmap\ntouch /var/tmp/x && echo written\n",
    });
    await started.ended();
    expect(await started.logs()).toMatch(/^E[DS]T\nUTF-8\nwritten$/m);
  });
});

describe("the session's password", () => {
  it("lets in who knows it, and nobody else", async () => {
    const started = await session({ type: "seamless" });
    await started.ready();
    expect(await started.client("id", Session.password)).toMatchObject({ code: 0 });
    const wrong = await started.client("info", "not-the-password");
    expect(wrong.code).not.toBe(0);
    expect(wrong.output).toMatch(/authentication failed/i);
    expect((await started.client("info", "")).code).not.toBe(0);
    expect(await started.logs()).not.toContain(Session.password);
  });

  it.each([
    ["asks for none on the address", "xpra start :0 --bind-tcp=0.0.0.0:14500,auth=none --daemon=no --start=xterm"],
    ["asks for none for all addresses", "xpra start :0 --tcp-auth=none --bind-tcp=0.0.0.0:14500 --start=xterm"],
    ["calls Xpra by its path", "/usr/bin/xpra start :0 --bind-tcp=0.0.0.0:14500 --tcp-auth none --start=xterm"],
  ])("holds when the script %s", async (_what, script) => {
    const started = await session({ script });
    await started.ready();
    const without = await started.client("info", "wrong");
    expect(without.code).not.toBe(0);
    expect(without.output).toMatch(/authentication failed/i);
    expect(await started.client("id", Session.password)).toMatchObject({ code: 0 });
  });

  it("is needed to start at all", async () => {
    const started = await session({ type: "seamless", env: { XPRA_PASSWORD: "" } });
    expect(await started.ended()).toBe(5);
    expect(await started.logs()).toMatch(/XPRA_PASSWORD is empty/);
  });
});

describe("a session script of the shell system", () => {
  it("runs with the typical line as it stands", async () => {
    const started = await session({ script: typicalScript, files: { "bin/ask-otp": "#!/bin/sh\n" } });
    expect(await started.ready()).toMatch(/xpra X11 desktop server version/);
    await started.eventually("pgrep -x xfce4-session >/dev/null");
    await started.eventually("DISPLAY=:0 xrandr | grep -q 'current 1440 x 810'");
    expect((await started.client("info", "wrong")).code).not.toBe(0);
  });

  it("runs when it names no display, and ends with the browser", async () => {
    const started = await session({
      script: `find . -name '.*[Pp][Aa][Rr][Ee][Nn][Tt][Ll][Oo][Cc][Kk]' -exec rm -rf {} \\;
xpra start --bind-tcp=0.0.0.0:\${SRC_PORT} \${SSL_OPTIONS} --daemon=no --start-via-proxy=yes --start-child=$XPRA_TOPDIR_INT/bin/start-browser --exit-with-children=yes \`[ -n "\${XPRA_SOCKET_DIR}" ] && echo --socket-dir=\${XPRA_SOCKET_DIR}\`
echo the script goes on
`,
      files: { "bin/start-browser": "#!/bin/sh\nxterm & wait\n" },
    });
    await started.ready();
    await started.eventually("pgrep -x xterm >/dev/null");
    await started.inside("pkill -x xterm");
    expect(await started.ended()).toBe(0);
    expect(await started.logs()).toMatch(/the script goes on/);
  });

  it("finds its environment, its home and its display", async () => {
    const started = await session({
      script: 'env; pwd; ls -A; date +%Z; stat -c %a "$HOME" "$XDG_RUNTIME_DIR"; exec xpra start :7 --start="env DISPLAY=:7 xterm"\n',
      env: { XPRA_OWN: "of the admin", XPRA_SOCKET_DIR: "/srv/xpra-socket", PASSWD_ENTRY: "alice:x:20001:20001::/home/alice:/bin/bash" },
    });
    const log = await started.ready();
    for (const line of [
      "SRC_PORT=14500",
      "SSL_OPTIONS=",
      "U_UID=20001",
      "U_GID=20001",
      "U_HOME=/home/alice",
      "HOME=/home/alice",
      "USER=alice",
      "XPRA_MODE=session",
      "XPRA_MHD=NHD",
      "XPRA_OWN=of the admin",
      "XPRA_SESSION=test",
      "XDG_RUNTIME_DIR=/run/user/20001",
      "PWD=/home/alice",
      ".bashrc",
      // In summer and winter.
      "CES?T",
      "700\n700",
    ])
      expect(log).toMatch(new RegExp(`^${line.replaceAll(".", "\\.")}$`, "m"));
    expect(log).toMatch(/^PATH=\/srv\/bin:\/usr\/lib\/vdi\/bin:/m);
    expect(log).toMatch(/^IP_ADDRESS=\d+\.\d+\.\d+\.\d+$/m);
    expect(log).toMatch(/^XDG_CONFIG_HOME=\/home\/alice\/\.[0-9a-f]+$/m);
    for (const name of [
      "HOSTNAME",
      "DNAME",
      "NAMESPACE",
      "XPRA_POD_DISPLAY",
      "XPRA_STATUS_DIR",
      "PRESTOP_CMD",
      "GROUP_ENTRIES",
      "XPRA_ARGV",
      "IDM_DOMAIN",
    ])
      expect(log).toMatch(new RegExp(`^${name}=`, "m"));
    await started.eventually("pgrep -x xterm >/dev/null");
    // What the engine says when the session has ended before it was asked how the command did.
    const output = (await started.inside('xpra stop 2>&1; echo "code $?"')).output.replace(
      /^Error response from daemon: No such exec.*$/m,
      "",
    );
    expect(output).toMatch(/^code 0$/m);
    expect(output).not.toMatch(/error/i);
    expect(await started.ended()).toBe(0);
  });

  it("runs in a home whose name is longer than a socket's may be, and is found by xpra stop", async () => {
    const home = `/home/${"a".repeat(120)}`;
    const started = await session({ script: "exec xpra start :0 --start=xterm\n", env: { HOME: home, U_HOME: home } });
    await started.ready();
    await started.inside("xpra stop");
    expect(await started.ended()).toBe(0);
  });

  it("is reached where it names no address", async () => {
    const started = await session({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of a shell script
      script: "IP_ADDRESS=\nexec xpra start --bind-tcp=${IP_ADDRESS}:${SRC_PORT} --start=xterm\n",
    });
    await started.ready();
    expect(await started.client("id", Session.password)).toMatchObject({ code: 0 });
  });

  it("keeps a site's Xpra configuration, less what stops today's Xpra", async () => {
    const started = await session({
      script: "xpra start :0 --start=xterm\n",
      files: {
        "etc/xpra/conf.d/55_server_x11.conf": "xvfb = Xorg -dpi 96 \\\n  -config x.conf\nwm-name = Site\n",
        "etc/xpra/conf.d/60_server.conf": "fake-xinerama = yes\npacket-encoders = rencode\ntcp-auth = none\nstart-env = SITE=here\n",
      },
    });
    const log = await started.ready();
    expect(log).toMatch(/left out of 55_server_x11\.conf: xvfb/);
    expect(log).toMatch(/left out of 60_server\.conf: fake-xinerama, packet-encoders, tcp-auth/);
    await started.eventually("tr '\\0' '\\n' < /proc/$(pgrep -x xterm)/environ | grep -qx SITE=here");
    expect((await started.client("info", "wrong")).code).not.toBe(0);
  });
});

describe("what an administrator gets wrong", () => {
  it("names the script that is not there", async () => {
    const started = await session({ type: "no-such" });
    expect(await started.ended()).toBe(5);
    expect(await started.logs()).toMatch(/no session script: \/srv\/session_types\/default\/xpra_startup_no-such\.sh/);
  });

  it("goes on with the usual size when the screen's size is none", async () => {
    const started = await session({ type: "seamless", env: { XPRA_SCREEN: "huge" } });
    expect(await started.ready()).toMatch(/XPRA_SCREEN='huge' is no size: 3840x2160 instead/);
  });
});
