import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { readTextIfThere } from "../../../src/util/atomic-file.ts";
import { keepContainersOnFailure } from "../support/container-artifacts.ts";
import { untilContainerSays } from "../support/container-log.ts";
import { sessionImage } from "../support/images.ts";

const run = promisify(execFile);
const toContainer = join(import.meta.dirname, "..", "..", "..", "to_container");

/** How a command inside or beside a session ended. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** What a test puts into one session. */
export interface SessionOptions {
  /** Text of the session script; without it the distribution's type of that name is started. */
  readonly script?: string;
  readonly type?: string;
  /** Files below `XPRA_TOPDIR_INT`, by their path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Takes the place of the session's own entry. */
  readonly command?: readonly string[];
}

async function docker(args: readonly string[], timeoutMs = 60_000): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run("docker", [...args], { timeout: timeoutMs, maxBuffer: 1 << 24 });
    return { code: 0, output: `${stdout}${stderr}` };
  } catch (error) {
    const failed = error as { code?: number | string; stdout?: string; stderr?: string };
    return { code: typeof failed.code === "number" ? failed.code : 1, output: `${failed.stdout ?? ""}${failed.stderr ?? ""}` };
  }
}

/** Whether the engine has the image under test. */
export async function hasImage(): Promise<boolean> {
  return (await docker(["image", "inspect", "--format", "{{.Id}}", sessionImage])).code === 0;
}

let count = 0;

/** One session's container, limited as its pod would be: any user's id, no capability, a root filesystem that cannot be written. */
export class Session {
  static readonly password = "Ab3dEf6hIj9kLm2n";
  readonly #name: string;
  readonly #directory: string;
  readonly #forget: () => void;

  private constructor(name: string, directory: string) {
    this.#name = name;
    this.#directory = directory;
    this.#forget = keepContainersOnFailure(name, [Session.password]);
  }

  static async start(options: SessionOptions): Promise<Session> {
    count += 1;
    const directory = await mkdtemp(join(tmpdir(), "vdi-session-image-"));
    const session = new Session(`vdi-test-session-${process.pid}-${count}`, directory);
    const type = options.type ?? "test";
    const place = `session_types/default/xpra_startup_${type}.sh`;
    const script = options.script ?? (await readTextIfThere(join(toContainer, place)));
    const files = { ...options.files, ...(script === undefined ? {} : { [place]: script }) };
    await chmod(directory, 0o755);
    await mkdir(join(directory, "srv"));
    for (const [path, text] of Object.entries(files)) {
      const file = join(directory, "srv", path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: 0o755 });
    }
    await writeFile(join(directory, "passwd"), "alice:x:20001:20001:Alice:/home/alice:/bin/bash\n");
    await writeFile(join(directory, "group"), "alice:x:20001:\n");
    const env: Record<string, string> = {
      USER: "alice",
      HOME: "/home/alice",
      U_HOME: "/home/alice",
      PORT: "14500",
      TZ: "Europe/Amsterdam",
      XPRA_TOPDIR_INT: "/srv",
      XPRA_SESSION: type,
      XPRA_PASSWORD: Session.password,
      VDI_SESSION_SCRIPT: `/srv/${place}`,
      ...options.env,
    };
    const started = await docker([
      ...["run", "--detach", "--name", session.#name, "--user", "20001:20001", "--read-only", "--cap-drop=ALL"],
      ...["--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777,exec", "--tmpfs", "/run/user:mode=1777,exec"],
      ...["--tmpfs", "/home:exec,uid=20001,gid=20001", "--tmpfs", "/dev/shm:mode=1777"],
      ...["--volume", `${directory}/passwd:/etc/passwd:ro`, "--volume", `${directory}/group:/etc/group:ro`],
      ...["--volume", `${directory}/srv:/srv:ro`],
      ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      ...[sessionImage, ...(options.command ?? ["/usr/lib/vdi/bin/session-entry"])],
    ]);
    if (started.code !== 0) throw new Error(`the session's container did not start: ${started.output}`);
    return session;
  }

  /** The container's name. */
  get name(): string {
    return this.#name;
  }

  /** Waits until Xpra prints that it is ready, and gives what was printed, all of stdout first. */
  async ready(): Promise<string> {
    await untilContainerSays(this.#name, /xpra is ready\./, 150_000);
    return this.logs();
  }

  /** Milliseconds from the container's start to the line that Xpra is ready, both by the engine's clock. */
  async startMs(): Promise<number> {
    const { output: started } = await docker(["inspect", "--format", "{{.State.StartedAt}}", this.#name]);
    const { output } = await docker(["logs", "--timestamps", this.#name]);
    const line = output.split("\n").find((text) => text.includes("xpra is ready.")) ?? "";
    const took = Date.parse(line.split(" ")[0] ?? "") - Date.parse(started.trim());
    if (Number.isNaN(took)) throw new Error(`there is no line that Xpra is ready:\n${output}`);
    return took;
  }

  async logs(): Promise<string> {
    return (await docker(["logs", this.#name])).output;
  }

  /** Where Xpra listens. */
  async address(): Promise<{ readonly host: string; readonly port: number }> {
    const { output } = await docker(["inspect", "--format", "{{.NetworkSettings.IPAddress}}", this.#name]);
    return { host: output.trim(), port: 14_500 };
  }

  /** Runs a shell command inside, as the user. */
  async inside(command: string, timeoutMs?: number): Promise<Outcome> {
    return docker(["exec", this.#name, "sh", "-c", command], timeoutMs);
  }

  /** Waits for a shell command inside to succeed. */
  async eventually(command: string): Promise<string> {
    const outcome = await docker(["exec", this.#name, "timeout", "55", "sh", "-c", `until ${command}; do sleep 0.2; done`]);
    if (outcome.code !== 0) throw new Error(`never true inside: ${command}\n${outcome.output}\n${await this.logs()}`);
    return outcome.output;
  }

  /** Xpra's own client, in a container beside this one. */
  async client(command: string, password: string, port = 14_500): Promise<Outcome> {
    const { host } = await this.address();
    const credentials = password === "" ? "alice" : `alice:${password}`;
    const url = `tcp://${credentials}@${host}:${port}/`;
    return docker(["run", "--rm", "--env", "HOME=/tmp", "--tmpfs", "/tmp", sessionImage, "timeout", "40", "xpra", command, url]);
  }

  /** Exit code of the container, once it has ended. */
  async ended(): Promise<number> {
    const waited = await docker(["wait", this.#name]);
    if (waited.code !== 0 || !/^\d+\s*$/.test(waited.output))
      throw new Error(`the session did not end within a minute: ${waited.output}\n${await this.logs()}`);
    return Number(waited.output.trim());
  }

  /** Ends the container as the kubelet does, and gives its exit code: 137 when it had to be killed after the grace period. */
  async stop(): Promise<number> {
    await docker(["stop", "--time", "20", this.#name]);
    return this.ended();
  }

  async remove(): Promise<void> {
    this.#forget();
    await docker(["rm", "--force", "--volumes", this.#name]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
