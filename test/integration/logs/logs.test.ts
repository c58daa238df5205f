import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { kubeTransport } from "../../../src/kube/transport.ts";
import type { LogItem } from "../../../src/logs/read-logs.ts";
import { sessionLabels } from "../../../src/manifests/labels.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { type RunResult, runVdi } from "../support/run-vdi.ts";

let directory = "";
let kube: FakeKube;
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "vdi-logs-")), "vdi-stp");
  mkdirSync(join(directory, "deploy"), { recursive: true });
  writeFileSync(
    join(directory, "deploy/vdi.env"),
    "XPRA_REGISTRY_SRV=127.0.0.1:9\nEXTERNALIPS=192.0.2.10\nDOMNAME=example.test\nXPRA_WORKERS=all\n",
  );
  kube = await new FakeKube().start();
});
afterEach(async () => {
  await kube.stop();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

function pod(name: string, owner: string, run = "1"): V1Pod {
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: sessionLabels("vdi-stp", "desktop"),
      annotations: { "vdi.xpra.org/owner": owner },
    },
    spec: { containers: [{ name: "session", env: [{ name: "XPRA_PASSWORD", value: "q7k2m9x4" }] }] },
    status: {
      phase: "Running",
      containerStatuses: [
        {
          name: "session",
          image: "x",
          imageID: "x",
          ready: true,
          restartCount: 0,
          containerID: `containerd://${name}-${run}`,
          state: { running: {} },
        },
      ],
    },
  };
}

const vdi = (argv: readonly string[], signal?: AbortSignal, onItem?: (item: LogItem) => void): Promise<RunResult> =>
  runVdi(argv, {
    cwd: directory,
    ports: { connectKube: async () => kubeTransport({ server: kube.url }) },
    ...(signal === undefined ? {} : { signal }),
    ...(onItem === undefined ? {} : { onData: (data) => onItem(data as LogItem) }),
  });

/** A `vdi logs --follow` that is under way. */
function following(who: string): { seen: string[]; until(text: string): Promise<void>; stop(): void; run: Promise<RunResult> } {
  const end = new AbortController();
  const seen: string[] = [];
  let wake: () => void = () => undefined;
  const until = async (text: string): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!seen.includes(text)) {
      if (Date.now() > deadline) throw new Error(`'${text}' did not come within 20 s; so far: ${seen.join(", ")}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 500);
      });
    }
  };
  const run = vdi(["logs", "session", who, "--follow"], end.signal, ({ text }) => {
    seen.push(text ?? "");
    wake();
  });
  return { seen, until, stop: () => end.abort(), run };
}

describe("vdi logs", () => {
  it("mixes the logs of all pods in the order of time, without secrets", async () => {
    kube.put(pod("alice-desktop", "alice"));
    kube.put(pod("alice-seamless", "alice"));
    kube.put(pod("bob-desktop", "bob"));
    kube.log("alice-desktop", "2026-11-25T18:00:00.1Z first q7k2m9x4");
    kube.log("alice-desktop", "2026-11-25T18:00:02Z third");
    kube.log("alice-seamless", '2026-11-25T18:00:01Z {"event":"second","user":"alice"}');
    kube.log("bob-desktop", "2026-11-25T18:00:01Z not hers");
    const human = await vdi(["logs", "session", "alice"]);
    expect(human).toMatchObject({ exitCode: 0, stderr: "" });
    expect(human.stdout).toBe("alice-desktop first (secret)\nalice-seamless second user=alice\nalice-desktop third\n");
    const lines = (await vdi(["logs", "session", "alice-seamless", "-o", "json"])).stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: "2026-11-25T18:00:01Z",
        namespace: "vdi-stp",
        pod: "alice-seamless",
        container: "session",
        event: { event: "second", user: "alice" },
      },
    ]);
    await vdi(["logs", "session", "--since", "1h30m", "--tail", "5", "--previous"]);
    const asked = kube.seen.at(-1)?.query;
    expect([asked?.get("sinceSeconds"), asked?.get("tailLines"), asked?.get("previous")]).toEqual(["5400", "5", "true"]);
  });

  it("follows through a cut connection, a restarted container and a new pod, each line once", async () => {
    kube.put(pod("alice-desktop", "alice"));
    kube.log("alice-desktop", "2026-11-25T18:00:00.1Z one");
    const { seen, until, stop, run } = following("alice");
    await until("one");
    kube.log("alice-desktop", "2026-11-25T18:00:00.2Z two");
    await until("two");
    kube.dropConnections();
    kube.log("alice-desktop", "2026-11-25T18:00:00.3Z three");
    await until("three");
    kube.put(pod("bob-desktop", "bob"));
    kube.log("bob-desktop", "2026-11-25T18:00:04Z not hers");
    kube.put(pod("alice-seamless", "alice"));
    kube.log("alice-seamless", "2026-11-25T18:00:05Z four");
    await until("four");
    kube.delete("alice-desktop");
    kube.put(pod("alice-desktop", "alice", "2"));
    kube.log("alice-desktop", "2026-11-25T18:00:06Z five");
    await until("five");
    stop();
    const { exitCode, stderr, stdout, progress } = await run;
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: "" });
    expect(seen).toEqual(["one", "two", "three", "four", "five"]);
    expect(stdout.split("\n").length).toBe(6);
    expect(progress.join("\n")).toContain("alice-seamless joins");
  });

  it("follows many pods without a warning about itself", async () => {
    const warned: string[] = [];
    const onWarning = ({ message }: Error): number => warned.push(message);
    process.on("warning", onWarning);
    try {
      const pods = Array.from({ length: 14 }, (_, at) => `alice-type${at}`);
      for (const name of pods) {
        kube.put(pod(name, "alice"));
        kube.log(name, `2026-11-25T18:00:00Z ${name}`);
      }
      const { until, stop, run } = following("alice");
      for (const name of pods) await until(name);
      stop();
      await run;
    } finally {
      process.off("warning", onWarning);
    }
    expect(warned).toEqual([]);
  });

  it("says of a pod that went unseen that it is gone", async () => {
    kube.put(pod("alice-desktop", "alice"));
    kube.log("alice-desktop", "2026-11-25T18:00:00Z one");
    const { until, stop, run } = following("alice");
    await until("one");
    kube.dropConnections();
    kube.delete("alice-desktop");
    kube.compact();
    // Its line comes after the list that the pod is missing from.
    kube.put(pod("alice-seamless", "alice"));
    kube.log("alice-seamless", "2026-11-25T18:00:01Z two");
    await until("two");
    stop();
    expect((await run).progress).toContain("alice-desktop is gone");
  });

  it.each([
    ["the pods", /pods$/, 403],
    ["the pods, being nobody", /pods$/, 401],
    ["a log", /log$/, 403],
  ])("ends with the refusal when it may not follow %s", async (_, path, status) => {
    kube.put(pod("alice-desktop", "alice"));
    kube.faults.push({ method: "GET", path, status, reason: status === 403 ? "Forbidden" : "Unauthorized", message: "bob may not" });
    const { exitCode, stderr } = await vdi(["logs", "session", "--follow"]);
    expect(exitCode).toBe(5);
    expect(stderr).toContain("the logs of vdi-stp cannot be read");
  });

  it.each([
    [["logs", "session", "carol"], 1, "called 'carol'"],
    [["logs", "--since", "yesterday"], 2, "--since needs a duration"],
    [["logs", "door"], 2, "Allowed choices are proxy, broker, session"],
  ])("refuses %j in words", async (argv, exitCode, words) => {
    const result = await vdi(argv);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(words);
  });
});
