import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { keepContainersOnFailure } from "./container-artifacts.ts";
import { containerLog, untilContainerSays } from "./container-log.ts";

/** Xpra's own client in a container with a screen of its own. */
export interface NativeClient {
  /** Waits for a line of the client's log; fails with the whole log when it does not come in time. */
  line(pattern: RegExp, deadlineMs?: number): Promise<string>;
  /** Waits for the client to end by itself; gives its log. */
  ended(deadlineMs?: number): Promise<string>;
  /** The titles of the windows on the client's screen. */
  windows(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

// No abstract socket: on the host's network those are shared by all containers. The screen first, then the client on it. The password comes by the environment, so that no argument list holds it.
const script = `
printf %s "$CLIENT_PASSWORD" >/tmp/password; unset CLIENT_PASSWORD
Xvfb :77 -screen 0 1280x800x24 -nolisten tcp -nolisten local -displayfd 3 3>/tmp/display 2>/dev/null &
for _ in $(seq 200); do [ -s /tmp/display ] && break; sleep 0.1; done
[ -s /tmp/display ] || { echo "no Xvfb within 20 s"; exit 1; }
export DISPLAY=:77 HOME=/tmp XDG_RUNTIME_DIR=/tmp
exec /usr/lib/vdi/libexec/xpra "$@" --password-file=/tmp/password \
  --splash=no --ssl-server-verify-mode=none --ssl-check-hostname=no --opengl=no --speaker=off --tray=no --reconnect=no 2>&1`;

/** Starts `xpra ARGS…` with the image's own Xpra 6.5.5, e.g. `["attach", "wss://alice@192.0.2.1/desktop"]`. */
export async function startNativeClient(image: string, password: string, args: readonly string[]): Promise<NativeClient> {
  const name = `vdi-e2e-client-${randomBytes(4).toString("hex")}`;
  await execa(
    "docker",
    [
      "run",
      "-d",
      "--name",
      name,
      "--network=host",
      "-e",
      "CLIENT_PASSWORD",
      "--entrypoint",
      "/bin/bash",
      image,
      "-c",
      script,
      "client",
      ...args,
    ],
    { env: { CLIENT_PASSWORD: password } },
  );
  const forget = keepContainersOnFailure(name, [password]);
  return {
    line(pattern, deadlineMs = 60_000) {
      return untilContainerSays(name, pattern, deadlineMs);
    },
    async ended(deadlineMs = 60_000) {
      const waited = await execa("docker", ["wait", name], { timeout: deadlineMs, reject: false });
      if (waited.failed) throw new Error(`the client did not end within ${deadlineMs} ms; it said:\n${await containerLog(name)}`);
      return containerLog(name);
    },
    async windows() {
      const { stdout, failed } = await execa("docker", ["exec", "-e", "DISPLAY=:77", name, "xwininfo", "-root", "-tree"], {
        reject: false,
      });
      if (failed) throw new Error(`the client's screen cannot be read; the client said:\n${await containerLog(name)}`);
      return [...stdout.matchAll(/0x[0-9a-f]+ "([^"]+)":/g)].map((match) => match[1] ?? "");
    },
    async stop() {
      forget();
      await execa("docker", ["rm", "-f", name], { reject: false });
    },
  };
}
