import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { keepContainersOnFailure } from "../support/container-artifacts.ts";
import { proxyImage, sessionImage } from "../support/images.ts";

const run = promisify(execFile);
const here = join(import.meta.dirname);
const images = { proxy: proxyImage, session: sessionImage };

/** A session as the fake broker answers it (fake_broker.py). */
export type FakeSession = {
  readonly display?: string;
  readonly afterSeconds?: number;
  readonly error?: { readonly code: number; readonly reason: string; readonly message: string };
};

/** A packet that the raw client got: seconds since its start, the packet's type, and what the test may look at. */
export type Packet = readonly [number, string, ...unknown[]];

/** What the raw client is to do (raw_client.py). */
export type RawOrder = {
  readonly transport?: "wss" | "ssl";
  readonly user?: string;
  readonly password?: string;
  readonly hello?: Readonly<Record<string, unknown>>;
  readonly first?: readonly (readonly unknown[])[];
  readonly bomb?: number;
  readonly endless?: number;
  readonly hostile?: readonly (readonly [flags: number, hex: string, times: number, packed: boolean])[];
  readonly again?: number;
  readonly seconds?: number;
  readonly until?: string;
  readonly origin?: string;
};

/** A line that the proxy writes for programs: who signed in, attached and left. */
export type LogLine = {
  readonly time: string;
  readonly event: string;
  readonly user: string;
  readonly unknown?: true;
  readonly outcome?: string;
  readonly reason?: string;
  readonly address?: string;
  readonly door?: string;
  readonly session?: string;
  readonly message?: string;
  readonly times?: number;
};

/** An answer of the door's web server. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
};

/** The proxy's image with a fake broker and one real session, on a Docker network of its own. */
export class Rig {
  static readonly password = "correct-horse";
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly secret: string;
  readonly #forget: () => void;
  #agent = new Agent({ rejectUnauthorized: false });

  private constructor(name: string, address: string) {
    this.name = name;
    const [host = "127.0.0.1", port = "0"] = address.trim().split(":");
    this.host = host;
    this.port = Number(port);
    this.directory = join(process.env["VDI_RIG"] ?? "/tmp/vdi-rig", name);
    this.#forget = keepContainersOnFailure(`${name}-`, [Rig.password]);
    this.secret = readFileSync(join(this.directory, "secret"), "utf8").trim();
  }

  /** Starts everything; `options` are more arguments of `docker run` for the proxy. */
  static async up(name: string, options = ""): Promise<Rig> {
    const env = { ...process.env, VDI_RIG_OPTIONS: options, VDI_PROXY_IMAGE: proxyImage, VDI_SESSION_IMAGE: sessionImage };
    const { stdout } = await run(join(here, "rig.sh"), ["up", name], { env });
    return new Rig(name, stdout.trim().split("\n").at(-1) ?? "");
  }

  async down(): Promise<void> {
    this.#forget();
    this.#agent.destroy();
    await run(join(here, "rig.sh"), ["down", this.name]);
  }

  /** An address of the rig's network that nobody has. */
  get unusedAddress(): string {
    const state = readFileSync(join(this.directory, "broker", "state.json"), "utf8");
    return `${/@(\d+\.\d+\.\d+)\./.exec(state)?.[1]}.250`;
  }

  /** Another session container of xpra-user01; gives its address. */
  async session(name: string, secret: string, type = "desktop"): Promise<string> {
    const { stdout } = await run(join(here, "rig.sh"), ["session", this.name, `${this.name}-${name}`, "20001", type, secret]);
    return stdout.trim();
  }

  async docker(...args: string[]): Promise<string> {
    const { stdout, stderr } = await run("docker", args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout + stderr;
  }

  /** Runs the addon's own tests in the proxy's image, for 380 s at most; their output. */
  async addonTests(): Promise<string> {
    const addon = process.env["VDI_ADDON"] ?? "/usr/lib/vdi/xpra-addon";
    const mounts = ["-v", `${here}/addon_tests:/tests:ro`, ...(process.env["VDI_ADDON"] ? ["-v", `${addon}:/srv/xpra-addon:ro`] : [])];
    const path = process.env["VDI_ADDON"] ? "/srv/xpra-addon" : addon;
    const name = `${this.name}-addon-tests`;
    try {
      return await this.docker(
        ...["run", "--name", name, "--network", "none", ...mounts, "-e", `PYTHONPATH=${path}`, images.proxy],
        // Interrupted, it says where it was.
        ...["timeout", "-k", "5", "-s", "INT", "380", "python3", "-m", "unittest", "discover", "-v", "-s", "/tests"],
      );
    } finally {
      await this.docker("rm", "-f", name);
    }
  }

  /** Starts the proxy once more with other settings, which end it; its output. */
  async start(env: Readonly<Record<string, string>>): Promise<string> {
    const settings = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const mount = ["-v", `${this.directory}/ssl:/etc/xpra/ssl:ro`];
    const failure = run("docker", [
      "run",
      "--rm",
      "--network",
      "none",
      ...mount,
      ...settings,
      images.proxy,
      "timeout",
      "15",
      "start-proxy",
    ]);
    return await failure.then(
      () => "it started",
      (error: Error & { stderr?: string }) => error.stderr ?? error.message,
    );
  }

  /** What a container has logged so far, with all that its first process had written when this was called. */
  async logs(part: "proxy" | "broker" | "session"): Promise<string> {
    const container = `${this.name}-${part}`;
    // What goes through the same two pipes after it: when the engine has kept the mark, it has kept what came before.
    const mark = `-- read ${randomUUID()} --`;
    const write = `for pipe in 1 2; do echo '${mark}' > /proc/1/fd/$pipe; done`;
    await this.docker("exec", container, "sh", "-c", write);
    const deadline = performance.now() + 30_000;
    for (;;) {
      const text = await this.docker("logs", container);
      if (text.split(mark).length > 2) return text.replace(/^-- read [-0-9a-f]{36} --\n/gm, "");
      if (performance.now() > deadline)
        throw new Error(`${container}: its log lacks after 30 s what was written; last: ${text.slice(-2_000)}`);
      await sleep(100);
    }
  }

  /** The proxy's own lines of its log (record.py) of one kind, oldest first. */
  async events(event: "sign-in" | "attach" | "detach"): Promise<readonly LogLine[]> {
    const lines = (await this.logs("proxy")).split("\n").filter((line) => line.startsWith('{"time":'));
    return lines.map((line): LogLine => JSON.parse(line)).filter((line) => line.event === event);
  }

  /** Everything that the broker was asked for, oldest first. */
  async asked(): Promise<{ path: string; user: string; body: { display?: string } }[]> {
    const lines = (await this.logs("broker")).split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line));
  }

  /** Changes what the broker answers from its next question on. */
  async answer(user: string, display: string, session: FakeSession): Promise<void> {
    const path = join(this.directory, "broker", "state.json");
    const state = JSON.parse(await readFile(path, "utf8"));
    state.sessions[`${user}/${display}`] = session;
    await writeFile(path, JSON.stringify(state));
  }

  /** Replaces the text of a file of users (passwd, shadow or group), in place as a Secret's volume does. */
  async users(file: string, change: (text: string) => string): Promise<void> {
    const path = join(this.directory, "users", file);
    await writeFile(path, change(await readFile(path, "utf8")));
  }

  /** A connection of Xpra's protocol that says what the order says; all packets that came. */
  async raw(order: RawOrder): Promise<Packet[]> {
    return this.#rawClient(order).packets;
  }

  /** The same in two steps: the client is there, and connects when the function is called. The packets' times count from then. */
  async readyRaw(order: RawOrder): Promise<() => Promise<Packet[]>> {
    const { child, packets } = this.#rawClient(order, true);
    // It prints that it waits, or ends.
    await Promise.race([once(child.stdout, "data"), packets]);
    return async () => {
      child.stdin.end("\n");
      return (await packets).filter(([, kind]) => kind !== "waiting");
    };
  }

  #rawClient(order: RawOrder, wait = false) {
    const args = ["run", "--rm", "-i", "--network", this.name, "-v", `${here}/raw_client.py:/raw_client.py:ro`, images.proxy];
    const child = spawn("docker", [...args, "python3", "/raw_client.py"], { stdio: ["pipe", "pipe", "pipe"] });
    const whole = { host: `${this.name}-proxy`, port: 8443, user: "xpra-user01", password: Rig.password, until: "hello", ...order, wait };
    child.stdin.write(`${JSON.stringify(whole)}\n`);
    if (!wait) child.stdin.end();
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    const late = setTimeout(() => child.kill("SIGKILL"), Math.max(120, (order.seconds ?? 30) + 60) * 1_000);
    const packets = once(child, "close").then((): Packet[] => {
      clearTimeout(late);
      const lines = `${out}\n${err}`.split("\n").filter((line) => line.startsWith("["));
      if (lines.length === 0) throw new Error(`the raw client said nothing within two minutes: ${err}`);
      return lines.map((line) => JSON.parse(line));
    });
    return { child, packets };
  }

  /** Connections that hardly take what they have asked for (slow_readers.py), on the proxy's own network; until it is killed. */
  async slowReaders(path: string, connections: number): Promise<ChildProcess> {
    const args = ["run", "--rm", "--init", "--network", this.name, "-v", `${here}/slow_readers.py:/slow_readers.py:ro`, images.proxy];
    const program = ["python3", "/slow_readers.py", `${this.name}-proxy`, "8443", path, `${connections}`];
    const child = spawn("docker", [...args, ...program], { stdio: ["ignore", "pipe", "inherit"] });
    // Its first line, or its end.
    await Promise.race([once(child.stdout, "data"), once(child, "close")]);
    child.stdout.resume();
    return child;
  }

  /**
   * Xpra's own client of today under Xvfb, until it ends, all of `until` is in its output, or two minutes are over; its whole output.
   * Its threads write in no order.
   */
  async native(until: RegExp | readonly RegExp[], ...args: string[]): Promise<string> {
    const script =
      'mkdir -p /tmp/h; mkdir -m 700 /tmp/run; Xvfb :9 -screen 0 1280x800x24 >/dev/null 2>&1 & n=0; until [ -S /tmp/.X11-unix/X9 ] || [ $n -gt 100 ]; do n=$((n + 1)); sleep 0.1; done; export DISPLAY=:9; timeout -k 3 -s INT 120 /usr/lib/vdi/libexec/xpra "$@" 2>&1; echo "exit $?"';
    const name = `${this.name}-client-${Math.random().toString(36).slice(2)}`;
    const options = ["--user", "1234:1234", "--read-only", "--tmpfs", "/tmp", "-e", "HOME=/tmp/h", "-e", "XDG_RUNTIME_DIR=/tmp/run"];
    // Its splash screen is a process of its own, whose early end is the end of the client.
    const client = ["bash", "-c", script, "x", ...args, "--splash=no", "--ssl-server-verify-mode=none", "--ssl-check-hostname=no"];
    const child = spawn("docker", ["run", "--rm", "--name", name, "--network", this.name, ...options, images.session, ...client]);
    let out = "";
    let ended = false;
    const awaited = [until].flat();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      const lines = out.slice(0, out.lastIndexOf("\n") + 1);
      if (ended || !awaited.every((each) => each.test(lines))) return;
      ended = true;
      void run("docker", ["kill", name]).catch(() => undefined);
    });
    await new Promise((resolve) => child.once("close", resolve));
    return out;
  }

  /** The address that a native client takes. */
  address(scheme: string, display: string, password = Rig.password, user = "xpra-user01"): string {
    return `${scheme}://${user}:${password}@${this.name}-proxy:8443/${display}`;
  }

  /** A request to the door's web server, with the page's own origin unless `headers` say otherwise. */
  http(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#request(this.#agent, method, path, body, headers);
  }

  /** A request by a connection of its own, as a kubelet's probes are. */
  async freshHttp(method: string, path: string): Promise<Answer> {
    const agent = new Agent({ rejectUnauthorized: false });
    try {
      return await this.#request(agent, method, path, undefined, {});
    } finally {
      agent.destroy();
    }
  }

  #request(agent: Agent, method: string, path: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const text = typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: this.host,
          port: this.port,
          method,
          path,
          agent,
          headers: {
            Origin: `https://${this.host}:${this.port}`,
            ...(text === undefined ? {} : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(text)) }),
            ...headers,
          },
        },
        (response) => {
          let received = "";
          response.setEncoding("utf8").on("data", (piece: string) => {
            received += piece;
          });
          response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: received }));
          response.once("error", reject);
        },
      );
      sent.once("error", reject);
      sent.end(text);
    });
  }

  /** Signs in on the page's way and gives the ticket. */
  async ticket(user = "xpra-user01", password = Rig.password): Promise<string> {
    const answer = await this.http("POST", "/api/v1/sign-in", { user, password });
    if (answer.status !== 200) throw new Error(`sign-in: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text).ticket;
  }
}

/** Whether the images that these tests need are in the engine. */
export async function hasImages(): Promise<boolean> {
  try {
    await run("docker", ["image", "inspect", images.proxy, images.session]);
    return true;
  } catch {
    return false;
  }
}
