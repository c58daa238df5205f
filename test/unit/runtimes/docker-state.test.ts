import { describe, expect, it } from "vitest";
import { EngineError } from "../../../src/engine/engine-client.ts";
import { modeArchive } from "../../../src/runtimes/docker-files.ts";
import { withoutHeaders } from "../../../src/runtimes/docker-log.ts";
import { dockerRefusal } from "../../../src/runtimes/docker-refusal.ts";
import {
  type ContainerContext,
  containerFacts,
  containerView,
  type InspectedContainer,
  type Outage,
  outageOf,
} from "../../../src/runtimes/docker-state.ts";
import type { SessionMarks } from "../../../src/runtimes/session-life.ts";
import { SessionRefusal } from "../../../src/session/refusal.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const never = "0001-01-01T00:00:00Z";

function ago(seconds: number): string {
  return new Date(now - seconds * 1000).toISOString();
}

interface Changes extends Partial<InspectedContainer["State"]> {
  readonly name?: string;
  readonly made?: number;
  readonly address?: string;
}

function container({ name = "vdi-demo-s-alice-desktop", made = 60, address = "10.213.0.2", ...state }: Changes): InspectedContainer {
  return {
    Id: "0123456789abcdef",
    Name: `/${name}`,
    Created: ago(made),
    State: { Status: "created", Running: false, OOMKilled: false, ExitCode: 0, Error: "", StartedAt: never, FinishedAt: never, ...state },
    Config: {
      Labels: {
        "vdi.xpra.org/deployment": "demo",
        "vdi.xpra.org/session": "alice-desktop",
        "vdi.xpra.org/owner": "alice",
        "vdi.xpra.org/uid": "20001",
      },
      Env: ["USER=alice", "XPRA_PASSWORD=s3cret"],
      ExposedPorts: { "14500/tcp": {} },
    },
    NetworkSettings: { Networks: { other: { IPAddress: "10.0.0.9" }, "vdi-demo-s-alice-desktop": { IPAddress: address } } },
  };
}

function running(secondsAgo: number): Changes {
  return { Status: "running", Running: true, StartedAt: ago(secondsAgo) };
}

function exited(code: number, secondsAgo = 5): Changes {
  return { Status: "exited", ExitCode: code, StartedAt: ago(600), FinishedAt: ago(secondsAgo) };
}

const ending = "vdi-demo-s-alice-desktop--ending-0123456789ab";
const aside: ContainerContext = { endingSince: now - 10_000, gracePeriodSeconds: 30, outages: [] };
const outage: Outage = { from: now - 8_000, to: now - 2_000 };

const cases: readonly [string, InspectedContainer, SessionMarks, string, Partial<ContainerContext>?][] = [
  ["just made", container({ made: 1 }), {}, "starting preparing"],
  ["made and not started, by a broker that died", container({ made: 11 }), {}, "absent"],
  ["runs, not ready", container(running(5)), {}, "starting starting"],
  ["runs, ready", container(running(5)), { ready: true }, "ready 10.213.0.2:14500 s3cret"],
  ["ready without an address", container({ ...running(5), address: "" }), { ready: true }, "starting starting"],
  ["has run for long", container(running(3600)), {}, "ready 10.213.0.2:14500 s3cret"],
  ["completed", container(exited(0)), { ready: true }, "failed ended"],
  ["crashed", container(exited(127)), {}, "failed crashed"],
  ["killed by somebody", container(exited(137)), {}, "failed crashed"],
  ["out of memory", container({ ...exited(137), OOMKilled: true }), {}, "failed memory"],
  ["a program out of memory, the desktop ended well", container({ ...exited(0), OOMKilled: true }), {}, "failed ended"],
  ["the disk is full", container({ ...exited(1), Error: "write /x: no space left on device" }), {}, "failed no-space"],
  ["killed as the engine stopped", container(exited(137)), {}, "failed machine", { outages: [outage] }],
  ["ended well as the engine stopped", container(exited(0)), {}, "failed machine", { outages: [outage] }],
  ["ended with an error of its own as the engine stopped", container(exited(3)), {}, "failed crashed", { outages: [outage] }],
  ["out of memory as the engine stopped", container({ ...exited(137), OOMKilled: true }), {}, "failed memory", { outages: [outage] }],
  ["ended long before the engine stopped", container(exited(1, 60)), {}, "failed crashed", { outages: [outage] }],
  ["ended after the engine had come back", container(exited(1, 1)), {}, "failed crashed", { outages: [outage] }],
  ["ended and the engine saw it only afterwards", container(exited(255)), {}, "failed machine"],
  ["on its way out", container({ ...running(60), name: ending }), { ready: true }, "ending"],
  ["has ended on its way out", container({ ...exited(0), name: ending }), {}, "ending"],
  ["being removed", container({ ...exited(0), Status: "removing" }), {}, "ending"],
  ["its grace just over", container({ ...running(60), name: ending }), {}, "ending", { endingSince: now - 40_000 }],
  ["does not go away", container({ ...running(90), name: ending }), {}, "ending overdue", { endingSince: now - 61_000 }],
  ["asked to end", container(running(60)), { removed: true }, "ending"],
];

describe("containerView", () => {
  it.each(cases)("%s", (_, object, marks, expected, context = {}) => {
    const { status, owner } = containerView(containerFacts(object, { ...aside, ...context }), marks, now);
    expect(owner).toEqual({ name: "alice", uid: 20001 });
    const words = [
      status.state,
      status.state === "starting" ? status.phase : "",
      status.state === "ending" && status.overdue ? "overdue" : "",
      status.state === "failed" ? status.reason : "",
      status.state === "ready" ? `${status.address.host}:${status.address.port} ${status.address.secret}` : "",
    ];
    expect(words.filter(Boolean).join(" ")).toBe(expected);
  });

  it("keeps the engine's own words for the admin, without the session's password", () => {
    const detail = (object: InspectedContainer): string => {
      const { status } = containerView(containerFacts(object, aside), {}, now);
      return status.state === "failed" || status.state === "ending" ? status.detail : "";
    };
    expect(detail(container({ ...exited(127), Error: "exec XPRA_PASSWORD=s3cret: not found" }))).toBe(
      "code 127, exec XPRA_PASSWORD=(secret): not found",
    );
    expect(detail(container({ ...exited(137), OOMKilled: true }))).toBe("code 137, killed for memory");
    expect(detail(container({ ...running(60), name: ending }))).toBe(
      "container 0123456789ab is running, to be gone by 2026-01-01T12:00:20.000Z",
    );
  });

  it("knows nothing of a container that is not there", () => {
    expect(containerView(undefined, {}, now)).toEqual({ status: { state: "absent" } });
  });

  it("gives a container without an owner to nobody", () => {
    const bare = { ...container({}), Config: { Labels: null, Env: null, ExposedPorts: null } };
    expect(containerFacts(bare, aside)).toMatchObject({ owner: { name: "", uid: -1 }, port: 0, secret: "" });
  });
});

it("tells when a container that always runs did not", () => {
  expect(outageOf(container(running(60)))).toBeUndefined();
  expect(outageOf(container({ ...running(60), FinishedAt: ago(70) }))).toEqual({ from: now - 70_000, to: now - 60_000 });
  expect(outageOf(container(exited(137)))).toEqual({ from: now - 5_000, to: Number.POSITIVE_INFINITY });
});

it.each([
  [404, "No such image: vdi-xfce4:latest", "image"],
  [404, "No such container: 0123", "lost"],
  [400, 'OCI runtime create failed: exec: "/usr/lib/vdi/bin/session-entry": no such file or directory', "configuration"],
  [400, 'invalid mount config for type "bind": bind source path does not exist: /x', "configuration"],
  [400, "Minimum memory limit allowed is 6MB", "not-accepted"],
  [500, "mkdir /var/lib/docker/overlay2/x: no space left on device", "no-space"],
  [500, "error creating vxlan", "away"],
  [0, "connect ENOENT", "away"],
])("takes %i %s for %s", (status, message, reason) => {
  const error = new EngineError({ method: "POST", path: "/containers/create" }, status, `${message} s3cret`);
  const refusal = dockerRefusal(error, "s3cret");
  expect(refusal).toMatchObject({ reason, detail: expect.stringContaining(message) });
  expect(JSON.stringify(refusal)).not.toContain("s3cret");
});

it("tells a socket that may not be used from an engine that is away", () => {
  expect(dockerRefusal(new EngineError({ path: "/x" }, 0, "connect EACCES", "EACCES"), "\0")).toMatchObject({ reason: "forbidden" });
  const full = Object.assign(new Error("ENOSPC: no space left on device, mkdir '/x'"), { code: "ENOSPC" });
  expect(dockerRefusal(full, "\0")).toMatchObject({ reason: "no-space", detail: full.message });
  const refusal = new SessionRefusal("no-room", { detail: "no space left on device" });
  expect(dockerRefusal(refusal, "\0")).toBe(refusal);
  const other = new Error("ours");
  expect(dockerRefusal(other, "\0")).toBe(other);
});

describe("both streams of a log", () => {
  const frame = (stream: number, text: string): Buffer => {
    const head = Buffer.alloc(8);
    head[0] = stream;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const whole = Buffer.concat([frame(1, "vdi: phase one\n"), frame(2, ""), frame(2, "xpra is re"), frame(2, "ady.\n")]);

  it.each([1, 3, 8, 9, 1000])("come out as they went in, in pieces of %i bytes", async (size) => {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
    }
    let text = "";
    for await (const piece of withoutHeaders(pieces())) text += piece.toString();
    expect(text).toBe("vdi: phase one\nxpra is ready.\n");
  });
});

it("makes an archive that changes one directory's mode only", () => {
  const archive = Buffer.from(modeArchive(0o1777));
  expect(archive.length).toBe(1536);
  expect(archive.subarray(0, 2).toString()).toBe("/\0");
  const octal = (from: number, to: number): number => Number.parseInt(archive.subarray(from, to).toString(), 8);
  expect(octal(100, 108)).toBe(0o1777);
  expect(archive[156]).toBe("5".charCodeAt(0));
  const blank = Buffer.from(archive.subarray(0, 512)).fill(" ", 148, 156);
  expect(octal(148, 156)).toBe(blank.reduce((sum, byte) => sum + byte, 0));
});
