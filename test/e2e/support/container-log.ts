import { createInterface } from "node:readline";
import { execa } from "execa";

/** What a container has printed so far; what stands in one stream may come before what the other one had earlier. */
export async function containerLog(name: string): Promise<string> {
  return (await execa("docker", ["logs", name], { all: true, reject: false })).all;
}

/**
 * Waits until a container prints such a line, and gives the line; at once where it has done so already. Fails with the whole log when
 * the line does not come in time, or the container ends without it.
 */
export async function untilContainerSays(name: string, pattern: RegExp, deadlineMs: number): Promise<string> {
  const following = execa("docker", ["logs", "-f", name], { all: true, timeout: deadlineMs, reject: false, buffer: false });
  try {
    for await (const line of createInterface({ input: following.all })) {
      if (pattern.test(line)) return line;
    }
  } finally {
    // It would go on until the container ends or prints something more.
    following.kill();
  }
  throw new Error(`${name} did not say ${pattern} within ${deadlineMs} ms; it said:\n${await containerLog(name)}`);
}
