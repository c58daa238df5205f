import { spawn } from "node:child_process";
import { join } from "node:path";
import { proxyImage } from "../support/images.ts";
import { Rig } from "./rig.ts";

/** Who signs in with the right password, and from where. */
export interface GoodUser {
  readonly user: string;
  readonly address: string;
}

/** What the load program is to do (load.py). Addresses are of 127.0.0.0/8: it runs in the proxy's own network namespace. */
export interface LoadOrder {
  readonly seconds: number;
  readonly wrongPerSecond: number;
  /** How many wrong ones may wait for their answer; 256 when not given. */
  readonly unanswered?: number;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  readonly good: readonly GoodUser[];
  readonly goodPerSecond: number;
  /** False: no turns without wrong passwords. */
  readonly quiet?: boolean;
  /** Turns without and with wrong passwords, one after the other. */
  readonly slices?: number;
  /** True: good users attach by Xpra's protocol as well, which asks for the password once more. */
  readonly attach?: boolean;
}

/** How good users fared: milliseconds, and what went wrong. */
export interface Fared {
  readonly signIn: readonly number[];
  readonly attach: readonly number[];
  readonly failed: readonly string[];
}

/** What came of it. */
export interface Load {
  /** Answers to wrong passwords, by HTTP status. */
  readonly wrong: Readonly<Record<string, number>>;
  readonly quiet: Fared;
  readonly loaded: Fared;
}

/** Beyond the seconds of the order: logins that are under way at its end, and the start of the container. */
const graceSeconds = 120;

/** Sends wrong passwords, and right ones beside them. Throws with the program's words when it fails or does not come to an end. */
export async function loadOn(rig: Rig, order: LoadOrder, signal?: AbortSignal): Promise<Load> {
  const mounts = ["load.py", "raw_client.py"].flatMap((file) => ["-v", `${join(import.meta.dirname, file)}:/load/${file}:ro`]);
  const turns = order.quiet === false ? 1 : 2;
  const deadline = AbortSignal.timeout((turns * order.seconds + graceSeconds) * 1_000);
  const network = `--network=container:${rig.name}-proxy`;
  const args = ["run", "--rm", "-i", "--init", network, ...mounts, proxyImage, "python3", "/load/load.py"];
  const child = spawn("docker", args, {
    stdio: ["pipe", "pipe", "pipe"],
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  });
  child.stdin.end(JSON.stringify({ host: "127.0.0.1", port: 8443, password: Rig.password, display: "desktop", ...order }));
  let out = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (thrown) => {
      reject(deadline.aborted ? new Error(`the load program did not come to an end; it said: ${said.slice(-2_000)}`) : thrown);
    });
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`the load program ended with ${code}: ${said.slice(-2_000)}`);
  return JSON.parse(out) as Load;
}
