import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { promisify } from "node:util";
import { keepContainersOnFailure } from "../support/container-artifacts.ts";
import { untilContainerSays } from "../support/container-log.ts";
import { proxyImage } from "../support/images.ts";

const run = promisify(execFile);
const here = import.meta.dirname;
const password = "correct-horse";
const user = "xpra-user01";

/** How clients reach the proxy, and what it makes of each. */
export interface Mode {
  readonly transport: "ssl" | "tcp";
  /** True: a process for each client. Xpra 5.1 cannot do that with TLS: a TLS connection cannot be given to another process. */
  readonly processes: boolean;
}

/** What the clients are to do (clients.py): how many of them are to be attached, or for how long they are to type, and how. */
interface Order extends Readonly<Record<string, unknown>> {
  readonly attach?: number;
  readonly seconds?: number;
}

/** What the clients answer to an order (clients.py). */
interface Answer {
  readonly attached: number;
  readonly refused: number;
  readonly pictures: number;
}

/** A proxy with a stand-in for sessions behind it and light clients before it, on a network of their own. */
export class CapacityRig {
  readonly proxy: string;
  readonly #name: string;
  readonly #directory: string;
  readonly #mode: Mode;
  readonly #forget: () => void;
  #clients: { readonly child: ChildProcessWithoutNullStreams; readonly lines: Interface } | undefined;

  private constructor(name: string, directory: string, mode: Mode) {
    this.#name = name;
    this.proxy = `${name}-proxy`;
    this.#directory = directory;
    this.#mode = mode;
    this.#forget = keepContainersOnFailure(`${name}-`, [password]);
  }

  /** Starts everything; `env` is more of the proxy's environment, `options` more of `docker run`. */
  static async up(mode: Mode, env: Readonly<Record<string, string>> = {}, options: readonly string[] = []): Promise<CapacityRig> {
    const name = `vdi-capacity-${randomBytes(3).toString("hex")}`;
    const rig = new CapacityRig(name, await mkdtemp(join(tmpdir(), `${name}-`)), mode);
    try {
      await rig.#start(env, options);
    } catch (error) {
      await rig.down();
      throw error;
    }
    return rig;
  }

  async #start(env: Readonly<Record<string, string>>, options: readonly string[]): Promise<void> {
    const directory = this.#directory;
    const name = this.#name;
    for (const part of ["ssl", "ticket", "users", "broker"]) await mkdir(join(directory, part));
    const subject = [
      "-subj",
      "/CN=localhost",
      "-keyout",
      join(directory, "ssl", "server.key"),
      "-out",
      join(directory, "ssl", "server.crt"),
    ];
    await run("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", ...subject]);
    await writeFile(join(directory, "ticket", "key"), randomBytes(48).toString("base64"));
    const hash = (await run("openssl", ["passwd", "-6", password])).stdout.trim();
    await writeFile(join(directory, "users", "passwd"), `${user}:x:20001:20001:User:/home/${user}:/bin/bash\n`);
    await writeFile(join(directory, "users", "shadow"), `${user}:${hash}:20000:0:99999:7:::\n`);
    await writeFile(join(directory, "users", "group"), `${user}:x:20001:\n`);
    await run("docker", ["network", "create", name]);
    await run("docker", ["volume", "create", `${name}-run`]);
    const volume = ["-v", `${name}-run:/run/vdi:nocopy`];
    await run("docker", ["run", "--rm", ...volume, proxyImage, "sh", "-c", "chown 65532:65533 /run/vdi && chmod 2775 /run/vdi"]);
    const stand = ["-v", `${here}/fake_session.py:/fake_session.py:ro`, proxyImage, "python3", "/fake_session.py"];
    await run("docker", ["run", "-d", "--name", `${name}-session`, "--network", name, ...stand]);
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const address = (await run("docker", ["inspect", "-f", format, `${name}-session`])).stdout.trim();
    const display = `tcp://${user}:unused@${address}:14500/`;
    await writeFile(join(directory, "broker", "state.json"), JSON.stringify({ sessions: { [`${user}/desktop`]: { display } } }));
    const broker = ["-v", `${here}/fake_broker.py:/fake_broker.py:ro`, "-v", `${directory}/broker:/state:ro`, proxyImage];
    await run("docker", [
      ...["run", "-d", "--name", `${name}-broker`, "--network", "none", "--user", "65532:65533", ...volume],
      ...[...broker, "python3", "/fake_broker.py", "/run/vdi/broker/broker.sock", "/state/state.json"],
    ]);
    await this.#startProxy(env, options);
  }

  async #startProxy(env: Readonly<Record<string, string>>, options: readonly string[]): Promise<void> {
    const directory = this.#directory;
    const addon = process.env["VDI_ADDON"];
    const start = addon === undefined ? "/usr/lib/vdi/bin/start-proxy" : "/srv/xpra-addon/start-proxy";
    // A process for each client needs a directory that all of them may write to. Plain TCP is for the comparison only.
    const script = `mkdir -m 1777 /tmp/sockets
      sed 's/INSTANCE_THREADED=1/INSTANCE_THREADED=${this.#mode.processes ? 0 : 1}/; s|/run/user/0/xpra|/tmp/sockets|g' ${start} >/tmp/start
      exec sh /tmp/start --bind-tcp=0.0.0.0:8080,auth=vdi:service=xpra`;
    await run("docker", [
      ...["run", "-d", "--name", this.proxy, "--network", this.#name, "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"],
      ...["--cap-add=KILL", "--security-opt=no-new-privileges", "--group-add=65533", "--read-only", "--tmpfs=/run", "--tmpfs=/tmp"],
      ...["-v", `${this.#name}-run:/run/vdi:ro,nocopy`, "-v", `${directory}/users:/var/lib/extrausers:ro`],
      ...["-v", `${directory}/ssl:/etc/xpra/ssl:ro`, "-v", `${directory}/ticket:/etc/xpra/ticket:ro`],
      ...(addon === undefined ? [] : ["-v", `${addon}:/srv/xpra-addon:ro`]),
      ...Object.entries(env).flatMap(([variable, value]) => ["-e", `${variable}=${value}`]),
      ...[...options, proxyImage, "sh", "-c", script],
    ]);
    await untilContainerSays(this.proxy, /xpra is ready\./, 150_000);
  }

  async #order(order: Order): Promise<Answer> {
    if (this.#clients === undefined) {
      const mounts = [`${here}/clients.py:/load/clients.py:ro`, `${here}/raw_client.py:/load/raw_client.py:ro`];
      const volumes = mounts.flatMap((mount) => ["-v", mount]);
      const args = ["run", "--rm", "-i", "--name", `${this.#name}-clients`, "--network", this.#name, ...volumes, proxyImage];
      const child = spawn("docker", [...args, "python3", "/load/clients.py"], { stdio: ["pipe", "pipe", "pipe"] });
      child.stdin.on("error", () => undefined);
      this.#clients = { child, lines: createInterface({ input: child.stdout }) };
    }
    const { child, lines } = this.#clients;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2_000);
    });
    const seconds = 120 + 2 * (order.attach ?? 0) + (order.seconds ?? 0);
    let late: NodeJS.Timeout | undefined;
    const answer = new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      child.once("close", () => reject(new Error(`the clients ended: ${said}`)));
      late = setTimeout(() => reject(new Error(`the clients did not answer within ${seconds} s; last: ${said}`)), seconds * 1_000);
    });
    child.stdin.write(`${JSON.stringify(order)}\n`);
    return JSON.parse(await answer.finally(() => clearTimeout(late)));
  }

  /** Sees to so many attached clients in all; gives the attempts that were refused so far and made again. */
  async attach(count: number): Promise<number> {
    const { attached, refused } = await this.#order(this.#attachOrder(count));
    if (attached !== count) throw new Error(`${attached} of ${count} clients are attached:\n${await this.log("40")}`);
    return refused;
  }

  /** Attaches clients until the proxy takes no more or so many are attached; gives their number. */
  async attachUpTo(count: number): Promise<number> {
    return (await this.#order(this.#attachOrder(count))).attached;
  }

  /** One more client, which asks for pictures without an end and takes none of them. */
  async flood(): Promise<void> {
    await this.#order({ ...this.#attachOrder(1), flood: true });
  }

  #attachOrder(count: number): Order {
    const { transport } = this.#mode;
    const port = transport === "tcp" ? 8080 : 8443;
    return { attach: count, host: this.proxy, port, transport, user, password, display: "desktop" };
  }

  /** Has each client type; gives the pictures that came back. Throws when a client was lost. */
  async type(keysASecond: number, seconds: number, clients: number): Promise<number> {
    const { attached, pictures } = await this.#order({ type: keysASecond, seconds });
    if (attached !== clients) throw new Error(`${clients - attached} clients were lost while typing:\n${await this.log("40")}`);
    return pictures;
  }

  /** What the proxy has logged so far. */
  async log(lines = "all"): Promise<string> {
    const { stdout, stderr } = await run("docker", ["logs", "--tail", lines, this.proxy], { maxBuffer: 1 << 26 });
    return stdout + stderr;
  }

  /** Takes it all away. */
  async down(): Promise<void> {
    this.#forget();
    const name = this.#name;
    const parts = ["clients", "proxy", "broker", "session"].map((part) => `${name}-${part}`);
    await run("docker", ["rm", "-f", ...parts]).catch(() => undefined);
    await run("docker", ["network", "rm", name]).catch(() => undefined);
    await run("docker", ["volume", "rm", `${name}-run`]).catch(() => undefined);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
