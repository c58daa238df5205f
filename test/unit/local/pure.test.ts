import { PassThrough } from "node:stream";
import type Dockerode from "dockerode";
import { describe, expect, it } from "vitest";
import { engineError } from "../../../src/local/engine-error.ts";
import { clusterEnv } from "../../../src/local/export.ts";
import { addressValues, localValues, pageAddress } from "../../../src/local/local-values.ts";
import { followLocalLog, linesOf } from "../../../src/local/logs.ts";
import { engineSocket } from "../../../src/local/up.ts";
import { VdiError } from "../../../src/util/vdi-error.ts";

describe("the address", () => {
  it("is what a user types", () => {
    expect(pageAddress({ listen: "127.0.0.1", port: 8443 })).toBe("https://localhost:8443/");
    expect(pageAddress({ listen: "0.0.0.0", port: 443 })).toBe("https://localhost/");
    expect(pageAddress({ listen: "192.0.2.10", port: 8443 })).toBe("https://192.0.2.10:8443/");
    // The name localhost leads nobody there.
    expect(pageAddress({ listen: "127.0.0.2", port: 8443 })).toBe("https://127.0.0.2:8443/");
  });

  it("is kept, and the certificate is for it", () => {
    expect([...addressValues(undefined, 9443, true)]).toEqual([["XPRA_LOCAL_PORT", "9443"]]);
    expect([...addressValues("192.0.2.10", undefined, true)]).toEqual([
      ["XPRA_LOCAL_LISTEN", "192.0.2.10"],
      ["EXTERNALIPS", "127.0.0.1 192.0.2.10"],
    ]);
    expect(addressValues("127.0.0.2", undefined, true).get("EXTERNALIPS")).toBe("127.0.0.1 127.0.0.2");
    for (const listen of ["127.0.0.1", "0.0.0.0"]) expect(addressValues(listen, undefined, true).has("EXTERNALIPS")).toBe(false);
  });

  it("leaves a cluster's addresses as they are", () => {
    expect([...addressValues("192.0.2.10", undefined, false)]).toEqual([["XPRA_LOCAL_LISTEN", "192.0.2.10"]]);
  });
});

describe("the engine's socket", () => {
  it("is that of DOCKER_HOST where it names one", () => {
    expect(engineSocket(undefined)).toBe("/var/run/docker.sock");
    expect(engineSocket("unix:///run/user/1000/docker.sock")).toBe("/run/user/1000/docker.sock");
    expect(engineSocket("tcp://192.0.2.7:2376")).toBe("/var/run/docker.sock");
  });
});

describe("a failure of the engine", () => {
  const told = (message: string): VdiError => {
    const error = engineError(Object.assign(new Error(message), { statusCode: 500 }), "it could not be done");
    if (!(error instanceof VdiError)) throw new Error("it is no VdiError");
    return error;
  };

  it("says what to try", () => {
    expect(told("(HTTP code 500) server error - no space left on device").tries[1]).toMatch(/^docker system prune/);
    expect(told("(HTTP code 500) server error - Bind for 127.0.0.1:8443 failed: port is already allocated")).toMatchObject({
      what: "it could not be done",
      why: "Bind for 127.0.0.1:8443 failed: port is already allocated",
      tries: ["vdi local up --port PORT (another port; it is kept in deploy/vdi.env)"],
    });
  });

  it("is none where the program itself is at fault", () => {
    const bug = new TypeError("x is undefined");
    expect(engineError(bug, "it could not be done")).toBe(bug);
  });
});

describe("a log", () => {
  it("is not followed any more after an abort while the engine was asked", async () => {
    const interrupt = new AbortController();
    const stream = new PassThrough();
    const container = {
      inspect: async () => ({ Config: {} }),
      logs: async () => {
        interrupt.abort();
        return stream;
      },
    };
    const docker = { getContainer: () => container } as unknown as Dockerode;
    const log = followLocalLog(docker, "broker", { tail: undefined, since: undefined }, interrupt.signal);
    expect(await log.next()).toEqual({ done: true, value: undefined });
    expect(stream.destroyed).toBe(true);
  });

  it("is read frame by frame, and what is not whole yet waits", () => {
    const frame = (text: string): Buffer => {
      const head = Buffer.alloc(8);
      head[0] = 1;
      head.writeUInt32BE(Buffer.byteLength(text), 4);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    const bytes = Buffer.concat([frame("2026-01-01T00:00:00.1Z one\n"), frame("2026-01-01T00:00:00.2Z two words\r\n")]);
    const { lines, rest } = linesOf(bytes.subarray(0, bytes.length - 3));
    expect(lines).toEqual([{ time: "2026-01-01T00:00:00.1Z", text: "one" }]);
    expect(linesOf(Buffer.concat([rest, bytes.subarray(bytes.length - 3)])).lines).toEqual([
      { time: "2026-01-01T00:00:00.2Z", text: "two words" },
    ]);
  });
});

describe("the way to a cluster", () => {
  const local = [...localValues("vdi-local")].map(([name, value]) => `${name}=${value}`).join("\n");

  it("leaves open what only fits one machine", () => {
    const text = clusterEnv(
      `${local}\nXPRA_LOCAL_LISTEN=192.0.2.10\nIMAGE_DESKTOP_OFFICE=localhost/vdi-local/vdi-office\nREPLICAS=2\nXPRA_LOCAL_PORT=9443`,
      new Map([["DOMNAME", "example.org"]]),
    );
    expect(text).toContain("XPRA_REGISTRY_SRV=CHANGEME\n");
    expect(text).toContain("EXTERNALIPS=CHANGEME\n");
    expect(text).toContain("DOMNAME=example.org\n");
    expect(text).toContain("IMAGE_DESKTOP_OFFICE=${XPRA_REGISTRY_SRV}/vdi-office\n");
    expect(text).toContain("REPLICAS=2\n");
    expect(text).not.toContain("XPRA_LOCAL_LISTEN");
    expect(text).not.toContain("XPRA_LOCAL_PORT");
  });

  it("asks for the address also where the machine had one for others", () => {
    const text = `${local}\n`.replace("EXTERNALIPS=127.0.0.1", "EXTERNALIPS=192.0.2.10");
    expect(clusterEnv(text, new Map())).toContain("EXTERNALIPS=CHANGEME\n");
    expect(clusterEnv(text, new Map([["EXTERNALIPS", "192.0.2.20"]]))).toContain("EXTERNALIPS=192.0.2.20\n");
  });

  it("keeps what an admin had decided for a cluster", () => {
    const text = "XPRA_REGISTRY_SRV=registry.example.org\nEXTERNALIPS=192.0.2.1\nDOMNAME=example.org\nXPRA_WORKERS=all\n";
    expect(clusterEnv(text, new Map())).toBe(text);
  });
});
