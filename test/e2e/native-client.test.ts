import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../start/demo.ts";
import { testDemo } from "./support/demo.ts";
import { type Kubectl, kubectlFor } from "./support/kubectl.ts";
import { type NativeClient, startNativeClient } from "./support/native-client.ts";

let demo: Demo;
let kubectl: Kubectl;
let client: NativeClient | undefined;

beforeAll(async () => {
  demo = await testDemo();
  kubectl = kubectlFor(demo.kubeconfig);
}, 2_400_000);

afterEach(async () => {
  await client?.stop();
  client = undefined;
  await kubectl.removeSessions(demo.namespace);
});

async function attach(scheme: string, display: string, password = demo.password): Promise<NativeClient> {
  const host = new URL(demo.url).hostname;
  client = await startNativeClient(demo.baseImage, password, ["attach", `${scheme}://xpra-user01@${host}:443/${display}`]);
  return client;
}

describe("Xpra's own client", () => {
  it.each(["wss", "ssl"])("attaches by %s and sees the session's windows", async (scheme) => {
    const running = await attach(scheme, "seamless");
    await running.line(/Attached to/i);
    await expect.poll(() => running.windows(), { timeout: 30_000, interval: 500 }).toContainEqual(expect.stringMatching(/xterm|terminal/i));
    const pods = await kubectl.sessionPods(demo.namespace);
    expect(pods.map((pod) => pod.metadata?.name)).toEqual(["xpra-user01-seamless"]);
  });

  it("is told in words that a type does not exist", async () => {
    const log = await (await attach("wss", "no-such-type")).ended();
    expect(log).toMatch(/no-such-type|session type/i);
    expect(log).not.toContain(demo.password);
  });

  it("is refused with a wrong password, and nothing starts", async () => {
    const log = await (await attach("ssl", "seamless", "not-the-password")).ended();
    expect(log).toMatch(/authentication failed/i);
    expect(await kubectl.sessionPods(demo.namespace)).toEqual([]);
  });

  it.each(["info", "version", "id", "stop", "screenshot", "control"])("creates no session by xpra %s", async (subcommand) => {
    const host = new URL(demo.url).hostname;
    const more = subcommand === "screenshot" ? ["/tmp/shot.png"] : [];
    const rest = subcommand === "control" ? ["start", "touch", "/tmp/x"] : [];
    client = await startNativeClient(demo.baseImage, demo.password, [
      subcommand,
      ...more,
      `wss://xpra-user01@${host}:443/seamless`,
      ...rest,
    ]);
    // The version is the proxy's own, which it tells everybody.
    expect(await client.ended()).toMatch(subcommand === "version" ? /^\d+\.\d+\.\d+(-r\d+)?$/m : /not possible here/);
    expect(await kubectl.sessionPods(demo.namespace)).toEqual([]);
  });
});

describe("a session's own port", () => {
  it("refuses whoever does not know the session's password", async () => {
    const running = await attach("wss", "seamless");
    await running.line(/Attached to/i);
    const [pod] = await kubectl.sessionPods(demo.namespace);
    const stranger = await startNativeClient(demo.baseImage, "not-the-password", [
      "info",
      `tcp://xpra-user01@${pod?.status?.podIP}:14500/`,
    ]);
    try {
      expect(await stranger.ended()).toMatch(/authentication failed/i);
    } finally {
      await stranger.stop();
    }
  });
});
